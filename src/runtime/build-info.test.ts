import { expect, test } from "bun:test";
import { buildInfo } from "./build-info.ts";

test("sources that run as they are know their version and runtime, and claim no commit", () => {
  expect(buildInfo()).toEqual({
    version: expect.stringMatching(/^\d+\.\d+\.\d+/),
    compatibleVersion: expect.stringMatching(/^1\.16\.\d+$/),
    revision: "",
    buildDate: "",
    runtime: `bun ${process.versions.bun ?? ""}`,
  });
});
