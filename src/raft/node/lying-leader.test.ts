/** A peer that leads and lies, or is broken: the node refuses, says so, and goes on as it was. */
import { expect, test } from "bun:test";
import { logIndex, term } from "../../lib/log-index.ts";
import { silentLog, type LogFields } from "../../lib/log.ts";
import { ManualClock } from "../../lib/manual-clock.ts";
import { noMetrics } from "../../lib/metrics.ts";
import { entryType, serverId, type Entry } from "../core/entry.ts";
import { protocolVersion } from "../core/messages.ts";
import { Complaints } from "./complaints.ts";
import { TestCluster, text, until, type Member } from "./test-kit.ts";
import type { TransportAnswer } from "./transport.ts";

const header = { protocolVersion, id: serverId("n2"), address: "n2:8300" };
const configuration = {
  servers: ["n1", "n2", "n3"].map((id) => ({
    id: serverId(id),
    address: `${id}:8300`,
    suffrage: "voter" as const,
  })),
};

/** How a snapshot comes, if not as it should. */
interface Arriving {
  readonly sizeBytes?: number;
  readonly chunks?: AsyncIterable<Uint8Array>;
}

/** A follower in a cluster of three, of which "n2" is played by hand; it has taken one command and committed it. */
class Victim implements AsyncDisposable {
  readonly cluster = new TestCluster(1);
  readonly member: Member = this.cluster.members[0]!;
  readonly #peer = this.cluster.network.connect("n2:8300");
  readonly #to = { id: serverId("n1"), address: "n1:8300", lane: "replicate", timeoutMs: 5_000 } as const;

  async start(): Promise<this> {
    const bootstrap = configuration.servers.map(({ id, address }) => ({ id, address, voter: true }));
    await this.cluster.open(this.member, { bootstrap });
    expect(await this.append({ previous: [1, 1], commands: ["first"], commit: 2 })).toMatchObject({
      kind: "response",
    });
    await until(
      this.cluster.clock,
      () => this.member.machine.items.length === 1,
      "it has applied the command",
    );
    return this;
  }

  append(o: {
    previous: readonly [number, number];
    commands: readonly string[];
    commit: number;
  }): Promise<TransportAnswer> {
    const [prevLogIndex, prevLogTerm] = o.previous;
    const entries: Entry[] = o.commands.map((command, at) => ({
      index: logIndex(prevLogIndex + 1 + at),
      term: term(2),
      type: entryType.command,
      data: text(command),
    }));
    return this.cluster.settled(
      this.#peer.send(this.#to, {
        kind: "appendEntries",
        header,
        term: term(2),
        leader: "n2:8300",
        prevLogIndex: logIndex(prevLogIndex),
        prevLogTerm: term(prevLogTerm),
        entries,
        leaderCommit: logIndex(o.commit),
      }),
    );
  }

  install(
    index: number,
    state: Uint8Array,
    { sizeBytes = state.length, chunks = twoPieces(state) }: Arriving = {},
  ): Promise<TransportAnswer> {
    const message = {
      kind: "installSnapshot",
      header,
      term: term(2),
      leader: "n2:8300",
      lastLogIndex: logIndex(index),
      lastLogTerm: term(2),
      configuration,
      configurationIndex: logIndex(1),
      sizeBytes,
    } as const;
    return this.cluster.settled(this.#peer.sendSnapshot(this.#to, { message, chunks }));
  }

  /** It follows on, and comes back after a restart. */
  async expectWell(): Promise<void> {
    expect(this.cluster.failures).toEqual([]);
    await this.append({ previous: [2, 2], commands: ["second"], commit: 3 });
    await until(this.cluster.clock, () => this.member.machine.items.join() === "first,second", "it goes on");
    await this.member.node!.close();
    await this.cluster.open(this.member);
    await this.append({ previous: [3, 2], commands: ["third"], commit: 4 });
    await until(
      this.cluster.clock,
      () => this.member.machine.items.join() === "first,second,third",
      "it is back",
    );
    expect(this.cluster.failures).toEqual([]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cluster[Symbol.asyncDispose]();
  }
}

async function* twoPieces(state: Uint8Array): AsyncGenerator<Uint8Array> {
  yield state.subarray(0, 3);
  yield state.subarray(3);
}

const whole = text('["a","b"]');
test.each([
  { name: "that is no state", state: text("{garbage"), size: undefined },
  { name: "that was cut short", state: whole.subarray(0, 5), size: undefined },
  { name: "that ends before it should", state: whole, size: whole.length + 1 },
  { name: "that is longer than announced", state: whole, size: whole.length - 2 },
  { name: "that no buffer holds", state: whole, size: 2 ** 40 },
])("a snapshot $name leaves the state as it was, and no trace on the disk", async ({ state, size }) => {
  await using victim = await new Victim().start();
  expect(await victim.install(90, state, size === undefined ? {} : { sizeBytes: size })).toMatchObject({
    kind: "response",
    message: { success: false },
  });
  expect(victim.member.machine.items).toEqual(["first"]);
  expect(await victim.member.snapshots.newest()).toBeUndefined();
  expect(victim.member.node!.status()).toMatchObject({ lastIndex: 2, commitIndex: 2, lastSnapshotIndex: 0 });
  await victim.expectWell();
});

test("a snapshot that can be read takes the place of the state", async () => {
  await using victim = await new Victim().start();
  expect(await victim.install(90, whole)).toMatchObject({ kind: "response", message: { success: true } });
  await until(victim.cluster.clock, () => victim.member.machine.items.join() === "a,b", "it is installed");
  await victim.append({ previous: [90, 2], commands: ["c"], commit: 91 });
  await until(victim.cluster.clock, () => victim.member.machine.items.join() === "a,b,c", "it goes on");
  expect(victim.cluster.failures).toEqual([]);
});

test("a snapshot that comes in drips gives way to the next one", async () => {
  await using victim = await new Victim().start();
  const gate = Promise.withResolvers<void>();
  async function* drips(): AsyncGenerator<Uint8Array> {
    yield text("[");
    await gate.promise;
    while (true) yield text(" ");
  }
  const slow = victim.install(80, whole, { sizeBytes: 1_000_000, chunks: drips() });
  const next = victim.install(90, whole);
  gate.resolve();
  expect(await next).toMatchObject({ kind: "response", message: { success: true } });
  expect(await slow).toMatchObject({ kind: "response", message: { success: false } });
  await until(victim.cluster.clock, () => victim.member.machine.items.join() === "a,b", "it is installed");
  expect(victim.cluster.failures).toEqual([]);
});

test("a command that cannot be read is not taken, nor anything that comes with it", async () => {
  await using victim = await new Victim().start();
  const answer = await victim.append({ previous: [2, 2], commands: ["fine", "\0bad"], commit: 4 });
  expect(answer).toEqual({
    kind: "failed",
    remoteError: "refused: entry 4: no command: a command that begins with a zero",
  });
  expect(victim.member.node!.status().lastIndex).toBe(2);
  await victim.expectWell();
});

test("committed entries are not replaced", async () => {
  await using victim = await new Victim().start();
  const answer = await victim.append({ previous: [0, 0], commands: ["other", "past"], commit: 2 });
  expect(answer).toMatchObject({ kind: "failed", remoteError: expect.stringMatching(/^refused: entry 1/) });
  await victim.expectWell();
});

test("who is refused is named at most once a second, and counted every time", () => {
  const clock = new ManualClock();
  const lines: (LogFields | undefined)[] = [];
  const counts = new Map<string, number>();
  const complaints = new Complaints({
    clock,
    log: { ...silentLog, error: (_text, fields) => void lines.push(fields) },
    metrics: {
      ...noMetrics,
      count: (name, by = 1, labels = []) => {
        const key = [name, ...labels.map(({ value }) => value)].join(" ");
        counts.set(key, (counts.get(key) ?? 0) + by);
      },
    },
  });
  const complaint = { message: "appendEntries", problem: "term 0", header };
  for (let at = 0; at < 30; at += 1) complaints.add({ ...complaint, from: "10.0.0.2" });
  complaints.add({ ...complaint, from: "10.0.0.3" });
  complaints.add({ ...complaint, from: undefined, header: { protocolVersion } });
  expect(lines).toEqual([
    { from: "10.0.0.2", peer: "n2", message: "appendEntries", problem: "term 0", unsaid: undefined },
    { from: "10.0.0.3", peer: "n2", message: "appendEntries", problem: "term 0", unsaid: undefined },
    { from: "unknown", peer: undefined, message: "appendEntries", problem: "term 0", unsaid: undefined },
  ]);
  clock.advance(1_000);
  complaints.add({ ...complaint, from: "10.0.0.2" });
  expect(lines.at(-1)).toMatchObject({ from: "10.0.0.2", unsaid: 29 });
  expect(counts).toEqual(new Map([["raft.peer.refused appendEntries", 33]]));
});

test("peers without number take no memory without bound", () => {
  const clock = new ManualClock();
  let lineCount = 0;
  const log = { ...silentLog, error: () => void (lineCount += 1) };
  const complaints = new Complaints({ clock, log, metrics: noMetrics });
  for (let at = 0; at < 5_000; at += 1)
    complaints.add({ from: `peer ${at}`, message: "requestVote", problem: "term 0" });
  expect(lineCount).toBe(1_024);
  clock.advance(1_000);
  complaints.add({ from: "peer 4999", message: "requestVote", problem: "term 0" });
  expect(lineCount).toBe(1_025);
});
