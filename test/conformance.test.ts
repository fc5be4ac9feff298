import { describe, expect, test } from "bun:test";
import { networkInterfaces } from "node:os";
import { hasRecordings, readStatus, replay, scenarioNames } from "../tools/conformance.ts";

const replayTimeoutMs = 10 * 60_000;

/** What cannot be replayed on this machine, with why. */
function unfit(): Readonly<Record<string, string>> {
  const addresses = Object.values(networkInterfaces()).flatMap((one) => one ?? []);
  const outward = addresses.filter(({ family, internal }) => family === "IPv4" && !internal);
  // Which address to advertise is then for the operator to say, as for the reference.
  return outward.length > 1
    ? {
        "cli-agent": `it validates a file without bind_addr, and this host has ${outward.length} IPv4 addresses`,
      }
    : {};
}
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
      const skipped = unfit();
      for (const [name, why] of Object.entries(skipped))
        console.log(`conformance: ${name} is skipped: ${why}`);
      const { passed, output } = await replay(readStatus().pass.filter((name) => !(name in skipped)));
      const failures = output.split("\n").filter((line) => line.startsWith("FAIL"));
      expect(failures).toEqual([]);
      expect(output).toMatch(/^[1-9]\d* passed, 0 failed$/m);
      expect(passed).toBe(true);
    },
    replayTimeoutMs,
  );
});
