/**
 * The flow that every client library must be able to do, with nothing but HTTP:
 *
 *     npm start                      # in one terminal
 *     node_modules/.bin/bun examples/seed-flow.ts   # in another
 *
 * Keys are put, read, listed and changed in a transaction; a service with a TTL check is registered, passes,
 * expires and goes; a watch sees a change and a timeout; a lock is lost by force and won after its delay.
 */

interface Answer {
  readonly status: number;
  readonly index: number;
  readonly text: string;
}

type Tell = (line: string) => void;

function check(condition: boolean, claim: string): void {
  if (!condition) throw new Error(`not as promised: ${claim}`);
}

/** Runs the flow against `url`, telling each step. Rejects at the first thing that is not as it should be. */
export async function seedFlow(url: string, tell: Tell): Promise<void> {
  const call = async (method: string, path: string, body?: string | object): Promise<Answer> => {
    const payload =
      body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) };
    const answer = await fetch(`${url}/v1${path}`, { method, ...payload });
    const text = await answer.text();
    tell(`${method} ${path} → ${answer.status} ${text.slice(0, 100).trim()}`);
    return { status: answer.status, index: Number(answer.headers.get("x-consul-index") ?? 0), text };
  };
  await keys(call);
  await ttlService(call);
  await watch(call);
  await lock(call);
}

type Call = (method: string, path: string, body?: string | object) => Promise<Answer>;

async function keys(call: Call): Promise<void> {
  check((await call("PUT", "/kv/seed/a", "one")).text.trim() === "true", "a put is acknowledged");
  check((await call("GET", "/kv/seed/a?raw")).text === "one", "a get gives the value");
  check((await call("GET", "/kv/seed/missing")).status === 404, "a missing key is 404");
  const ops = [
    { KV: { Verb: "set", Key: "seed/b", Value: btoa("two") } },
    { KV: { Verb: "get", Key: "seed/a" } },
  ];
  check((await call("PUT", "/txn", ops)).status === 200, "a transaction succeeds");
  check(
    (JSON.parse((await call("GET", "/kv/seed/?keys")).text) as string[]).join(" ") === "seed/a seed/b",
    "keys are listed in order",
  );
  check(
    (JSON.parse((await call("GET", "/kv/seed/?recurse")).text) as unknown[]).length === 2,
    "a prefix is read",
  );
  const tooLarge = await call("PUT", "/kv/seed/large", "x".repeat(512 * 1024 + 1));
  check(tooLarge.status === 413, "a value above 512 KiB is refused");
}

async function ttlService(call: Call): Promise<void> {
  const definition = {
    Name: "seed-web",
    Port: 8080,
    Check: { TTL: "1s", DeregisterCriticalServiceAfter: "1m" },
  };
  check((await call("PUT", "/agent/service/register", definition)).status === 200, "a service is registered");
  check((await call("PUT", "/agent/check/pass/service:seed-web")).status === 200, "its TTL check passes");
  await until(call, "/health/service/seed-web?passing", (text) => text.includes('"seed-web"'));
  await until(call, "/health/service/seed-web", (text) => text.includes('"critical"'));
  check((await call("PUT", "/agent/service/deregister/seed-web")).status === 200, "it is deregistered");
  await until(call, "/health/service/seed-web", (text) => text.trim() === "[]");
}

/** Waits for a condition by blocking queries, as a client should. */
async function until(call: Call, path: string, fits: (text: string) => boolean): Promise<void> {
  let index = 0;
  for (let round = 0; round < 50; round += 1) {
    const query = `${path.includes("?") ? "&" : "?"}index=${index}&wait=5s`;
    const answer = await call("GET", path + query);
    if (fits(answer.text)) return;
    index = answer.index;
  }
  throw new Error(`not as promised: ${path} reaches the expected state`);
}

async function watch(call: Call): Promise<void> {
  const { index } = await call("GET", "/kv/seed/a");
  const waiting = call("GET", `/kv/seed/a?index=${index}&wait=30s`);
  await call("PUT", "/kv/seed/a", "changed");
  const changed = await waiting;
  check(changed.index > index && changed.text.includes(btoa("changed")), "a watch sees the change");
  const timedOut = await call("GET", `/kv/seed/a?index=${changed.index}&wait=200ms`);
  check(timedOut.index === changed.index, "a watch that times out answers with the same index");
}

async function lock(call: Call): Promise<void> {
  const create = async (): Promise<string> => {
    const { text } = await call("PUT", "/session/create", { LockDelay: "1s", TTL: "10s" });
    return (JSON.parse(text) as { ID: string }).ID;
  };
  const [first, second] = [await create(), await create()];
  const acquire = async (session: string): Promise<boolean> =>
    (await call("PUT", `/kv/seed/lock?acquire=${session}`, "mine")).text.trim() === "true";
  check(await acquire(first), "a free lock is acquired");
  check(!(await acquire(second)), "a held lock is not");
  await call("PUT", `/session/destroy/${first}`);
  check(!(await acquire(second)), "a lock lost by force may not be taken at once");
  const deadlineMs = Date.now() + 10_000;
  while (!(await acquire(second))) {
    check(Date.now() < deadlineMs, "it can be taken after its delay");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

if (import.meta.main) await seedFlow(process.argv[2] ?? "http://127.0.0.1:8500", (line) => console.log(line));
