import { describe, expect, test } from "bun:test";
import { DecodeError } from "../../lib/errors.ts";
import { Keyring, parseKeyringFile, renderKeyringFile, type KeyringChange } from "./keyring.ts";

const key = (byte: number, length = 16): Uint8Array => new Uint8Array(length).fill(byte);

function keysAfter(change: KeyringChange): readonly (number | undefined)[] {
  if (change.kind !== "changed") throw new Error(change.kind);
  return change.keyring.keys.map((one) => one[0]);
}

describe("a keyring", () => {
  const ring = Keyring.of([key(1), key(2), key(3), key(2)]);

  test("keeps order and drops doubles; the first key is primary", () => {
    expect(ring.keys.map((one) => one[0])).toEqual([1, 2, 3]);
    expect(ring.primary).toEqual(key(1));
  });

  test("installs at the end, once", () => {
    expect(keysAfter(ring.install(key(4, 32)))).toEqual([1, 2, 3, 4]);
    expect(ring.install(key(3))).toEqual({ kind: "unchanged" });
  });

  test("moves the key to use to the front", () => {
    expect(keysAfter(ring.use(key(3)))).toEqual([3, 1, 2]);
    expect(ring.use(key(1))).toEqual({ kind: "unchanged" });
  });

  test("removes, and does not mind a key it does not have", () => {
    expect(keysAfter(ring.remove(key(2)))).toEqual([1, 3]);
    expect(ring.remove(key(9))).toEqual({ kind: "unchanged" });
  });

  test.each([
    { what: "size", change: ring.install(key(1, 17)), text: "key size must be 16, 24 or 32 bytes" },
    { what: "unknown key", change: ring.use(key(9)), text: "Requested key is not in the keyring" },
    { what: "primary key", change: ring.remove(key(1)), text: "Removing the primary key is not allowed" },
  ])("refuses in the reference's words: $what", ({ change, text }) => {
    expect(change).toEqual({ kind: "refused", text });
  });
});

describe("a keyring file", () => {
  test("is a JSON array of base64, primary first", () => {
    const text = renderKeyringFile(Keyring.of([key(0), key(1)]));
    expect(text).toBe('[\n  "AAAAAAAAAAAAAAAAAAAAAA==",\n  "AQEBAQEBAQEBAQEBAQEBAQ=="\n]');
    expect(parseKeyringFile(text).keys).toEqual([key(0), key(1)]);
  });

  test.each(["", "{}", "[]", "[1]", '["x"]', '["AAAA"]'])("is refused when it is none: %p", (text) => {
    expect(() => parseKeyringFile(text)).toThrow(DecodeError);
  });
});
