import { ProconsulError } from "./errors.ts";

/** An exchange over the network that failed, as the system tells it; who asked words it for people. */
export class NetworkError extends ProconsulError {
  readonly code = "network";
  /** errno or TLS name, such as `ECONNREFUSED` or `DEPTH_ZERO_SELF_SIGNED_CERT`; "" if unknown. */
  readonly errno: string;
  /** Address that was dialled, if name resolution got that far. */
  readonly address: string | undefined;

  constructor(
    message: string,
    facts: { readonly errno: string; readonly address: string | undefined; readonly cause: unknown },
  ) {
    super(message, { cause: facts.cause });
    this.errno = facts.errno;
    this.address = facts.address;
  }
}
