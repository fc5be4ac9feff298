import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "bun:test";
import { systemArchiveTools } from "../runtime/archive-tools.ts";
import { StateStore } from "../state/store.ts";
import { MsgpackReader } from "../wire/msgpack/reader.ts";
import { encodeMsgpack } from "../wire/schema/codec.ts";
import { readArchive } from "../wire/snapshot/archive.ts";
import { DeregisterRequest, HealthCheck, RegisterRequest } from "../wire/structs/catalog.ts";
import { IndexEntry, SystemMetadataEntry, SystemMetadataRequest } from "../wire/structs/operator.ts";
import { NodeService } from "../wire/structs/service.ts";
import { autopilotCommands, autopilotSnapshotPart } from "./autopilot-commands.ts";
import { catalogCommands, catalogSnapshotPart } from "./catalog-commands.ts";
import { commandType, type SnapshotPart } from "./command.ts";
import { coordinateCommands, coordinateSnapshotPart } from "./coordinate-commands.ts";
import { encodeCommand } from "./encode.ts";
import { Fsm } from "./fsm.ts";
import { systemCommands, systemSnapshotPart } from "./system-commands.ts";

const vectorsPath = join(import.meta.dirname, "../../../shared/protocol/vectors/fsm_snapshot.json");
const haveVectors = existsSync(vectorsPath);
if (!haveVectors) console.warn("skipped: no protocol vectors beside the repository");
const parts: readonly SnapshotPart[] = [
  catalogSnapshotPart,
  coordinateSnapshotPart,
  autopilotSnapshotPart,
  systemSnapshotPart,
];

interface Vector {
  readonly name: string;
  readonly hex?: string;
  readonly type?: number;
  readonly tgz_base64?: string;
}
interface Vectors {
  readonly vectors: readonly Vector[];
}

function readVectors(): readonly Vector[] {
  return (JSON.parse(readFileSync(vectorsPath, "utf8")) as Vectors).vectors;
}

describe.skipIf(!haveVectors)("a snapshot that the reference wrote", () => {
  const lastIndex = 68;

  test("comes back as it was, in its order", () => {
    const store = new StateStore();
    const restores = new Map(parts.flatMap((part) => part.restore).map((one) => [one.type, one]));
    const expected: string[] = [];
    for (const { type, hex } of readVectors()) {
      if (type === undefined || hex === undefined) continue;
      const reader = new MsgpackReader(Buffer.from(hex, "hex"), 1);
      if (type === commandType.index) {
        const { Key, Value } = IndexEntry.decode(reader);
        store.setIndex(Key, Value);
      }
      const restore = restores.get(type);
      if (restore === undefined) continue;
      const record = restore.codec.decode(reader);
      restore.put(store, record, lastIndex);
      // Go writes maps in any order; ours is the order of keys.
      expected.push(Buffer.from([type, ...encodeMsgpack(restore.codec, record)]).toString("hex"));
    }
    const written = parts
      .flatMap((part) => [...part.records(store.view(), lastIndex)])
      .map(({ type, body }) => Buffer.from([type, ...body]).toString("hex"));
    expect(expected.length).toBeGreaterThan(18);
    expect(written).toEqual(expected);
  });

  test("is read from its archive", async () => {
    const packed = readVectors().find(({ name }) => name === "archive")?.tgz_base64 ?? "";
    const { meta, state } = await readArchive(systemArchiveTools, Buffer.from(packed, "base64"));
    expect(meta).toMatchObject({ Version: 1, ID: "2-68-1795347930120", Index: 68, Term: 2 });
    expect(state.length).toBe(meta.Size);
  });
});

function machine(): { readonly store: StateStore; readonly fsm: Fsm } {
  const store = new StateStore();
  const commands = [...catalogCommands, ...autopilotCommands, ...coordinateCommands, ...systemCommands];
  return { store, fsm: new Fsm(store, commands, parts) };
}

describe("commands", () => {
  const body = RegisterRequest.make({
    Node: "a",
    Address: "x",
    Service: NodeService.make({ ID: "web", Service: "web" }),
    Checks: [HealthCheck.make({ Node: "a", CheckID: "c", ServiceID: "web" })],
  });

  test("register answers nothing or a refusal; deregister removes what it names", () => {
    const { store, fsm } = machine();
    expect(fsm.apply(1, encodeCommand(commandType.register, RegisterRequest, body))).toBeUndefined();
    const ghost = { ...body, Checks: [HealthCheck.make({ Node: "a", CheckID: "c", ServiceID: "ghost" })] };
    expect(fsm.apply(2, encodeCommand(commandType.register, RegisterRequest, ghost))).toBe(
      'failed inserting check: Missing service registration on node "a"',
    );
    const steps: readonly [Partial<DeregisterRequest>, readonly number[]][] = [
      [{ CheckID: "c" }, [1, 1, 0]],
      [{ ServiceID: "web", CheckID: "c" }, [1, 0, 0]],
      [{}, [0, 0, 0]],
    ];
    for (const [target, sizes] of steps) {
      const request = DeregisterRequest.make({ Node: "a", ...target });
      fsm.apply(3, encodeCommand(commandType.deregister, DeregisterRequest, request));
      const { nodes, services, checks } = store.tables;
      expect([nodes.size, services.size, checks.size]).toEqual([...sizes]);
    }
  });

  test("system metadata is set and deleted", () => {
    const { store, fsm } = machine();
    const apply = (Op: string, Key: string): unknown => {
      const Entry = SystemMetadataEntry.make({ Key, Value: "v" });
      const request = SystemMetadataRequest.make({ Op, Entry });
      return fsm.apply(4, encodeCommand(commandType.systemMetadata, SystemMetadataRequest, request));
    };
    expect(apply("upsert", "k")).toBeUndefined();
    expect(store.tables.systemMetadata.get("k")).toBe("v");
    expect(apply("delete", "k")).toBeUndefined();
    expect(store.tables.systemMetadata.size).toBe(0);
    expect(apply("rename", "k")).toContain("invalid system metadata operation");
    expect(apply("upsert", "")).toBe("missing key on system metadata");
  });

  test("a restored state answers as before", () => {
    const { fsm } = machine();
    fsm.apply(1, encodeCommand(commandType.register, RegisterRequest, body));
    const saved = Buffer.concat([...fsm.snapshot()]);
    const other = machine();
    other.fsm.restore(saved);
    expect(Buffer.concat([...other.fsm.snapshot()]).equals(saved)).toBe(true);
  });
});
