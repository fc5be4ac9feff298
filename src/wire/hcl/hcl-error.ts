import { DecodeError } from "../../lib/errors.ts";

/** A place in a text; both count from 1, columns in code points. */
export interface HclPosition {
  readonly line: number;
  readonly column: number;
}

/** A text that is no HCL; the message begins with the place, as the reference prints it. */
export class HclError extends DecodeError {
  readonly position: HclPosition;
  /** Without the place. */
  readonly reason: string;

  constructor(position: HclPosition, reason: string) {
    super(`At ${position.line}:${position.column}: ${reason}`);
    this.position = position;
    this.reason = reason;
  }
}

/** The place of an offset in UTF-16 units. O(n): for errors only. */
export function positionAt(text: string, offset: number): HclPosition {
  const before = text.slice(0, offset);
  const lineStart = before.lastIndexOf("\n") + 1;
  const line = before.split("\n").length;
  return { line, column: Array.from(before.slice(lineStart)).length + 1 };
}
