import { ProconsulError } from "./errors.ts";

/** `locked`: another process has it. `corrupt`: it holds what this program did not write. */
export type StorageFailure = "locked" | "read-only" | "full" | "corrupt" | "failed";

/** The disk refused, or lost or changed what it was given; `message` names the place. */
export class StorageError extends ProconsulError {
  readonly code = "storage";
  readonly reason: StorageFailure;
  constructor(reason: StorageFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}
