/**
 * Go `time.Time`: MarshalBinary's bytes on the wire, RFC 3339 in JSON.
 *
 * Source: protocol reference, MessagePack section 4.
 */
import { DecodeError } from "../../lib/errors.ts";
import { jsonMismatch, type Codec } from "./codec.ts";
import { uint } from "./scalars.ts";

const version = 1;
const byteCount = 15;
/** Seconds from year 1, Go's origin, to 1970. */
const epochSeconds = 62_135_596_800;
const utcOffset = -1;
const zeroJson = '"0001-01-01T00:00:00Z"';

/** Milliseconds since 1970; `null` is Go's zero time. Finer digits of peers are dropped. */
export const time: Codec<number | null> = {
  zero: null,
  isEmpty: (value) => value === null,
  encode: (writer, value) => {
    const bytes = new Uint8Array(byteCount);
    const view = new DataView(bytes.buffer);
    const ms = value ?? -epochSeconds * 1000;
    const seconds = Math.floor(ms / 1000);
    view.setUint8(0, version);
    view.setBigInt64(1, BigInt(seconds + epochSeconds));
    view.setInt32(9, Math.round((ms - seconds * 1000) * 1e6));
    view.setInt16(13, utcOffset);
    writer.bytes(bytes);
  },
  decode: (reader) => {
    const bytes = reader.bytes();
    if (bytes === null) return null;
    if (bytes.length !== byteCount) throw new DecodeError("Time.UnmarshalBinary: invalid length");
    const view = new DataView(bytes.buffer, bytes.byteOffset, byteCount);
    if (view.getUint8(0) !== version) throw new DecodeError("Time.UnmarshalBinary: unsupported version");
    const seconds = Number(view.getBigInt64(1)) - epochSeconds;
    if (seconds === -epochSeconds) return null;
    return seconds * 1000 + Math.floor(view.getInt32(9) / 1e6);
  },
  json: (value) => (value === null ? zeroJson : `"${rfc3339(value)}"`),
  fromJson: (value, path) => {
    if (typeof value !== "string") throw jsonMismatch(value, path, "time.Time");
    // oxlint-disable-next-line no-restricted-globals -- reads the text, not the clock.
    const ms = Date.parse(value);
    if (Number.isNaN(ms)) throw new DecodeError(`parsing time ${JSON.stringify(value)}`);
    return JSON.stringify(value) === zeroJson ? null : ms;
  },
};

/** Milliseconds since 1970 as a number on the wire, as RFC 3339 in JSON; 0 is none. No type of Go's. */
export const instantMs: Codec<number> = {
  ...uint,
  json: (value) => (value === 0 ? zeroJson : `"${rfc3339(value)}"`),
  fromJson: (value, path) => time.fromJson(value, path) ?? 0,
};

/** UTC with as many digits of the second as are needed. */
function rfc3339(ms: number): string {
  // oxlint-disable-next-line no-restricted-globals -- formats the number, not the present.
  const text = new Date(ms).toISOString();
  const digits = text.slice(20, -1).replace(/0+$/, "");
  return `${text.slice(0, 19)}${digits === "" ? "" : `.${digits}`}Z`;
}
