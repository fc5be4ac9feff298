/** `lock` and `watch` as processes that contend through the agents of a cluster: a server and a client. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Cluster, until, type ClusterAgent } from "./support/cluster.ts";
import { loopbackNetwork } from "./support/test-network.ts";

let cluster: Cluster;
let server: ClusterAgent;
let client: ClusterAgent;
let watched: string;

interface Pair {
  readonly Key: string;
  readonly Session?: string;
  readonly Flags: number;
}

beforeAll(async () => {
  cluster = new Cluster(loopbackNetwork(2));
  const common = [`-retry-join=${cluster.network.address(1)}`, "-grpc-port=-1"];
  server = cluster.start({ name: "s1", host: 1, args: ["-server", "-bootstrap-expect=1", ...common] });
  watched = join(cluster.folder, "watched");
  writeFileSync(watchFile(), watchConfig("w/one"));
  client = cluster.start({ name: "c1", host: 2, args: [...common, `-config-file=${watchFile()}`] });
  for (const agent of [server, client]) {
    const works = async (): Promise<boolean> => (await agent.cli("kv", "put", "ready", "1")).code === 0;
    await until(`${agent.name} works`, works, { explain: agent.output });
  }
}, 60_000);

afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

function watchFile(): string {
  return join(cluster.folder, "watches.json");
}

function watchConfig(key: string): string {
  return JSON.stringify({ watches: [{ type: "key", key, args: ["sh", "-c", `cat >> ${watched}`] }] });
}

/** A folder of its own for a test, where children say what they do. */
function scene(name: string): { readonly folder: string; said(): readonly string[]; go(): void } {
  const folder = join(cluster.folder, name);
  mkdirSync(folder);
  const log = join(folder, "log");
  writeFileSync(log, "");
  return {
    folder,
    said: () => readFileSync(log, "utf8").split("\n").filter(Boolean),
    go: () => writeFileSync(join(folder, "go"), ""),
  };
}

/** A child that says when it starts and ends, and ends when told to. */
function waiter(folder: string, name: string): string {
  const wait = `while [ ! -e ${folder}/go ]; do sleep 0.05; done`;
  return `echo ${name} starts >> ${folder}/log; ${wait}; echo ${name} ends >> ${folder}/log`;
}

async function keysBelow(prefix: string): Promise<readonly Pair[]> {
  const { status, text } = await server.ask(`/v1/kv/${prefix}?recurse`);
  return status === 404 ? [] : (JSON.parse(text) as readonly Pair[]);
}

test("two agents' locks exclude one another, and leave nothing behind", async () => {
  const { folder, said, go } = scene("exclude");
  const first = server.cli("lock", "jobs/a", waiter(folder, "first"));
  await until("the first runs", () => said().length === 1);
  const second = client.cli("lock", "-verbose", "jobs/a", waiter(folder, "second"));
  // The second has made its session when two are there; then it waits for the key.
  await until(
    "the second waits",
    async () => (await server.json<readonly unknown[]>("/v1/session/list")).length === 2,
  );
  // The flags say "a lock": 0x2ddccbc058a50c18, which a number of JavaScript holds only nearly.
  expect(await keysBelow("jobs/a")).toMatchObject([
    { Key: "jobs/a/.lock", Flags: Number(0x2ddccbc058a50c18n) },
  ]);
  expect(said()).toEqual(["first starts"]);
  go();
  expect(await first).toMatchObject({ code: 0, stderr: "" });
  const { code, stdout } = await second;
  expect({ code, end: stdout.split("\n").slice(-3) }).toEqual({
    code: 0,
    end: ["Child terminated, releasing lock", "Cleanup succeeded", ""],
  });
  expect(said()).toEqual(["first starts", "first ends", "second starts", "second ends"]);
  expect(await keysBelow("jobs/a")).toEqual([]);
  expect(await server.json<readonly unknown[]>("/v1/session/list")).toEqual([]);
}, 60_000);

test("a lock that is not free in time is given up", async () => {
  const { folder, said, go } = scene("timeout");
  const first = server.cli("lock", "jobs/t", waiter(folder, "first"));
  await until("the first runs", () => said().length === 1);
  expect(await client.cli("lock", "-timeout=300ms", "jobs/t", "echo never")).toEqual({
    code: 1,
    stdout: "",
    stderr: "Shutdown triggered or timeout during lock acquisition\n",
  });
  expect(await client.cli("lock", "-n=2", "jobs/t", "echo never")).toMatchObject({
    code: 1,
    stderr: "Lock acquisition failed: Existing key does not match semaphore use\n",
  });
  go();
  expect((await first).code).toBe(0);
}, 60_000);

test("the loss of its session ends the child: with SIGTERM, and if need be with SIGKILL", async () => {
  const { folder, said } = scene("loss");
  const child = (name: string, onTerm: string): string =>
    `trap '${onTerm}' TERM; echo $$ > ${folder}/${name}; while :; do sleep 0.05; done`;
  const polite = server.cli(
    "lock",
    "-verbose",
    "jobs/polite",
    child("polite", `echo told >> ${folder}/log; exit 0`),
  );
  const stubborn = client.cli("lock", "-verbose", "jobs/stubborn", child("stubborn", ""));
  for (const name of ["polite", "stubborn"]) {
    await until(`${name} runs`, () => existsSync(join(folder, name)));
    const [pair] = await keysBelow(`jobs/${name}/.lock`);
    await server.ask(`/v1/session/destroy/${pair?.Session ?? ""}`, { method: "PUT" });
  }
  const first = await polite;
  expect(first).toMatchObject({ code: 0, stderr: "" });
  expect(first.stdout).toContain("Lock lost, killing child\n");
  expect(first.stdout).toContain("Child terminated\n");
  expect(said()).toEqual(["told"]);
  const second = await stubborn;
  expect(second).toMatchObject({ code: 0, stderr: "Error running handler: signal: killed\n" });
  expect(second.stdout).toContain("Child did not exit after grace period of 5s\n");
}, 60_000);

test("a semaphore lets in as many as it says", async () => {
  const { folder, said, go } = scene("semaphore");
  const names = ["a", "b", "c"];
  const running = names.map((name, at) =>
    (at === 1 ? client : server).cli("lock", "-n=2", "jobs/s", waiter(folder, name)),
  );
  await until("two run", () => said().length === 2);
  // Three contenders, of whom the list names two.
  await until("the third waits", async () => (await keysBelow("jobs/s")).length === 4);
  const [list] = (await server.json<readonly { Value: string }[]>("/v1/kv/jobs/s/.lock")).map(({ Value }) =>
    JSON.parse(Buffer.from(Value, "base64").toString()),
  ) as { Limit: number; Holders: Record<string, boolean> }[];
  expect({ limit: list?.Limit, holders: Object.values(list?.Holders ?? {}) }).toEqual({
    limit: 2,
    holders: [true, true],
  });
  expect(said().length).toBe(2);
  const other = await client.cli("lock", "-n=3", "jobs/s", "true");
  expect(other.stderr).toBe("Lock acquisition failed: semaphore limit conflict (lock: 2, local: 3)\n");
  go();
  expect((await Promise.all(running)).map(({ code, stderr }) => ({ code, stderr }))).toEqual(
    names.map(() => ({ code: 0, stderr: "" })),
  );
  expect(said().length).toBe(6);
  await until("nothing is left", async () => (await keysBelow("jobs/s")).length === 0);
}, 60_000);

test("an agent's watch tells its program of changes, and another key after a reload", async () => {
  const told = (): string => (existsSync(watched) ? readFileSync(watched, "utf8") : "");
  const put = async (key: string, value: string): Promise<void> => {
    expect((await server.cli("kv", "put", key, value)).code).toBe(0);
    await until(
      `${key} is told`,
      () => told().includes(`"Value":"${Buffer.from(value).toString("base64")}"`),
      {
        explain: client.output,
      },
    );
  };
  await put("w/one", "first");
  await put("w/one", "second");
  writeFileSync(watchFile(), watchConfig("w/two"));
  client.signal("SIGHUP");
  await put("w/two", "third");
  writeFileSync(watchFile(), JSON.stringify({ watches: [{ type: "key" }] }));
  const refused = await client.cli("reload");
  expect(refused.stderr).toContain(
    "Failed reloading watches: Failed to parse watch: Must specify a single key to watch",
  );
  await put("w/two", "fourth");
}, 60_000);

test("an agent that is gone ends the child of its lock", async () => {
  const { folder, said } = scene("gone");
  const child = `trap 'echo told >> ${folder}/log; exit 0' TERM; echo starts >> ${folder}/log; while :; do sleep 0.05; done`;
  const running = client.cli("lock", "-monitor-retry=1", "jobs/gone", child);
  await until("the child runs", () => said().length === 1);
  await client.end("SIGKILL");
  const { code, stderr } = await running;
  expect(code).toBe(1);
  expect(stderr).toStartWith("Lock release failed: failed to release lock: Put ");
  expect(said()).toEqual(["starts", "told"]);
}, 60_000);
