import { expect, test } from "bun:test";
import { fromBase64 } from "./kv-text.ts";

/** Made with Go's encoding/base64: the byte at which its decoder stops. */
test.each([
  ["*", 0],
  ["a", 0],
  ["abc", 0],
  ["abcde", 4],
  ["abcd*", 4],
  ["a=bc", 1],
  ["=abc", 0],
  ["ab=", 3],
  ["ab=\n", 4],
  ["ab=c", 2],
  ["99\n=/", 3],
  ["ab==x", 4],
  ["ab==\nx", 5],
  ["abc=x", 4],
  ["abc\n=x", 5],
  ["abcd=", 4],
  ["abcdab==abcd", 8],
  ["\u00e9", 0],
] as const)("%j is no base 64 from byte %d on", (text, at) => {
  expect(fromBase64(text)).toEqual({
    kind: "problem",
    problem: `illegal base64 data at input byte ${at}`,
  });
});

test.each([
  ["", ""],
  ["\n", ""],
  ["aGVs\r\nbG8=", "hello"],
  ["aGk\n=", "hi"],
])("%j is %j", (text, plain) => {
  expect(fromBase64(text)).toEqual({ kind: "bytes", bytes: new TextEncoder().encode(plain) });
});
