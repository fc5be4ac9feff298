import { expect, test } from "bun:test";
import { seededRng } from "../lib/rng.ts";
import { makeNodeId, nodeIdProblem, parseNodeIdFile } from "./node-id.ts";

test("a new ID is one, and differs", () => {
  const rng = seededRng(1);
  const [a, b] = [makeNodeId(rng), makeNodeId(rng)];
  expect([nodeIdProblem(a), nodeIdProblem(b), a === b]).toEqual([undefined, undefined, false]);
});

test.each([
  ["abc", "uuid string is wrong length"],
  ["0383a486-c464-4cb2-77fe-0bc4e203003g", "uuid is improperly formatted"],
  ["0383A486-c464-4cb2-77fe-0bc4e2030034", undefined],
])("%s", (id, problem) => {
  expect(nodeIdProblem(id)).toBe(problem);
});

test("a file's ID is trimmed and lowered", () => {
  expect(parseNodeIdFile(" 0383A486-c464-4cb2-77fe-0bc4e2030034\n")).toBe(
    "0383a486-c464-4cb2-77fe-0bc4e2030034",
  );
  expect(parseNodeIdFile("junk")).toBeUndefined();
});
