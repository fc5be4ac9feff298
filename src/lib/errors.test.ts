import { expect, test } from "bun:test";
import { DecodeError } from "./errors.ts";

test("an error is its message as a text", () => {
  expect(String(new DecodeError("no good"))).toBe("no good");
  expect(String(new DecodeError("outer", { cause: new DecodeError("inner") }))).toBe("outer");
});
