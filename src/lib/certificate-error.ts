import { ProconsulError } from "./errors.ts";

/** A certificate that cannot be made; the message is Go's where the reference has one. */
export class CertificateError extends ProconsulError {
  readonly code = "certificate";
}
