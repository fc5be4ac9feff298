import { expect, test } from "bun:test";
import fc from "fast-check";
import { jsonProblem } from "./go-json.ts";

// Texts measured: Go's encoding/json.
test.each([
  ["", "unexpected end of JSON input"],
  ["{", "unexpected end of JSON input"],
  ['{"a":1,}', "invalid character '}' looking for beginning of object key string"],
  ["// c\n{}", "invalid character '/' looking for beginning of value"],
  ["{} x", "invalid character 'x' after top-level value"],
  ['{"a" 1}', "invalid character '1' after object key"],
  ['{"a":1 2}', "invalid character '2' after object key:value pair"],
  ["[1 2]", "invalid character '2' after array element"],
  ["tru}", "invalid character '}' in literal true (expecting 'e')"],
  ["-}", "invalid character '}' in numeric literal"],
  ["1.}", "invalid character '}' after decimal point in numeric literal"],
  ["1e}", "invalid character '}' in exponent of numeric literal"],
  ['"\\q"', "invalid character 'q' in string escape code"],
  ['"\\u00g0"', "invalid character 'g' in \\u hexadecimal character escape"],
  ['"a\nb"', "invalid character '\\n' in string literal"],
  ["'a'", "invalid character '\\'' looking for beginning of value"],
  [`${"[".repeat(20_000)}`, "exceeded max depth"],
])("%j", (text, problem) => {
  expect(jsonProblem(text)).toBe(problem);
});

test("finds no fault in JSON", () => {
  fc.assert(fc.property(fc.json(), (text) => jsonProblem(text) === undefined));
});

test("finds a fault exactly where the runtime does", () => {
  const pieces = fc.array(
    fc.constantFrom("{", "}", "[", "]", ",", ":", '"', "a", "1", "-", ".", "e", "\\", "true", " "),
  );
  fc.assert(
    fc.property(pieces, (some) => {
      const text = some.join("");
      let isGood = true;
      try {
        JSON.parse(text);
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error;
        isGood = false;
      }
      expect(jsonProblem(text) === undefined).toBe(isGood);
    }),
    { numRuns: 2000 },
  );
});
