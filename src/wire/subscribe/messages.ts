/**
 * Subscriptions to changes: what client agents of Consul 1.10 and later use instead of blocking health reads.
 * Source: the reference's private/pbsubscribe messages (1.16).
 */
import { unreachable } from "../../lib/assert.ts";
import { decodeProto, protoText, type ProtoField } from "../protobuf/decode.ts";
import { encodeProto, ProtoWriter } from "../protobuf/encode.ts";
import type { CheckServiceNode } from "../structs/catalog.ts";
import { checkServiceNodeProto } from "./check-service-node.ts";

/** Path of the one method. */
export const subscribePath = "/subscribe.StateChangeSubscription/Subscribe";
/** What may be subscribed to here, by number: instances of a service, or those that can be reached by mesh. */
export const subscribeTopic = { serviceHealth: 1, serviceHealthConnect: 2 } as const;

export interface SubscribeRequest {
  readonly topic: number;
  /** Name of the service. */
  readonly key: string;
  readonly token: string;
  /** What the subscriber has seen already; 0: nothing. */
  readonly index: number;
  readonly datacenter: string;
  /** Everything of the topic, whatever its name. */
  readonly wildcard: boolean;
}

/** Throws `DecodeError`. */
export function decodeSubscribeRequest(bytes: Uint8Array): SubscribeRequest {
  let request: SubscribeRequest = { topic: 0, key: "", token: "", index: 0, datacenter: "", wildcard: false };
  for (const field of decodeProto(bytes)) request = { ...request, ...partOf(field) };
  return request;
}

function partOf(field: ProtoField): Partial<SubscribeRequest> {
  switch (field.fieldNumber) {
    case 1:
      return field.kind === "int" ? { topic: field.value } : {};
    case 2:
      return { key: protoText(field) };
    case 3:
      return { token: protoText(field) };
    case 4:
      return field.kind === "int" ? { index: field.value } : {};
    case 5:
      return { datacenter: protoText(field) };
    case 9:
      return { wildcard: field.kind === "int" && field.value !== 0 };
    case 10: {
      if (field.kind !== "bytes") return {};
      const name = decodeProto(field.value).find(({ fieldNumber }) => fieldNumber === 1);
      return name === undefined ? {} : { key: protoText(name) };
    }
    default:
      return {};
  }
}

/** An instance that is there or has changed, or that is gone. */
export interface InstanceChange {
  readonly op: "register" | "deregister";
  readonly instance: CheckServiceNode;
}

export type SubscribeEvent = { readonly index: number } & (
  | { readonly kind: "endOfSnapshot" }
  /** What the subscriber has is of no use: everything follows anew. */
  | { readonly kind: "newSnapshotToFollow" }
  | { readonly kind: "changes"; readonly changes: readonly InstanceChange[] }
);

/** An event as it travels. */
export function encodeSubscribeEvent(event: SubscribeEvent): Uint8Array {
  const writer = new ProtoWriter();
  writer.int(1, event.index);
  switch (event.kind) {
    case "endOfSnapshot":
      writer.bool(2, true);
      break;
    case "newSnapshotToFollow":
      writer.bool(3, true);
      break;
    case "changes": {
      const batch = new ProtoWriter();
      for (const change of event.changes) batch.chunk(1, encodeChange(event.index, change));
      writer.chunk(4, batch.bytes());
      break;
    }
    default:
      return unreachable(event);
  }
  return writer.bytes();
}

function encodeChange(index: number, { op, instance }: InstanceChange): Uint8Array {
  const update = new ProtoWriter();
  update.int(1, op === "register" ? 0 : 1);
  update.chunk(2, encodeProto(checkServiceNodeProto, instance));
  const event = new ProtoWriter();
  event.int(1, index);
  event.chunk(10, update.bytes());
  return event.bytes();
}
