import { expect, test } from "bun:test";
import fc from "fast-check";
import { ChunkedDecoder } from "./chunked.ts";
import { HttpSyntaxError } from "./syntax-error.ts";

const latin1 = (text: string): Uint8Array => Uint8Array.from(text, (unit) => unit.charCodeAt(0));

test("however a body is cut into chunks and packets, it comes out whole and stops at its end", () => {
  const chunks = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 6 });
  fc.assert(
    fc.property(chunks, fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }), (parts, cuts) => {
      let text = "";
      for (const part of parts) text += `${part.length.toString(16)}\r\n${String.fromCharCode(...part)}\r\n`;
      const end = `${text}0\r\nA: b\r\n\r\n`;
      const bytes = latin1(`${end}GET / HTTP/1.1`);
      const decoder = new ChunkedDecoder();
      const out: Uint8Array[] = [];
      let at = 0;
      for (let i = 0; !decoder.isDone; i += 1) {
        at += decoder.push(bytes.subarray(at, at + (cuts[i % cuts.length] ?? 1)), out);
      }
      expect(at).toBe(end.length);
      expect(Buffer.concat(out)).toEqual(Buffer.concat(parts));
    }),
  );
});

test("random bytes end in an error, an end, or more to come", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom("\r", "\n", "0", "1", "a", ";", ":", " ") }), (text) => {
      try {
        expect(new ChunkedDecoder().push(latin1(text), [])).toBeLessThanOrEqual(text.length);
      } catch (error) {
        expect(error).toBeInstanceOf(HttpSyntaxError);
      }
    }),
  );
});

test("trailers and lines have limits", () => {
  const endless = `${"a".repeat(100)}:\r\n`.repeat(200);
  expect(() => new ChunkedDecoder().push(latin1(`0\r\n${endless}`), [])).toThrow("malformed trailer");
  expect(() => new ChunkedDecoder().push(latin1(`1;${"a".repeat(5000)}`), [])).toThrow("too long");
});
