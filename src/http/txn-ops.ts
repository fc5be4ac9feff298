/**
 * The operations of a transaction as the HTTP API takes them, turned into those that travel.
 *
 * The two forms differ: only part of a node, service or check can be written this way, and members
 * without a place are refused. Source: the reference's api/txn.go and txn_endpoint.go.
 */
import { DecodeError } from "../lib/errors.ts";
import { quoteGo, quoteGoBytes } from "../lib/go-quote.ts";
import type { JsonObject, JsonValue } from "../wire/schema/codec.ts";
import { asObject, isJsonArray } from "../wire/schema/collections.ts";
import { bytes, byteStr, str, u64, uint } from "../wire/schema/scalars.ts";
import { struct } from "../wire/schema/struct.ts";
import { HealthCheck, HealthCheckDefinition, Node } from "../wire/structs/catalog.ts";
import { DirEntry } from "../wire/structs/kv.ts";
import { ConnectProxyConfig, NodeService } from "../wire/structs/service.ts";
import { TxnOp } from "../wire/structs/txn.ts";
import { HttpError } from "./types.ts";

/** What the conversion needs to know about the agent. */
export interface TxnSettings {
  readonly datacenter: string;
  readonly kvValueBytesMax: number;
}

const KVTxnOp = struct("KVTxnOp", {
  Verb: str,
  Key: byteStr,
  Value: bytes,
  Flags: u64,
  Index: uint,
  Session: str,
});

/** Members of the enterprise edition: taken, and without effect. */
const ignored = ["Namespace", "Partition", "PeerName", "Locality"] as const;
const kvMembers = members([...KVTxnOp.fieldNames, ...ignored]);
const opMembers = members(["KV", "Node", "Service", "Check"]);
const nodeMembers = members([...Node.fieldNames, ...ignored]);
const serviceMembers = members([...NodeService.fieldNames, ...ignored, "ContentHash", "Datacenter"]);
const checkMembers = members([...HealthCheck.fieldNames, ...ignored]);
const nodeOpMembers = members(["Verb", "Node"]);
const serviceOpMembers = members(["Verb", "Node", "Service"]);
const checkOpMembers = members(["Verb", "Check"]);

/** The operations of a body; those that name nothing are left out. Throws `DecodeError` or `HttpError`. */
export function txnOps(body: JsonValue, settings: TxnSettings): readonly TxnOp[] {
  if (body === null) return [];
  if (!isJsonArray(body))
    throw new DecodeError("json: cannot unmarshal object into Go value of type api.TxnOps");
  const ops: TxnOp[] = [];
  for (const item of body) {
    const op = item === null ? undefined : txnOp(known(item, opMembers), settings);
    if (op !== undefined) ops.push(op);
  }
  return ops;
}

/** The first member that is set decides; the others must still be well formed. */
function txnOp(given: JsonObject, settings: TxnSettings): TxnOp | undefined {
  const KV = member(given, "KV");
  const node = member(given, "Node");
  const service = member(given, "Service");
  const check = member(given, "Check");
  const made = {
    KV: KV === null ? null : kvOp(known(KV, kvMembers), settings),
    Node: node === null ? null : nodeOp(known(node, nodeOpMembers), settings),
    Service: service === null ? null : serviceOp(known(service, serviceOpMembers)),
    Check: check === null ? null : checkOp(known(check, checkOpMembers)),
  };
  if (made.KV !== null) return { ...noOp, KV: made.KV };
  if (made.Node !== null) return { ...noOp, Node: made.Node };
  if (made.Service !== null) return { ...noOp, Service: made.Service };
  return made.Check === null ? undefined : { ...noOp, Check: made.Check };
}

const noOp = TxnOp.make({});

function kvOp(given: JsonObject, { kvValueBytesMax }: TxnSettings): NonNullable<TxnOp["KV"]> {
  const { Verb, Key, Value, Flags, Index, Session } = KVTxnOp.fromJson(given, "");
  const size = Value?.length ?? 0;
  if (size > kvValueBytesMax) {
    const text = `Value for key ${quoteGoBytes(Key)} is too large (${size} > ${kvValueBytesMax} bytes)`;
    throw new HttpError(413, text);
  }
  const DirEnt = DirEntry.make({ Key, Flags, Value, Session, ModifyIndex: Index });
  return { Verb, DirEnt };
}

function nodeOp(given: JsonObject, { datacenter }: TxnSettings): NonNullable<TxnOp["Node"]> {
  const node = Node.fromJson(known(member(given, "Node") ?? {}, nodeMembers), "");
  const Datacenter = node.Datacenter === "" ? datacenter : node.Datacenter;
  return { Verb: verb(given), Node: { ...node, Datacenter, CreateIndex: 0 } };
}

function serviceOp(given: JsonObject): NonNullable<TxnOp["Service"]> {
  const service = NodeService.fromJson(known(member(given, "Service") ?? {}, serviceMembers), "");
  const { ID, Service, Kind, Tags, Address, Meta, Port, EnableTagOverride, ModifyIndex, Proxy } = service;
  // Weights that are not given count once, as everywhere.
  const weights = service.Weights ?? { Passing: 0, Warning: 0 };
  const Weights = weights.Passing === 0 && weights.Warning === 0 ? { Passing: 1, Warning: 1 } : weights;
  return {
    Verb: verb(given),
    Node: str.fromJson(member(given, "Node") ?? "", "Node"),
    Service: NodeService.make({
      ID,
      Service,
      Kind,
      Tags,
      Address,
      Meta,
      Port,
      Weights,
      EnableTagOverride,
      ModifyIndex,
      Proxy: ConnectProxyConfig.make({
        DestinationServiceName: Proxy.DestinationServiceName,
        DestinationServiceID: Proxy.DestinationServiceID,
        LocalServiceAddress: Proxy.LocalServiceAddress,
        LocalServicePort: Proxy.LocalServicePort,
        LocalServiceSocketPath: Proxy.LocalServiceSocketPath,
        MeshGateway: Proxy.MeshGateway,
      }),
    }),
  };
}

function checkOp(given: JsonObject): NonNullable<TxnOp["Check"]> {
  const body = known(member(given, "Check") ?? {}, checkMembers);
  const definition = member(body, "Definition");
  const check = HealthCheck.fromJson(body, "");
  const from = HealthCheckDefinition.fromJson(definition === null ? {} : withDurations(definition), "");
  return {
    Verb: verb(given),
    Check: HealthCheck.make({
      Node: check.Node,
      CheckID: check.CheckID,
      Name: check.Name,
      Status: check.Status,
      Notes: check.Notes,
      Output: check.Output,
      ServiceID: check.ServiceID,
      ServiceName: check.ServiceName,
      ServiceTags: check.ServiceTags,
      ExposedPort: check.ExposedPort,
      ModifyIndex: check.ModifyIndex,
      Definition: HealthCheckDefinition.make({
        HTTP: from.HTTP,
        TLSServerName: from.TLSServerName,
        TLSSkipVerify: from.TLSSkipVerify,
        Header: from.Header,
        Method: from.Method,
        Body: from.Body,
        TCP: from.TCP,
        TCPUseTLS: from.TCPUseTLS,
        GRPC: from.GRPC,
        GRPCUseTLS: from.GRPCUseTLS,
        OSService: from.OSService,
        Interval: from.Interval,
        Timeout: from.Timeout,
        DeregisterCriticalServiceAfter: from.DeregisterCriticalServiceAfter,
      }),
    }),
  };
}

/** Some clients send `IntervalDuration` and the like; where both are given, this one counts. */
function withDurations(definition: JsonValue): JsonObject {
  const result: Record<string, JsonValue> = {};
  const longer: [string, JsonValue][] = [];
  for (const [name, value] of Object.entries(
    asObject(definition, "Definition", "api.HealthCheckDefinition"),
  )) {
    if (!name.endsWith("Duration")) result[name] = value;
    else if (value !== null) longer.push([name.slice(0, -"Duration".length), value]);
  }
  return { ...result, ...Object.fromEntries(longer) };
}

function verb(given: JsonObject): string {
  return str.fromJson(member(given, "Verb") ?? "", "Verb");
}

/** Names as they are declared, which is how they mostly come, and in lower case. */
function members(names: readonly string[]): ReadonlySet<string> {
  return new Set(names.flatMap((name) => [name, name.toLowerCase()]));
}

/** The object, if it has no other members than these. */
function known(value: JsonValue, allowed: ReadonlySet<string>): JsonObject {
  const object = asObject(value, "", "api.TxnOp");
  for (const name in object) {
    if (!allowed.has(name) && !allowed.has(name.toLowerCase()))
      throw new DecodeError(`json: unknown field ${quoteGo(name)}`);
  }
  return object;
}

/** A member by its name, or by one that differs in letter case only. */
function member(object: JsonObject, name: string): JsonValue {
  if (Object.hasOwn(object, name)) return object[name] ?? null;
  for (const given in object) {
    if (given.length === name.length && given.toLowerCase() === name.toLowerCase())
      return object[given] ?? null;
  }
  return null;
}
