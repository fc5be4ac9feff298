/**
 * The server of the durability test: one voter on a real disk, whose state machine keeps two halves of every command.
 *
 * As a program (`bun test/durability-server.ts DIR ROUND`) it proposes from several writers at once and prints
 * `ack ID` for each answer, until it is killed.
 */
import { writeSync } from "node:fs";
import { join } from "node:path";
import { DecodeError } from "../src/lib/errors.ts";
import type { StateMachine } from "../src/lib/consensus.ts";
import { silentLog } from "../src/lib/log.ts";
import { noMetrics } from "../src/lib/metrics.ts";
import { seededRng } from "../src/lib/rng.ts";
import { defaultRaftOptions } from "../src/raft/core/options.ts";
import { defaultNodeSettings } from "../src/raft/node/driver.ts";
import { entryCodec } from "../src/raft/node/entry-codec.ts";
import { MemoryNetwork } from "../src/raft/node/memory-transport.ts";
import { openRaftNode, type RaftNode } from "../src/raft/node/raft-node.ts";
import { snapshotMetaCodec } from "../src/raft/node/snapshot-meta.ts";
import { systemClock } from "../src/runtime/clock.ts";
import { openLmdbLogStore } from "../src/runtime/lmdb-log-store.ts";
import { openSnapshotStore } from "../src/runtime/snapshot-store.ts";

const writerCount = 16;

/** Text of `length` that follows from the id, so that a mixed-up or shortened command is noticed. */
export function payload(id: string, length: number): string {
  return id.repeat(Math.ceil(length / id.length)).slice(0, length);
}

/** One command is `id:length:payload`; each half of it goes to a table of its own. */
export class HalvesMachine implements StateMachine {
  readonly left = new Map<string, number>();
  readonly right = new Map<string, number>();
  /** Ids that were applied twice. */
  readonly repeated: string[] = [];

  apply(_: number, command: Uint8Array): unknown {
    const [id, length, rest] = new TextDecoder().decode(command).split(":");
    if (id === undefined || rest !== payload(id, Number(length)))
      throw new Error(`command ${id} came out damaged`);
    if (this.left.has(id)) this.repeated.push(id);
    this.left.set(id, Number(length));
    this.right.set(id, Number(length));
    return id;
  }
  decode(): undefined {
    return undefined;
  }
  *snapshot(): Iterable<Uint8Array> {
    const state = { left: [...this.left], right: [...this.right], repeated: [...this.repeated] };
    yield new TextEncoder().encode(JSON.stringify(state));
  }
  prepare(bytes: Uint8Array): () => void {
    type State = { left: [string, number][]; right: [string, number][]; repeated: string[] };
    let state: State;
    try {
      state = JSON.parse(new TextDecoder().decode(bytes)) as State;
    } catch (error) {
      throw new DecodeError("state is not JSON", { cause: error });
    }
    return () => {
      for (const table of [this.left, this.right]) table.clear();
      for (const [id, length] of state.left) this.left.set(id, length);
      for (const [id, length] of state.right) this.right.set(id, length);
      this.repeated.splice(0, this.repeated.length, ...state.repeated);
    };
  }
}

/** Opens the server on `dir` and waits until it leads and has applied everything. */
export async function openServer(
  dir: string,
): Promise<{ readonly node: RaftNode; readonly machine: HalvesMachine }> {
  const machine = new HalvesMachine();
  const log = silentLog;
  const store = await openLmdbLogStore({ path: join(dir, "log"), codec: entryCodec, log });
  const snapshots = await openSnapshotStore({
    path: join(dir, "snapshots"),
    codec: snapshotMetaCodec,
    clock: systemClock,
    log,
  });
  const node = await openRaftNode(
    {
      machine,
      store,
      snapshots,
      transport: new MemoryNetwork().connect("only:8300"),
      clock: systemClock,
      rng: seededRng(systemClock.wallMs()),
      log,
      metrics: noMetrics,
      defer: (run) => setImmediate(run),
    },
    {
      id: "only",
      address: "only:8300",
      // Small, so that the process also dies while it takes snapshots and trims its log.
      raft: { ...defaultRaftOptions, trailingLogs: 50 },
      settings: { ...defaultNodeSettings, snapshotIntervalMs: 15, snapshotThreshold: 200 },
      bootstrap: [{ id: "only", address: "only:8300", voter: true }],
      onFailed: (error) => {
        throw error;
      },
    },
  );
  await new Promise<void>((resolve) => {
    node.onLeadership((leading) => leading && resolve());
  });
  await node.barrier();
  return { node, machine };
}

async function write(node: RaftNode, writer: string): Promise<never> {
  const rng = seededRng(systemClock.wallMs()).fork(writer);
  for (let count = 0; ; count += 1) {
    const id = `${writer}.${count}`;
    // Now and then one that travels in pieces.
    const length = rng.chance(1, 400) ? 1_300_000 : rng.below(600);
    await node.propose(new TextEncoder().encode(`${id}:${length}:${payload(id, length)}`));
    writeSync(1, `ack ${id}\n`);
  }
}

if (import.meta.main) {
  const [dir = "", round = ""] = process.argv.slice(2);
  const { node } = await openServer(dir);
  writeSync(1, "ready\n");
  await Promise.all(Array.from({ length: writerCount }, (_, number) => write(node, `r${round}w${number}`)));
}
