/**
 * What a snapshot's state holds: records counted and measured by type, keys by prefix.
 *
 *     state = header record*        header = a msgpack map (last index)
 *     record = type:1 value         value  = one msgpack value
 *
 * The state is fed in chunks as it is read. A record may span chunks: then it is tried again once
 * twice as much has arrived, so each byte is looked at a bounded number of times.
 */
import { DecodeError } from "../lib/errors.ts";
import { MsgpackReader } from "../wire/msgpack/reader.ts";

/** Longest record that is taken; keys hold 512 KiB at most, so this is far off. */
const recordBytesMax = 256 * 1024 * 1024;

/** Type bytes of records; values of the reference's `structs.MessageType`. */
const typeNames: Readonly<Record<number, string>> = {
  0: "Register",
  1: "Deregister",
  2: "KVS",
  3: "Session",
  4: "ACL",
  5: "Tombstone",
  6: "CoordinateBatchUpdate",
  7: "PreparedQuery",
  8: "Txn",
  9: "Autopilot",
  10: "Area",
  11: "ACLBootstrap",
  12: "Intention",
  13: "ConnectCA",
  14: "ConnectCAProviderState",
  15: "ConnectCAConfig",
  16: "Index",
  17: "ACLToken",
  18: "ACLTokenDelete",
  19: "ACLPolicy",
  20: "ACLPolicyDelete",
  21: "ConnectCALeaf",
  22: "ConfigEntry",
  23: "ACLRole",
  24: "ACLRoleDelete",
  25: "ACLBindingRule",
  26: "ACLBindingRuleDelete",
  27: "ACLAuthMethod",
  28: "ACLAuthMethodDelete",
  29: "ChunkingState",
  30: "FederationState",
  31: "SystemMetadata",
  32: "ServiceVirtualIP",
  33: "FreeVirtualIP",
  34: "KindServiceName",
  35: "Peering",
  36: "PeeringDelete",
  38: "PeeringTrustBundle",
  39: "PeeringTrustBundleDelete",
  40: "PeeringSecret",
  41: "RaftLogVerifierCheckpoint",
  42: "Resource",
  43: "UpdateManualVirtualIPRequestType",
};

const kvType = 2;

/** One line of the statistics. */
export interface RecordStats {
  readonly Name: string;
  /** Bytes, with their type bytes. */
  readonly Sum: number;
  readonly Count: number;
}

/** How keys are grouped: by their first `depth` parts, only those that start with `prefix`. */
export interface KeyGrouping {
  readonly depth: number;
  readonly prefix: string;
}

function add(table: Map<string, RecordStats>, name: string, bytes: number): void {
  const before = table.get(name) ?? { Name: name, Sum: 0, Count: 0 };
  table.set(name, { Name: name, Sum: before.Sum + bytes, Count: before.Count + 1 });
}

function sorted(table: ReadonlyMap<string, RecordStats>): readonly RecordStats[] {
  return [...table.values()].sort((a, b) => b.Sum - a.Sum || (a.Name < b.Name ? -1 : 1));
}

/** The `Key` of a KV record, which `reader` stands before. The record is consumed. */
function readKey(reader: MsgpackReader): string | undefined {
  let key: string | undefined;
  for (let left = reader.mapHeader() ?? 0; left > 0; left -= 1) {
    if (reader.text() === "Key") key = reader.text();
    else reader.skip();
  }
  return key;
}

/** Counts records as they arrive. */
export class SnapshotStatsReader {
  readonly #grouping: KeyGrouping | undefined;
  readonly #byType = new Map<string, RecordStats>();
  readonly #byKey = new Map<string, RecordStats>();
  #pending = new Uint8Array(0);
  /** Bytes of `#pending` below which another try is pointless. */
  #wantedBytes = 1;
  #headerRead = false;
  #carriedBytes = 0;

  /** Without a grouping, keys are not told apart. */
  constructor(grouping: KeyGrouping | undefined) {
    this.#grouping = grouping;
  }

  /** Takes the next bytes of the state. Throws `DecodeError` for a record beyond all bounds. */
  push(chunk: Uint8Array): void {
    const joined = new Uint8Array(this.#pending.length + chunk.length);
    joined.set(this.#pending);
    joined.set(chunk, this.#pending.length);
    this.#pending = joined;
    if (joined.length >= this.#wantedBytes) this.#consume();
    if (this.#pending.length > recordBytesMax) throw new DecodeError("a record of the snapshot is too long");
  }

  /** Marks the end of the state. Throws `DecodeError` if the last record is not whole. */
  end(): void {
    this.#consume();
    if (this.#pending.length === 0 && this.#headerRead) return;
    const reader = new MsgpackReader(this.#pending);
    this.#takeRecord(reader);
  }

  /** Records by type, largest first. */
  byType(): readonly RecordStats[] {
    return sorted(this.#byType);
  }

  /** Keys by prefix, largest first; empty without a grouping. */
  byKey(): readonly RecordStats[] {
    return sorted(this.#byKey);
  }

  #consume(): void {
    const reader = new MsgpackReader(this.#pending);
    let done = 0;
    while (!reader.atEnd) {
      try {
        this.#takeRecord(reader);
      } catch (error) {
        // Not whole yet, or broken: only the end of the input can tell.
        if (!(error instanceof DecodeError)) throw error;
        break;
      }
      done = reader.position;
    }
    this.#pending = this.#pending.slice(done);
    this.#wantedBytes = Math.max(1, this.#pending.length * 2);
  }

  #takeRecord(reader: MsgpackReader): void {
    const start = reader.position;
    if (!this.#headerRead) {
      reader.skip();
      this.#headerRead = true;
      // The reference counts the header towards the first record.
      this.#carriedBytes = reader.position - start;
      return;
    }
    const type = reader.byte();
    const key = type === kvType && this.#grouping !== undefined ? readKey(reader) : reader.skip();
    const bytes = reader.position - start + this.#carriedBytes;
    this.#carriedBytes = 0;
    add(this.#byType, typeNames[type] ?? `Unknown(${type})`, bytes);
    if (typeof key === "string") this.#addKey(key, bytes);
  }

  #addKey(key: string, bytes: number): void {
    const { depth, prefix } = this.#grouping ?? { depth: 0, prefix: "" };
    if (!key.startsWith(prefix)) return;
    add(this.#byKey, key.split("/").slice(0, depth).join("/"), bytes);
  }
}
