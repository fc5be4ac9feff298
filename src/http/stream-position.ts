/**
 * Where a subscriber of a stream stands: an index of the log, and the last user event it saw.
 *
 * User events come by gossip and have no place in the log. As text: `42`, or `42~EVENT-ID`; `0` before anything.
 */

export interface StreamPosition {
  /** 0: nothing seen. */
  readonly index: number;
  /** Id of a user event; "" for none. */
  readonly event: string;
}

/** Reads a position; `undefined` if it is none. */
export function parsePosition(text: string): StreamPosition | undefined {
  const found = /^(\d{1,15})(?:~([0-9a-fA-F-]{0,36}))?$/.exec(text);
  if (found === null) return undefined;
  return { index: Number(found[1]), event: found[2] ?? "" };
}

export function renderPosition({ index, event }: StreamPosition): string {
  return event === "" ? String(index) : `${index}~${event}`;
}
