/**
 * What can go wrong between a client and an agent. Messages have the spelling of the reference's Go
 * client, since scripts match on them.
 */
import { ProconsulError } from "../lib/errors.ts";

/** The agent answered with a status that the call does not expect. */
export class StatusError extends ProconsulError {
  readonly code = "client-status";
  readonly status: number;
  /** The reply's body, without surrounding white space. */
  readonly body: string;

  constructor(status: number, body: string) {
    super(`Unexpected response code: ${status} (${body})`);
    this.status = status;
    this.body = body;
  }
}

/** No reply arrived, or it broke off: `Get "http://…": dial tcp …: connect: connection refused`. */
export class TransportError extends ProconsulError {
  readonly code = "client-transport";
}

/** Address, token file or TLS material are no good. */
export class ClientSettingsError extends ProconsulError {
  readonly code = "client-settings";
}

/** The caller asks for something that no agent could answer, such as a key that begins with a slash. */
export class ClientUseError extends ProconsulError {
  readonly code = "client-use";
}
