/** How an entry stands on disk and between servers: HashiCorp's `Log` struct. Source: protocol/raft.md §2, §5. */
import { DecodeError } from "../../lib/errors.ts";
import { logIndex, term } from "../../lib/log-index.ts";
import { MsgpackWriter } from "../../wire/msgpack/writer.ts";
import { decodeMsgpack, type Infer } from "../../wire/schema/codec.ts";
import { bytes, uint } from "../../wire/schema/scalars.ts";
import { struct } from "../../wire/schema/struct.ts";
import type { Entry } from "../core/entry.ts";
import type { EntryCodec } from "./log-store.ts";

/** One entry on the wire and on disk; `AppendedAt` of later versions is skipped when read. */
export const logStruct = struct("Log", {
  Data: bytes,
  Extensions: bytes,
  Index: uint,
  Term: uint,
  Type: uint,
});
export type LogStruct = Infer<typeof logStruct>;

/** Most that an entry without extensions takes besides its data. */
const logOverheadBytes = 96;
const noBytes = new Uint8Array(0);

/** The entry as a struct; empty data is nil, as the reference writes it. */
export function toLogStruct(entry: Entry): LogStruct {
  return {
    Data: entry.data.length === 0 ? null : entry.data,
    Extensions: entry.extensions === undefined || entry.extensions.length === 0 ? null : entry.extensions,
    Index: entry.index,
    Term: entry.term,
    Type: entry.type,
  };
}

/** The struct as an entry; `data` still aliases the decoded buffer. */
export function fromLogStruct(log: LogStruct): Entry {
  const entry = {
    index: logIndex(log.Index),
    term: term(log.Term),
    type: log.Type,
    data: log.Data ?? noBytes,
  };
  return log.Extensions === null || log.Extensions.length === 0
    ? entry
    : { ...entry, extensions: log.Extensions };
}

/** MessagePack of each entry, all in one buffer: a buffer for each would cost more than what goes into it. */
export function encodeEntries(entries: readonly Entry[]): readonly Uint8Array[] {
  const room = entries.reduce((sum, entry) => sum + entry.data.length + logOverheadBytes, 0);
  const writer = new MsgpackWriter(room);
  const ends = entries.map((entry) => {
    logStruct.encode(writer, toLogStruct(entry));
    return writer.length;
  });
  const all = writer.take();
  return ends.map((end, at) => all.subarray(ends[at - 1] ?? 0, end));
}

/** Reads what `encodeEntries` or a peer wrote; `data` aliases `encoded`. Throws `DecodeError`. */
export function decodeEntry(encoded: Uint8Array): Entry {
  const log = decodeMsgpack(logStruct, encoded);
  if (log.Index === 0) throw new DecodeError("raft: a log entry without an index");
  return fromLogStruct(log);
}

/** HashiCorp's form, for log stores. */
export const entryCodec: EntryCodec = { encodeAll: encodeEntries, decode: decodeEntry };
