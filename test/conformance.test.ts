import { describe, expect, test } from "bun:test";
import { hasRecordings, readStatus, replay, scenarioNames } from "../tools/conformance.ts";

const replayTimeoutMs = 10 * 60_000;
const label = hasRecordings() ? "" : " (skipped: no recordings in ../shared/conformance)";

describe.skipIf(!hasRecordings())(`recorded conversations with the reference${label}`, () => {
  test("every scenario either passes or waits for a stated reason", () => {
    const { pass, waiting } = readStatus();
    expect([...pass, ...Object.keys(waiting)].toSorted()).toEqual([...scenarioNames()]);
    expect(Object.entries(waiting).filter(([, why]) => why.trim() === "")).toEqual([]);
  });

  test.skipIf(readStatus().pass.length === 0)(
    "those that are said to pass do",
    async () => {
      const { passed, output } = await replay(readStatus().pass);
      const failures = output.split("\n").filter((line) => line.startsWith("FAIL"));
      expect(failures).toEqual([]);
      expect(output).toMatch(/^[1-9]\d* passed, 0 failed$/m);
      expect(passed).toBe(true);
    },
    replayTimeoutMs,
  );
});
