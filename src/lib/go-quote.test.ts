import { expect, test } from "bun:test";
import type { ByteString } from "./byte-string.ts";
import { quoteGo, quoteGoBytes } from "./go-quote.ts";

// Expected texts: Go's strconv.Quote.
test.each([
  ["plain/key", '"plain/key"'],
  ["", '""'],
  ['a"b\\c', '"a\\"b\\\\c"'],
  ["\u0007\b\f\n\r\t\v", '"\\a\\b\\f\\n\\r\\t\\v"'],
  ["\u0001\u007f", '"\\x01\\x7f"'],
  ["ü✓😀", '"ü✓😀"'],
  ["\u0085\u00a0\u2028\ufeff", '"\\u0085\\u00a0\\u2028\\ufeff"'],
  ["\u{e0001}", '"\\U000e0001"'],
])("quotes %j", (text, quoted) => {
  expect(quoteGo(text)).toBe(quoted);
});

test.each([
  ["\u00ff", '"\\xff"'],
  ["\u00c3\u00bc", '"ü"'],
  ["a\u00c3", '"a\\xc3"'],
  ["\u00ed\u00a0\u0080", '"\\xed\\xa0\\x80"'],
  ["\u00ef\u00bf\u00bd", '"\ufffd"'],
])("quotes the bytes %j", (bytes, quoted) => {
  expect(quoteGoBytes(bytes as ByteString)).toBe(quoted);
});
