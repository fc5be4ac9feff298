import { expect, test } from "bun:test";
import fc from "fast-check";
import { RequestHeadParser } from "./request-head.ts";
import { HttpSyntaxError } from "./syntax-error.ts";

test("fields kept from the head before are those of this head", () => {
  const parser = new RequestHeadParser();
  const head = (value: string): string => `GET / HTTP/1.1\r\nHost: x\r\nA: ${value}`;
  const [one, same, other] = ["1", "1", "2"].map((value) => parser.parse(head(value)));
  expect(same?.fields).toBe(one?.fields as never);
  expect([one, other].map((one) => one?.fields.get("a"))).toEqual(["1", "2"]);
});

test("a repeated field counts once, and blanks around values do not", () => {
  const { fields } = new RequestHeadParser().parse(
    "GET / HTTP/1.1\r\nHost: x\r\nA: \tb c \r\na: d\r\nB:\u00a0",
  );
  expect([fields.get("a"), fields.get("b"), fields.get("c")]).toEqual(["b c", "\u00a0", undefined]);
});

test("mutated heads are parsed or refused, never anything else", () => {
  const good = "PUT /v1/kv/a%20b?dc=x HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\nConnection: close, te";
  const latin1 = fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code));
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(good.length), latin1), { maxLength: 4 }), (edits) => {
      let text = good;
      for (const [at, unit] of edits) text = text.slice(0, at) + unit + text.slice(at + 1);
      try {
        const head = new RequestHeadParser().parse(text);
        expect(head.target).toMatch(/^[!-~]+$/);
        expect(head.method).toMatch(/^[^\s\u0000-\u001f\u007f-\u00ff]+$/);
      } catch (error) {
        expect(error).toBeInstanceOf(HttpSyntaxError);
      }
    }),
    { numRuns: 2000 },
  );
});
