/**
 * Two voters of ours and one of hashicorp/raft make up one cluster: they elect, replicate, hand leadership over
 * and send each other snapshots. Needs Go and its modules; says so and passes where they are missing.
 */
import { afterAll, describe, expect, test } from "bun:test";
import { buildGoPeer, GoPeer, libraries, OwnPeer } from "../interop/raft/peers.ts";
import { seededRng } from "../src/lib/rng.ts";
import { text } from "../src/raft/node/test-kit.ts";

const giveUpMs = 20_000;

async function when<T>(what: string, look: () => T | undefined | Promise<T | undefined>): Promise<T> {
  const endMs = performance.now() + giveUpMs;
  while (performance.now() < endMs) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`never: ${what}`);
}

/** Three voters, two of them ours. */
class Mixed implements AsyncDisposable {
  readonly own: OwnPeer[] = [];
  readonly go: GoPeer[] = [];
  readonly #program: string;

  constructor(program: string) {
    this.#program = program;
  }

  static async open(program: string): Promise<Mixed> {
    const cluster = new Mixed(program);
    for (const id of ["own-1", "own-2"]) cluster.own.push(await OwnPeer.open(id));
    const go = await GoPeer.open(program, "go-1");
    cluster.go.push(go);
    const servers = [...cluster.own, go].map(({ id, address }) => ({ id, address, voter: true }));
    for (const [at, one] of cluster.own.entries()) await (await one.start(at + 7)).bootstrap(servers);
    await go.run(`bootstrap ${servers.map(({ id, address }) => `${id}=${address}`).join(",")}`);
    return cluster;
  }

  async addGo(id: string): Promise<GoPeer> {
    const peer = await GoPeer.open(this.#program, id);
    this.go.push(peer);
    return peer;
  }

  async addOwn(id: string): Promise<OwnPeer> {
    const peer = await OwnPeer.open(id);
    this.own.push(peer);
    await peer.start(99);
    return peer;
  }

  /** The leader on whom all agree. */
  leaderId(): Promise<string> {
    return when("somebody leads", async () => {
      const seen = [
        ...this.own.map(({ node }) => node.status().leaderId),
        ...(await Promise.all(this.go.map(async (peer) => (await peer.state()).leaderId))),
      ];
      const present = [...this.own, ...this.go].map(({ id }) => id);
      return present.find((id) => seen.every((one) => one === id));
    });
  }

  async propose(command: string): Promise<void> {
    const leader = await this.leaderId();
    const own = this.own.find(({ id }) => id === leader);
    if (own !== undefined) await own.node.propose(text(command));
    else await this.go.find(({ id }) => id === leader)!.run(`apply ${command}`);
  }

  /** The library's first votes after a cut fail on connections that it keeps, so another may win: tried again. */
  transferTo(id: string): Promise<true> {
    return when(`${id} leads`, async () => {
      const leader = await this.leaderId();
      if (leader === id) return true;
      const own = this.own.find((peer) => peer.id === leader);
      const target = [...this.own, ...this.go].find((peer) => peer.id === id)!;
      const transfer =
        own === undefined
          ? this.go.find((peer) => peer.id === leader)!.run(`transfer ${id} ${target.address}`)
          : own.node.transferLeadership(id);
      await transfer.catch(() => undefined);
      return undefined;
    });
  }

  async agrees(expected: readonly string[]): Promise<void> {
    await when("all have applied everything", async () => {
      const counts = [
        ...this.own.map(({ machine }) => machine.items.length),
        ...(await Promise.all(this.go.map(async (peer) => (await peer.state()).count))),
      ];
      return counts.every((count) => count >= expected.length) ? true : undefined;
    });
    for (const { machine, failures } of this.own) {
      expect(failures).toEqual([]);
      expect(machine.items).toEqual(expected as string[]);
    }
    for (const peer of this.go) expect(await peer.items()).toEqual(expected as string[]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const one of [...this.own, ...this.go]) await one[Symbol.asyncDispose]();
  }
}

for (const { version, modules } of libraries) {
  const built = buildGoPeer(modules);
  if ("missing" in built) console.warn(`skipped: interop with hashicorp/raft ${version}: ${built.missing}`);
  const program = "program" in built ? built.program : "";

  describe.skipIf(program === "")(`with hashicorp/raft ${version}`, () => {
    let cluster: Mixed | undefined;
    const words: string[] = [];
    const write = async (count: number): Promise<void> => {
      for (let at = 0; at < count; at += 1) {
        const word = `w${words.length}`;
        await cluster!.propose(word);
        words.push(word);
      }
    };
    afterAll(async () => cluster?.[Symbol.asyncDispose]());

    test("they elect and replicate", async () => {
      cluster = await Mixed.open(program);
      await write(20);
      await cluster.agrees(words);
    }, 60_000);

    test("leadership goes to the library and back", async () => {
      for (const id of ["go-1", "own-2", "go-1", "own-1"]) {
        await cluster!.transferTo(id);
        await write(5);
      }
      await cluster!.agrees(words);
    }, 60_000);

    test("many entries at once, both ways", async () => {
      for (const id of ["own-1", "go-1"]) {
        await cluster!.transferTo(id);
        const own = cluster!.own.find((peer) => peer.id === id);
        const batch = Array.from({ length: 500 }, (_one, at) => `${id}-${at}-${"x".repeat(200)}`);
        if (own !== undefined) await Promise.all(batch.map((word) => own.node.propose(text(word))));
        else for (const word of batch.slice(0, 100)) await cluster!.go[0]!.run(`apply ${word}`);
        words.push(...(own === undefined ? batch.slice(0, 100) : batch));
      }
      await cluster!.agrees(words);
    }, 60_000);

    test("a new server of the library takes our snapshot", async () => {
      await cluster!.transferTo("own-1");
      await cluster!.own[0]!.node.snapshot();
      const peer = await cluster!.addGo("go-2");
      await cluster!.own[0]!.node.addServer({ id: "go-2", address: peer.address, voter: true });
      await write(3);
      await cluster!.agrees(words);
      expect(Number((await peer.state()).snapshotIndex)).toBeGreaterThan(100);
    }, 60_000);

    test("a new server of ours takes the library's snapshot", async () => {
      await cluster!.transferTo("go-1");
      await cluster!.go[0]!.run("snapshot");
      const peer = await cluster!.addOwn("own-3");
      await cluster!.go[0]!.run(`add own-3 ${peer.address}`);
      await write(3);
      await cluster!.agrees(words);
      expect(peer.node.status().lastSnapshotIndex).toBeGreaterThan(100);
    }, 60_000);

    test("a user's snapshot reaches every server, whoever leads", async () => {
      await cluster!.transferTo("own-1");
      await cluster!.own[0]!.node.restore(text('["a","b"]'), 2_000);
      words.splice(0, words.length, "a", "b");
      await write(3);
      await cluster!.agrees(words);
      await cluster!.transferTo("go-1");
      await cluster!.go[0]!.run('restore ["c"]');
      words.splice(0, words.length, "c");
      await write(3);
      await cluster!.agrees(words);
      expect(cluster!.own[1]!.node.status().lastSnapshotIndex).toBeGreaterThan(2_000);
    }, 60_000);

    test("connections that break in the middle lose nothing", async () => {
      const rng = seededRng(5);
      for (const id of ["own-1", "go-1"]) {
        await cluster!.transferTo(id);
        for (let round = 0; round < 10; round += 1) {
          cluster!.own[rng.below(cluster!.own.length)]!.end.cut();
          await write(2);
        }
      }
      await cluster!.agrees(words);
    }, 60_000);

    test("whoever leads may go: the others elect", async () => {
      // The leader is the library's, then ours: each time a majority of both kinds is left.
      await cluster!.transferTo("go-1");
      const [gone] = cluster!.go.splice(0, 1);
      await gone![Symbol.asyncDispose]();
      await write(3);
      const leader = await cluster!.leaderId();
      const at = cluster!.own.findIndex(({ id }) => id === leader);
      if (at >= 0) await cluster!.own.splice(at, 1)[0]![Symbol.asyncDispose]();
      await write(3);
      await cluster!.agrees(words);
    }, 60_000);
  });
}
