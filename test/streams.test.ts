/** Streams of changes in a cluster whose leader is killed: through a server and through a client agent. */
import { expect, test } from "bun:test";
import { Cluster, until, type ClusterAgent } from "./support/cluster.ts";
import { loopbackNetwork } from "./support/test-network.ts";

const servers = 3;
const writes = 40;
/** Longer than the writes before the leader is killed take, and than an election. */
const ttlSeconds = 12;

interface Told {
  readonly op?: string;
  readonly key?: string;
  readonly reset?: boolean;
  readonly snapshot?: boolean;
  readonly row?: { readonly Value: string };
}

/** A subscriber that comes back with the last id it saw, as browsers do. */
class Follower {
  readonly values: string[] = [];
  readonly deleted: string[] = [];
  resets = 0;
  #lastId = "";
  readonly #url: string;
  readonly #end = new AbortController();

  constructor(url: string) {
    this.#url = url;
    void this.#run();
  }

  stop(): void {
    this.#end.abort();
  }

  async #run(): Promise<void> {
    while (!this.#end.signal.aborted) {
      try {
        await this.#once();
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }

  async #once(): Promise<void> {
    const headers: Record<string, string> = this.#lastId === "" ? {} : { "Last-Event-ID": this.#lastId };
    const answer = await fetch(this.#url, { headers, signal: this.#end.signal });
    if (!answer.ok) throw new Error(await answer.text());
    let text = "";
    const utf8 = new TextDecoder();
    for await (const part of answer.body as ReadableStream<Uint8Array>) {
      text += utf8.decode(part, { stream: true });
      for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
        this.#hear(text.slice(0, end));
        text = text.slice(end + 2);
      }
    }
  }

  #hear(event: string): void {
    const field = (name: string): string | undefined => new RegExp(`^${name}: (.*)$`, "m").exec(event)?.[1];
    const data = field("data");
    if (data !== undefined) {
      const told = JSON.parse(data) as Told;
      if (told.op === "delete") this.deleted.push(told.key ?? "");
      if (told.reset === true) this.resets += 1;
      if (told.row !== undefined && told.snapshot === false) this.values.push(atob(told.row.Value));
    }
    this.#lastId = field("id") ?? this.#lastId;
  }
}

async function leaderOf(agents: readonly ClusterAgent[]): Promise<ClusterAgent> {
  return until("a leader", async () => {
    for (const agent of agents.filter((one) => one.isRunning())) {
      const leader = (await agent.json<string>("/v1/status/leader")).split(":")[0];
      const found = agents.find(({ address, isRunning }) => address === leader && isRunning());
      if (found !== undefined) return found;
    }
    return undefined;
  });
}

test("every write is heard once and in order while leaders come and go", async () => {
  await using cluster = new Cluster(loopbackNetwork(servers + 1));
  const join = Array.from({ length: servers }, (_, at) => `-retry-join=${cluster.network.address(at + 1)}`);
  const agents = Array.from({ length: servers }, (_, at) =>
    cluster.start({
      name: `s${at + 1}`,
      host: at + 1,
      args: ["-server", `-bootstrap-expect=${servers}`, "-grpc-port=-1", ...join],
    }),
  );
  const client = cluster.start({ name: "c1", host: servers + 1, args: ["-grpc-port=-1", ...join] });
  await until(
    "the client works",
    async () => (await client.ask("/v1/kv/app/x", { method: "PUT", body: "ready" })).text === "true",
  );
  const leader = await leaderOf(agents);
  const other = agents.find((one) => one !== leader) as ClusterAgent;
  const followers = [client, other].map((agent) => new Follower(`${agent.url}/v1/stream?topic=kv:app/`));
  await until("both follow", async () => {
    await client.ask("/v1/kv/app/x", { method: "PUT", body: `hello ${Math.random()}` });
    return followers.every(({ values }) => values.length > 0);
  });
  // From before the write: on a busy machine its answer comes late, and the time runs from when the server took it.
  const expiresAtMs = performance.now() + ttlSeconds * 1000;
  const ttl = await client.ask(`/v1/kv/app/short?ttl=${ttlSeconds}s`, { method: "PUT", body: "short" });
  expect(ttl.text).toBe("true");
  const wanted: string[] = [];
  for (let at = 0; at < writes; at += 1) {
    if (at === writes / 2) await leader.end("SIGKILL");
    const value = `write ${at}`;
    wanted.push(value);
    // A write whose answer was lost may have taken place: the same value again changes nothing.
    await until(
      value,
      async () => (await other.ask("/v1/kv/app/y", { method: "PUT", body: value })).text === "true",
    );
  }
  const heardOf = ({ values }: Follower): string[] => values.filter((value) => value.startsWith("write"));
  await until("all is heard", () => followers.every((one) => heardOf(one).at(-1) === wanted.at(-1)));
  // The deadline was an affair of the leader that is gone.
  await until("the key is gone", async () => (await other.ask("/v1/kv/app/short")).status === 404);
  expect(performance.now()).toBeGreaterThan(expiresAtMs - 1);
  await until("followers hear that it is gone", () => followers.every(({ deleted }) => deleted.length > 0));
  for (const follower of followers) {
    expect(follower.deleted).toEqual(["app/short"]);
    expect(heardOf(follower)).toEqual(wanted);
    expect(follower.resets).toBe(0);
    follower.stop();
  }
}, 120_000);
