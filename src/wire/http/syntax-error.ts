import { ProconsulError } from "../../lib/errors.ts";

/** Bytes that are no HTTP/1.1, or more of them than allowed: answered with `status`, then the connection ends. */
export class HttpSyntaxError extends ProconsulError {
  readonly code = "http-syntax";
  readonly status: number;
  constructor(status: number, text: string) {
    super(text);
    this.status = status;
  }
}
