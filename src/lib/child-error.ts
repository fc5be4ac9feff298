import { ProconsulError } from "./errors.ts";

/** A program that could not be started; the message is Go's: `exec: "x": executable file not found in $PATH`. */
export class ChildError extends ProconsulError {
  readonly code = "child";
}
