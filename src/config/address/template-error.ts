import { ProconsulError } from "../../lib/errors.ts";

/** An address template that cannot be read or evaluated. The message is the reference's (go-sockaddr). */
export class AddressTemplateError extends ProconsulError {
  readonly code = "address-template";
}
