/**
 * Our gossip nodes in one pool with agents of the `serf` program, an independent build of the reference's libraries.
 */
import { afterEach, describe, expect, test } from "bun:test";
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { Keyring } from "../src/wire/gossip/keyring.ts";
import { toBase64 } from "../src/wire/schema/base64.ts";
import { freePortRun } from "../tools/free-ports.ts";
import { failureOf, seen, startNode, until, untilStatus } from "./support/gossip-nodes.ts";

const present = spawnSync("serf", ["version"]).status === 0;
if (!present) console.warn("skipped: interoperation with serf, since the program `serf` is not there");

const timeoutMs = 60_000;
const utf8 = new TextEncoder();

/** Like `until`, for what has to be asked for. */
async function untilAsync(what: string, condition: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + 20_000;
  while (!(await condition())) {
    if (performance.now() > deadlineMs) throw new Error(`never came true: ${what}`);
  }
}

class SerfAgent {
  readonly name: string;
  readonly address: string;
  readonly #rpc: string;
  readonly #process: ChildProcess;
  output = "";

  constructor(
    name: string,
    ports: { readonly bind: number; readonly rpc: number },
    flags: readonly string[],
  ) {
    this.name = name;
    this.address = `127.0.0.1:${ports.bind}`;
    this.#rpc = `127.0.0.1:${ports.rpc}`;
    const places = [`-node=${name}`, `-bind=${this.address}`, `-rpc-addr=${this.#rpc}`];
    const argv = ["agent", ...places, "-profile=local", "-log-level=debug", ...flags];
    this.#process = spawn("serf", argv, { stdio: ["ignore", "pipe", "pipe"] });
    const hear = (chunk: Buffer): void => {
      this.output += chunk.toString();
    };
    this.#process.stdout?.on("data", hear);
    this.#process.stderr?.on("data", hear);
  }

  /** Runs a client command and answers what it prints; our own nodes go on meanwhile. */
  run(...argv: readonly string[]): Promise<string> {
    const [command = "", ...more] = argv;
    const client = spawn("serf", [command, `-rpc-addr=${this.#rpc}`, ...more]);
    let text = "";
    client.stdout.on("data", (chunk: Buffer) => void (text += chunk.toString()));
    client.stderr.on("data", (chunk: Buffer) => void (text += chunk.toString()));
    return new Promise((resolve) => client.on("close", () => resolve(text)));
  }

  /** `name=status` of every member. */
  async members(): Promise<readonly string[]> {
    const lines = (await this.run("members")).trim().split("\n");
    return lines.map((line) => line.split(/\s+/)).map(([name = "", , status = ""]) => `${name}=${status}`);
  }

  kill(): void {
    this.#process.kill("SIGKILL");
  }
}

const agents: SerfAgent[] = [];

async function startSerf(name: string, ...flags: readonly string[]): Promise<SerfAgent> {
  const first = await freePortRun(2);
  const agent = new SerfAgent(name, { bind: first, rpc: first + 1 }, flags);
  agents.push(agent);
  await until(`${name} runs: ${agent.output}`, () => agent.output.includes("Serf agent running!"));
  return agent;
}

afterEach(() => {
  for (const agent of agents.splice(0)) agent.kill();
});

describe.skipIf(!present)("with agents of serf", () => {
  test(
    "a pool is joined from either side, tags are seen, deaths and leaves are told apart",
    async () => {
      const serf = await startSerf("serf-1", "-tag=role=web", "-tag=zone=a b");
      const other = await startSerf("serf-2");
      await using ours = await startNode("ours", { options: { tags: { role: "db", shard: "7" } } });
      await using mortal = await startNode("mortal");
      expect(await ours.join([serf.address], false)).toBe(1);
      expect(await mortal.join([`ours/127.0.0.1:${ours.address.port}`], false)).toBe(1);
      expect(await other.run("join", `127.0.0.1:${mortal.address.port}`)).toContain("Successfully joined");
      expect((await untilStatus(ours, "serf-1", "alive")).tags).toEqual({ role: "web", zone: "a b" });
      await untilStatus(ours, "serf-2", "alive");
      await untilAsync("serf-1 sees all", async () => (await serf.members()).length === 4);
      expect(await serf.run("members", "-name=ours", "-format=json")).toMatch(/"shard": "7"/);

      await mortal.shutdown();
      await untilAsync("serf-1 sees a death", async () => (await serf.members()).includes("mortal=failed"));
      await untilStatus(ours, "mortal", "failed");
      expect(await serf.run("force-leave", "mortal")).toBe("");
      await untilStatus(ours, "mortal", "left");

      other.kill();
      await untilStatus(ours, "serf-2", "failed");

      await serf.run("leave");
      await untilStatus(ours, "serf-1", "left");
    },
    timeoutMs,
  );

  test(
    "our leave is seen, and so are events and queries both ways",
    async () => {
      const serf = await startSerf("serf-1");
      await using ours = await startNode("ours");
      const heard: string[] = [];
      ours.onUserEvent(({ name, payload }) => heard.push(`${name} ${new TextDecoder().decode(payload)}`));
      ours.onQuery(({ query, respond }) => respond(utf8.encode(`${query.name} fine`)));
      await ours.join([serf.address], true);
      await untilAsync("serf sees us", async () => (await serf.members()).includes("ours=alive"));

      await serf.run("event", "deploy", "v1");
      await until("we hear the event", () => heard.includes("deploy v1"));
      ours.userEvent("restart", utf8.encode("now"));
      await until("serf hears the event", () => serf.output.includes("user-event: restart"));

      const answers = await serf.run("query", "-timeout=2s", "load");
      expect(answers).toContain("Ack from 'ours'");
      expect(answers).toContain("Response from 'ours': load fine");
      const { acks } = await ours.query({
        name: "uptime",
        payload: utf8.encode(""),
        ack: true,
        timeoutMs: 500,
      });
      expect(acks.toSorted()).toEqual(["ours", "serf-1"]);

      await ours.leave();
      await untilAsync("serf sees us leave", async () => (await serf.members()).includes("ours=left"));
    },
    timeoutMs,
  );

  test(
    "with a key, and not with another",
    async () => {
      const key = new Uint8Array(32).fill(3);
      const serf = await startSerf("serf-1", `-encrypt=${toBase64(key.subarray(0, 16))}`);
      const withKey = (one: Uint8Array) => ({ options: { keyring: Keyring.of([one]) } });
      await using ours = await startNode("ours", withKey(key.subarray(0, 16)));
      await using wrong = await startNode("wrong", withKey(key));
      await using plain = await startNode("plain");
      await ours.join([serf.address], true);
      await untilStatus(ours, "serf-1", "alive");
      await untilAsync("serf sees us", async () => (await serf.members()).includes("ours=alive"));
      expect(await failureOf(wrong.join([serf.address], true))).toContain("Failed to join");
      expect(await failureOf(plain.join([serf.address], true))).toContain("Failed to join");
      expect((await serf.members()).toSorted()).toEqual(["ours=alive", "serf-1=alive"]);
      expect(seen(ours)).toEqual(["ours=alive", "serf-1=alive"]);

      const next = new Uint8Array(32).fill(4);
      const installed = await ours.keyring({ operation: "install", key: next });
      expect(installed).toMatchObject({ nodeCount: 2, failureCount: 0, problem: undefined });
      expect(await ours.keyring({ operation: "use", key: next })).toMatchObject({ failureCount: 0 });
      const listed = await serf.run("keys", "-list");
      expect(listed).toContain(toBase64(next));
    },
    timeoutMs,
  );
});
