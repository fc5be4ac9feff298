import { expect, test } from "bun:test";
import { DecodeError } from "../../lib/errors.ts";
import { decodeMsgpack, encodeMsgpack } from "./codec.ts";
import { durationNs } from "./scalars.ts";

const fromHex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "hex"));

test.each([
  { wire: "cfffffffffffffffff", why: "the largest unsigned number" },
  { wire: "cf8000000000000000", why: "one beyond the longest duration" },
])("a duration beyond 63 bits is refused: $why", ({ wire }) => {
  expect(() => decodeMsgpack(durationNs, fromHex(wire))).toThrow(DecodeError);
});

test.each(["cf7fffffffffffffff", "d38000000000000000", "d37fffffffffffffff"])(
  "the longest durations stay what they are, within a double's precision: %s",
  (wire) => {
    const value = decodeMsgpack(durationNs, fromHex(wire));
    expect(decodeMsgpack(durationNs, encodeMsgpack(durationNs, value))).toBe(value);
  },
);
