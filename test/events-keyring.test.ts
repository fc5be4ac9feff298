/** User events and encryption keys in a cluster of one server and two clients, from the shell. */
import { expect, test } from "bun:test";
import { Cluster, until, type ClusterAgent } from "./support/cluster.ts";
import { loopbackNetwork } from "./support/test-network.ts";

interface EventRow {
  readonly Name: string;
  readonly Payload: string | null;
  readonly LTime: number;
}

const eventsOf = async (agent: ClusterAgent): Promise<readonly string[]> =>
  (await agent.json<readonly EventRow[]>("/v1/event/list")).map(
    ({ Name, Payload }) => `${Name} ${Payload === null ? "" : Buffer.from(Payload, "base64").toString()}`,
  );

async function alive(agent: ClusterAgent): Promise<number> {
  const { stdout } = await agent.cli("members", "-status=alive");
  return stdout.trim().split("\n").length - 1;
}

async function run(agent: ClusterAgent, ...words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await agent.cli(...words);
  if (code !== 0) throw new Error(`${words.join(" ")}: ${stderr}`);
  return stdout;
}

async function newKey(agent: ClusterAgent): Promise<string> {
  return (await run(agent, "keygen")).trim();
}

test("events reach those who are meant, and keys change everywhere", async () => {
  await using cluster = new Cluster(loopbackNetwork(3));
  const key = "MDEyMzQ1Njc4OWFiY2RlZg==";
  const common = [`-encrypt=${key}`, `-retry-join=${cluster.network.address(1)}`, "-grpc-port=-1"];
  const client = (host: number): ClusterAgent => cluster.start({ name: `c${host - 1}`, host, args: common });
  const server = cluster.start({ name: "s1", host: 1, args: ["-server", "-bootstrap-expect=1", ...common] });
  const clients = [client(2), client(3)];
  const [first, second] = clients;
  if (first === undefined || second === undefined) throw new Error("no clients");
  const everybody = [server, first, second];
  const explain = (): string => everybody.map((one) => `--- ${one.name}\n${one.output()}`).join("\n");
  for (const agent of everybody)
    await until(`${agent.name} sees all`, async () => (await alive(agent)) === 3, { explain });
  await until("a leader", async () => (await server.json<string>("/v1/status/leader")) !== "", { explain });

  // Fired through a client, so by RPC and then by gossip; the others hear what is meant for them alone.
  const fire =
    (...words: readonly string[]) =>
    () =>
      run(first, "event", ...words).then(() => true);
  await until("the event is taken", fire("-name=deploy", "now"), { explain });
  await until("the event is taken", fire("-name=only", "-node=^c2$", "you"), { explain });
  for (const agent of everybody) {
    const wanted = agent === second ? ["deploy now", "only you"] : ["deploy now"];
    await until(
      `${agent.name} heard`,
      async () => JSON.stringify((await eventsOf(agent)).toSorted()) === JSON.stringify(wanted),
      { explain },
    );
  }

  const count = async (of: string): Promise<string> => {
    const lines = (await run(server, "keyring", "-list", "-local-only")).split("\n");
    return lines.find((line) => line.includes(of))?.trim() ?? "none";
  };
  const next = await newKey(server);
  expect(await count(key)).toBe(`${key} [3/3]`);
  // A client asks a server, which asks the pools.
  await run(first, "keyring", `-install=${next}`, "-relay-factor=1");
  expect(await count(next)).toBe(`${next} [3/3]`);
  await run(server, "keyring", `-use=${next}`);
  const refused = await server.cli("keyring", `-remove=${next}`);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain("dc1 (LAN) error: 3/3 nodes reported failure");
  expect(refused.stderr).toContain("c1: Removing the primary key is not allowed");
  await run(server, "keyring", `-remove=${key}`);
  expect(await count(key)).toBe("none");

  // A restart without any address to join: the snapshot knows where, the keyring file knows the key.
  await second.end("SIGKILL");
  await until("the dead one is missed", async () => (await alive(server)) === 2, { explain });
  const again = cluster.start({ name: "c2", host: 3, args: ["-grpc-port=-1"] });
  await until("it is back", async () => (await alive(server)) === 3 && (await alive(again)) === 3, {
    explain: () => `${explain()}\n${again.output()}`,
  });
  expect(await count(next)).toBe(`${next} [3/3]`);

  await run(first, "leave");
  await until("it has left", async () => (await run(server, "members")).match(/^c1 .* left /m) !== null, {
    explain,
  });
}, 120_000);
