/**
 * Serves subscriptions to the health of services: first what there is, then each change as it comes.
 *
 * A subscription is a blocking read that never ends: what the next run of it finds is compared with what was
 * sent, by identity of the rows, and the difference goes out. So it sees what such a read sees and in the same
 * order, whatever wakes it.
 * Source: the reference's subscribe service and its clients' materialized views (1.16).
 */
import { encodeGrpcMessage, grpcStatus } from "../wire/grpc/framing.ts";
import { noPathToDatacenter } from "../wire/rpc/error-text.ts";
import type { Rpc } from "../wire/rpc/method.ts";
import { healthServiceNodes } from "../wire/rpc/methods.ts";
import { ServiceSpecificRequest, type CheckServiceNode } from "../wire/structs/catalog.ts";
import {
  decodeSubscribeRequest,
  encodeSubscribeEvent,
  subscribeTopic,
  type InstanceChange,
  type SubscribeEvent,
  type SubscribeRequest,
} from "../wire/subscribe/messages.ts";
import type { GrpcCall } from "./grpc-call.ts";

/** Changes in one event; a larger snapshot goes out in several. */
const batchMax = 256;

export interface SubscriptionParts {
  readonly rpc: Rpc;
  readonly datacenter: string;
}

/** Answers a call to `subscribePath` until the subscriber goes. Rejects as `Rpc` does, or with `DecodeError`. */
export async function serveSubscription(
  parts: SubscriptionParts,
  call: GrpcCall,
  message: Uint8Array,
): Promise<void> {
  const request = decodeSubscribeRequest(message);
  const refusal = refusalOf(parts, request);
  if (refusal !== undefined) return call.end(refusal.status, refusal.text);
  await subscribe(parts, call, request);
}

function refusalOf(
  { datacenter }: SubscriptionParts,
  request: SubscribeRequest,
): { readonly status: number; readonly text: string } | undefined {
  if (request.datacenter !== "" && request.datacenter !== datacenter) {
    return { status: grpcStatus.unknown, text: noPathToDatacenter };
  }
  const isKnown = Object.values<number>(subscribeTopic).includes(request.topic);
  if (!isKnown || request.wildcard || request.key === "") {
    return {
      status: grpcStatus.invalidArgument,
      text: "only the health of one service can be subscribed to",
    };
  }
  return undefined;
}

async function subscribe(
  { rpc }: SubscriptionParts,
  call: GrpcCall,
  request: SubscribeRequest,
): Promise<void> {
  const send = (event: SubscribeEvent): Promise<void> =>
    call.send(encodeGrpcMessage(encodeSubscribeEvent(event)));
  const read = ServiceSpecificRequest.make({
    Datacenter: request.datacenter,
    ServiceName: request.key,
    Connect: request.topic === subscribeTopic.serviceHealthConnect,
    Token: request.token,
    // Every server serves its own subscribers.
    AllowStale: true,
  });
  let sent: Instances = new Map();
  for (let seenIndex = 0; ;) {
    const reply = await rpc.call(healthServiceNodes, { ...read, MinQueryIndex: seenIndex }, call.signal);
    if (call.signal.aborted) return call.end(grpcStatus.ok, "");
    const { Index: index } = reply;
    // The state was replaced: what the subscriber has cannot be mended by changes.
    if (index < seenIndex) return call.end(grpcStatus.aborted, "subscription was reset, resubscribe");
    const present = byId(reply.Nodes ?? []);
    const isFirst = seenIndex === 0;
    // A subscriber that comes back with what we have now needs nothing.
    const isResumed = isFirst && request.index === index;
    if (isFirst && !isResumed && request.index > 0) await send({ kind: "newSnapshotToFollow", index });
    if (!isResumed) {
      const changes = differences(sent, present);
      for (let at = 0; at < changes.length; at += batchMax) {
        await send({ kind: "changes", index, changes: changes.slice(at, at + batchMax) });
      }
      if (isFirst) await send({ kind: "endOfSnapshot", index });
    }
    sent = present;
    seenIndex = index;
  }
}

type Instances = ReadonlyMap<string, CheckServiceNode>;

function byId(instances: readonly CheckServiceNode[]): Instances {
  return new Map(instances.map((one) => [`${one.Node?.Node ?? ""}\0${one.Service?.ID ?? ""}`, one]));
}

/** What a subscriber that has `before` must be told to have `after`. */
function differences(before: Instances, after: Instances): readonly InstanceChange[] {
  const changes: InstanceChange[] = [];
  for (const [id, instance] of after) {
    const known = before.get(id);
    if (known === undefined || !isSame(known, instance)) changes.push({ op: "register", instance });
  }
  for (const [id, instance] of before) if (!after.has(id)) changes.push({ op: "deregister", instance });
  return changes;
}

/** Rows are replaced, never changed, so the same rows mean the same content. */
function isSame(a: CheckServiceNode, b: CheckServiceNode): boolean {
  const [mine, theirs] = [a.Checks ?? [], b.Checks ?? []];
  return (
    a.Node === b.Node &&
    a.Service === b.Service &&
    mine.length === theirs.length &&
    mine.every((check, at) => check === theirs[at])
  );
}
