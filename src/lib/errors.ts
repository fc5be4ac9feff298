/**
 * The one base class of failures: the world let us down, or the caller did.
 *
 * `code` is literal per subclass; `message` is public text, in the reference's spelling where
 * clients match on it. Outcomes that a protocol foresees are return values, not exceptions.
 */
export abstract class ProconsulError extends Error {
  abstract readonly code: string;

  /** The message alone: logs say of themselves that it is an error. */
  override toString(): string {
    return this.message;
  }
}

/** Bytes or text that do not have the promised form. */
export class DecodeError extends ProconsulError {
  readonly code = "decode";
}

/** A request carries more than its limit; what was read so far is dropped. */
export class BodyTooLargeError extends ProconsulError {
  readonly code = "body-too-large";
  constructor(bytesMax: number) {
    super(`Request body too large, max size: ${bytesMax} bytes.`);
  }
}
