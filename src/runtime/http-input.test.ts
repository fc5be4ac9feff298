import { expect, test } from "bun:test";
import { HttpSyntaxError } from "../wire/http/syntax-error.ts";
import { HttpInput } from "./http-input.ts";

/** Heads as they are taken while bytes come in pieces of `size`; "refused" where one is. */
function heads(text: string, size: number): readonly string[] {
  const input = new HttpInput();
  const found: string[] = [];
  const bytes = Buffer.from(text, "latin1");
  for (let at = 0; at < bytes.length; at += size) {
    input.append(bytes.subarray(at, at + size));
    try {
      for (let head = input.takeHead(); head !== undefined; head = input.takeHead()) found.push(head);
    } catch (error) {
      if (!(error instanceof HttpSyntaxError)) throw error;
      return [...found, "refused"];
    }
  }
  return found;
}

test.each([
  { text: "GET /a\r\n\r\nGET /b\r\nX: y\r\n\r\n", expected: ["GET /a", "GET /b\r\nX: y"] },
  { text: "\r\nGET /a\r\n\r\n\r\nGET /b\r\n\r\n", expected: ["GET /a", "GET /b"] },
  { text: "\r\n\r\nGET /a\r\n\r\n", expected: ["\r\nGET /a"] },
  { text: "GET /a\r\n\r\n\r\n\r\nGET /b\r\n\r\n", expected: ["GET /a", "\r\nGET /b"] },
  { text: "GET /a\nX: y\n\n", expected: ["refused"] },
])("$text has the same heads however it is cut", ({ text, expected }) => {
  for (const size of [1, 2, 3, 7, 1_000]) expect(heads(text, size)).toEqual(expected);
});
