import { ProconsulError } from "./errors.ts";

/** A file that could not be used; the message is Go's: "open FILE: no such file or directory". */
export class FileError extends ProconsulError {
  readonly code = "file";
}
