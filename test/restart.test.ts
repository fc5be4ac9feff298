/** The real program on durable data: what was acknowledged survives `kill -9`; signals and locks behave. */
import { afterAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startAgent } from "./support/agent-process.ts";

const launcher = join(import.meta.dirname, "../bin/proconsul");
/** `RESTART_ROUNDS=100` for the long run. */
const rounds = Number(process.env["RESTART_ROUNDS"] ?? 3);
const folder = mkdtempSync(join(tmpdir(), "proconsul-restart-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function get(url: string, path: string): Promise<string> {
  return (await fetch(`${url}/v1${path}`)).text();
}

/** Puts numbered keys until the agent is gone; the numbers that were acknowledged. */
async function putUntilGone(url: string, prefix: string, acknowledged: Set<string>): Promise<void> {
  for (let n = 0; ; n += 1) {
    try {
      const answer = await fetch(`${url}/v1/kv/${prefix}/${n}`, { method: "PUT", body: `${prefix}-${n}` });
      if ((await answer.text()).trim() === "true") acknowledged.add(`${prefix}/${n}`);
    } catch {
      return; // The agent was killed.
    }
  }
}

describe("an agent on durable data", () => {
  test("loses no acknowledged write to kill -9 during concurrent writes, round after round", async () => {
    const dataDir = join(folder, "killed");
    const acknowledged = new Set<string>();
    for (let round = 0; round < rounds; round += 1) {
      await using agent = await startAgent([launcher], { dataDir });
      const before = acknowledged.size;
      const writers = Array.from({ length: 8 }, (_, i) =>
        putUntilGone(agent.httpUrl, `r${round}w${i}`, acknowledged),
      );
      while (acknowledged.size < before + 50) await new Promise((tick) => setTimeout(tick, 1));
      await agent.end("SIGKILL");
      await Promise.all(writers);
    }
    await using agent = await startAgent([launcher], { dataDir });
    const stored = new Map(
      (JSON.parse(await get(agent.httpUrl, "/kv/r?recurse")) as { Key: string; Value: string }[]).map(
        (row) => [row.Key, atob(row.Value)],
      ),
    );
    expect(acknowledged.size).toBeGreaterThanOrEqual(50 * rounds);
    for (const key of acknowledged) expect(stored.get(key)).toBe(key.replace("/", "-"));
    // What was not acknowledged is there whole or not at all.
    for (const [key, value] of stored) expect(value).toBe(key.replace("/", "-"));
  }, 600_000);

  test("keeps services, TTL states, sessions and its node id", async () => {
    const dataDir = join(folder, "kept");
    let nodeId: string;
    {
      await using agent = await startAgent([launcher], { dataDir });
      nodeId = (JSON.parse(await get(agent.httpUrl, "/agent/self")) as { Config: { NodeID: string } }).Config
        .NodeID;
      const register = (path: string, body: object): Promise<Response> =>
        fetch(`${agent.httpUrl}/v1${path}`, { method: "PUT", body: JSON.stringify(body) });
      await register("/agent/service/register", { Name: "kept", Port: 1, Check: { TTL: "1h" } });
      await fetch(`${agent.httpUrl}/v1/agent/check/pass/service:kept`, { method: "PUT" });
      await register("/session/create", { Name: "kept", NodeChecks: [] });
      await agent.end("SIGKILL");
    }
    await using agent = await startAgent([launcher], { dataDir });
    const self = JSON.parse(await get(agent.httpUrl, "/agent/self")) as { Config: { NodeID: string } };
    expect(self.Config.NodeID).toBe(nodeId);
    const checks = JSON.parse(await get(agent.httpUrl, "/agent/checks")) as Record<
      string,
      { Status: string }
    >;
    expect(checks["service:kept"]?.Status).toBe("passing");
    expect(
      (JSON.parse(await get(agent.httpUrl, "/session/list")) as { Name: string }[]).map((one) => one.Name),
    ).toEqual(["kept"]);
  }, 60_000);

  test("refuses a data directory that another agent uses, and says so", async () => {
    const dataDir = join(folder, "shared");
    await using agent = await startAgent([launcher], { dataDir });
    const second = spawnSync(
      launcher,
      ["agent", "-server", "-bootstrap-expect=1", "-bind=127.0.0.1", "-http-port=-1", `-data-dir=${dataDir}`],
      { encoding: "utf8", timeout: 20_000 },
    );
    expect(second.stderr).toContain(`is in use by another agent (pid ${agent.pid})`);
    expect(second.status).toBe(1);
  }, 60_000);

  test("ends with the reference's exit codes", async () => {
    await using stopped = await startAgent([launcher], { dataDir: join(folder, "stopped") });
    expect(await stopped.end("SIGINT")).toBe(1);
    await using leaving = await startAgent([launcher], { dataDir: join(folder, "left") });
    const answer = await fetch(`${leaving.httpUrl}/v1/agent/leave`, { method: "PUT" });
    expect(answer.status).toBe(200);
  }, 60_000);
});
