/**
 * What was acknowledged survives `kill -9`: a real process on a real disk is killed at random moments, and its
 * directory opened again, round after round. DURABILITY_ROUNDS sets how often (default 10).
 *
 * This shows that the process may die anywhere. That a commit is synced before it is acknowledged is the log store's
 * promise, and was seen with strace; the simulator loses unsynced writes.
 */
import { expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openServer } from "./durability-server.ts";

const rounds = Number(process.env["DURABILITY_ROUNDS"] ?? 10);
const program = join(import.meta.dir, "durability-server.ts");

/** Lets the program run for `ms` after it is ready, kills it, and tells what it acknowledged. */
async function runAndKill(dir: string, round: number): Promise<readonly string[]> {
  const child = spawn(process.execPath, [program, dir, String(round)], { stdio: ["ignore", "pipe", "pipe"] });
  let out = "";
  let errors = "";
  child.stderr.on("data", (data: Buffer) => (errors += data.toString()));
  const ended = new Promise<NodeJS.Signals | null>((resolve) =>
    child.once("close", (_code, signal) => resolve(signal)),
  );
  await new Promise<void>((resolve) => {
    child.stdout.on("data", (data: Buffer) => {
      out += data.toString();
      if (out.includes("ready\n")) resolve();
    });
    child.once("close", () => resolve());
  });
  setTimeout(() => child.kill("SIGKILL"), Math.random() * 150);
  if ((await ended) !== "SIGKILL") throw new Error(`round ${round}: the program ended by itself: ${errors}`);
  // A line that was cut off in the middle was still printed after its acknowledgement.
  return out
    .split("\n")
    .slice(0, -1)
    .filter((line) => line.startsWith("ack "))
    .map((line) => line.slice(4));
}

test(
  `${rounds} times killed, nothing acknowledged is lost and nothing is half there`,
  async () => {
    const dir = mkdtempSync(join(tmpdir(), "durability-"));
    try {
      const acknowledged: string[] = [];
      for (let round = 1; round <= rounds; round += 1) {
        acknowledged.push(...(await runAndKill(dir, round)));
        const { node, machine } = await openServer(dir);
        const lost = acknowledged.filter((id) => !machine.left.has(id));
        expect({ round, lost }).toEqual({ round, lost: [] });
        expect([...machine.right]).toEqual([...machine.left]);
        expect(machine.repeated).toEqual([]);
        await node.close();
      }
      expect(acknowledged.length).toBeGreaterThan(0);
      console.log(`${rounds} rounds, ${acknowledged.length} acknowledged writes, none lost`);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  },
  20_000 + rounds * 5_000,
);
