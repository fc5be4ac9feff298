/**
 * The replicated state machine: log commands in, state changes out, and snapshots of the whole.
 *
 * Deterministic: the same log gives the same state and the same snapshot, byte for byte. A command
 * number without a handler is passed over and remembered as a gap: a leader of the reference may write what this
 * version does not know, and a server that stops at it would be of less use than one that lacks it.
 * Source: protocol reference, FSM sections 1 and 3.
 */
import { assert } from "../lib/assert.ts";
import type { StateMachine } from "../lib/consensus.ts";
import { DecodeError } from "../lib/errors.ts";
import type { StateStore } from "../state/store.ts";
import { MsgpackReader } from "../wire/msgpack/reader.ts";
import { MsgpackWriter } from "../wire/msgpack/writer.ts";
import { encodeMsgpack } from "../wire/schema/codec.ts";
import { IndexEntry, SnapshotHeader } from "../wire/structs/operator.ts";
import {
  commandType,
  notUnderstood,
  restoreRecord,
  type AnyCommand,
  type RestoreRecord,
  type SnapshotPart,
} from "./command.ts";

/** Set on a command number that servers without a handler may skip. */
const mayBeIgnored = 0x80;
/** Snapshot bytes are handed over in pieces of about this size. */
const chunkBytes = 64 * 1024;

export class Fsm implements StateMachine {
  readonly #store: StateStore;
  readonly #commands = new Map<number, AnyCommand>();
  readonly #restores = new Map<number, RestoreRecord<never>>();
  readonly #parts: readonly SnapshotPart[];
  readonly #gaps = new Map<number, number>();
  #gapListener: (type: number) => void = () => undefined;
  #appliedIndex = 0;

  constructor(store: StateStore, commands: readonly AnyCommand[], parts: readonly SnapshotPart[]) {
    this.#store = store;
    for (const command of commands) {
      assert(!this.#commands.has(command.type), `command ${command.type} has one handler`);
      this.#commands.set(command.type, command);
    }
    this.#parts = [...parts, indexPart];
    for (const record of this.#parts.flatMap((part) => part.restore)) this.#restores.set(record.type, record);
  }

  /**
   * Applies one command and wakes what it touched. The answer is the command's own.
   *
   * A user's archive may come from a log that was further on than ours; rows then go on counting from its
   * index, the same on every server, until the log has caught up: an index that a client saw never comes back.
   */
  apply(logIndex: number, bytes: Uint8Array, decoded?: unknown): unknown {
    const index = Math.max(logIndex, this.#appliedIndex + 1);
    this.#appliedIndex = index;
    const type = bytes[0] ?? 0;
    const command = this.#commands.get(type & ~mayBeIgnored);
    if (command === undefined) {
      if ((type & mayBeIgnored) === 0) this.#addGap(type);
      return undefined;
    }
    const body = decoded ?? this.decode(bytes);
    const answer = command.apply(this.#store, index, body as never);
    this.#store.commit();
    if (answer === notUnderstood) this.#addGap(type & ~mayBeIgnored);
    return answer;
  }

  decode(bytes: Uint8Array): unknown {
    const command = this.#commands.get((bytes[0] ?? 0) & ~mayBeIgnored);
    return command?.codec.decode(new MsgpackReader(bytes, 1));
  }

  /**
   * Commands, or parts of what they may ask for, that were passed over since the start, by number. With any, snapshots
   * of this server lack something.
   */
  get gaps(): ReadonlyMap<number, number> {
    return this.#gaps;
  }

  /** Tells of each number once, when it is first passed over. */
  onGap(listener: (type: number) => void): void {
    this.#gapListener = listener;
  }

  snapshot(): Iterable<Uint8Array> {
    return snapshotStream(this.#parts, this.#store.view(), this.#appliedIndex);
  }

  #addGap(type: number): void {
    const count = this.#gaps.get(type) ?? 0;
    this.#gaps.set(type, count + 1);
    if (count === 0) this.#gapListener(type);
  }

  prepare(state: Uint8Array): () => void {
    const reader = new MsgpackReader(state);
    const { LastIndex } = SnapshotHeader.decode(reader);
    const replace = this.#store.prepare((fresh) => {
      while (!reader.atEnd) {
        const type = reader.byte();
        if (type === commandType.chunkingState) {
          reader.skip();
          continue;
        }
        const record = this.#restores.get(type);
        if (record === undefined) throw new DecodeError(`Unrecognized msg type ${type}`);
        record.put(fresh, record.codec.decode(reader), LastIndex);
      }
    });
    return () => {
      replace();
      this.#appliedIndex = LastIndex;
    };
  }

  /** Replaces all state. Throws `DecodeError` and leaves the state as it was. */
  restore(state: Uint8Array): void {
    this.prepare(state)();
  }
}

/** The last index of each table, so that blocking queries go on where they were. */
const indexPart: SnapshotPart = {
  *records(view) {
    for (const [Key, Value] of view.indexes.entries()) {
      yield { type: commandType.index, body: encodeMsgpack(IndexEntry, { Key, Value }) };
    }
  },
  restore: [
    restoreRecord({
      type: commandType.index,
      codec: IndexEntry,
      put: (store, { Key, Value }) => store.setIndex(Key, Value),
    }),
  ],
};

function* snapshotStream(
  parts: readonly SnapshotPart[],
  view: ReturnType<StateStore["view"]>,
  lastIndex: number,
): Generator<Uint8Array> {
  let writer = new MsgpackWriter(chunkBytes + 4096);
  SnapshotHeader.encode(writer, { LastIndex: lastIndex });
  for (const part of parts) {
    for (const { type, body } of part.records(view, lastIndex)) {
      writer.byte(type);
      writer.raw(body);
      if (writer.length < chunkBytes) continue;
      yield writer.take();
      writer = new MsgpackWriter(chunkBytes + 4096);
    }
  }
  // Peers always end with the state of chunked commands; ours never has any under way.
  writer.byte(commandType.chunkingState);
  writer.mapHeader(1);
  writer.text("ChunkMap");
  writer.mapHeader(0);
  yield writer.take();
}
