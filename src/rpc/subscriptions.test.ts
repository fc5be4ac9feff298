import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { DecodeError } from "../lib/errors.ts";
import { silentLog } from "../lib/log.ts";
import { decodeGrpcMessage, encodeGrpcMessage, grpcStatus } from "../wire/grpc/framing.ts";
import { decodeProto, type ProtoField } from "../wire/protobuf/decode.ts";
import { ProtoWriter } from "../wire/protobuf/encode.ts";
import { encodeTransferRequest, transferLeaderPath } from "../wire/grpc/operator-messages.ts";
import { RpcError, type Rpc } from "../wire/rpc/method.ts";
import {
  CheckServiceNode,
  HealthCheck,
  IndexedCheckServiceNodes,
  Node,
  ServiceSpecificRequest,
} from "../wire/structs/catalog.ts";
import { NodeService } from "../wire/structs/service.ts";
import { decodeSubscribeRequest, subscribePath } from "../wire/subscribe/messages.ts";
import type { GrpcCall } from "./grpc-call.ts";
import { serveGrpcCall } from "./grpc-service.ts";
import { settled } from "../lib/manual-clock.ts";

function requestBytes(o: {
  topic?: number;
  key?: string;
  index?: number;
  datacenter?: string;
  named?: string;
}): Uint8Array {
  const writer = new ProtoWriter();
  writer.int(1, o.topic ?? 1);
  writer.text(2, o.key ?? "web");
  writer.int(4, o.index ?? 0);
  writer.text(5, o.datacenter ?? "dc1");
  if (o.named !== undefined) {
    const named = new ProtoWriter();
    named.text(1, o.named);
    writer.chunk(10, named.bytes());
  }
  return writer.bytes();
}

class TestCall implements GrpcCall {
  readonly path: string;
  readonly events: string[] = [];
  readonly #gone = new AbortController();
  readonly #body: Uint8Array;
  constructor(body: Uint8Array, path = subscribePath) {
    this.#body = body;
    this.path = path;
  }
  get signal(): AbortSignal {
    return this.#gone.signal;
  }
  body(): Promise<Uint8Array> {
    return Promise.resolve(this.#body);
  }
  send(bytes: Uint8Array): Promise<void> {
    this.events.push(shown(decodeProto(decodeGrpcMessage(bytes))));
    return Promise.resolve();
  }
  end(status: number, message: string): void {
    this.events.push(`end ${status} ${message}`);
  }
  leave(): void {
    this.#gone.abort();
  }
}

const bytesOf = (fields: readonly ProtoField[], wanted: number): Uint8Array[] =>
  fields.flatMap((one) => (one.fieldNumber === wanted && one.kind === "bytes" ? [one.value] : []));
const intOf = (fields: readonly ProtoField[], wanted: number): number =>
  fields.reduce((found, one) => (one.fieldNumber === wanted && one.kind === "int" ? one.value : found), 0);

/** An event in words. */
function shown(event: readonly ProtoField[]): string {
  const index = intOf(event, 1);
  if (intOf(event, 2) === 1) return `${index} end of snapshot`;
  if (intOf(event, 3) === 1) return `${index} new snapshot`;
  const changes = bytesOf(event, 4).flatMap((batch) => bytesOf(decodeProto(batch), 1));
  const texts = changes.map((bytes) => {
    const update = decodeProto(bytesOf(decodeProto(bytes), 10)[0] ?? new Uint8Array());
    const instance = decodeProto(bytesOf(update, 2)[0] ?? new Uint8Array());
    const service = decodeProto(bytesOf(instance, 2)[0] ?? new Uint8Array());
    const [id] = bytesOf(service, 2);
    return `${intOf(update, 1) === 0 ? "+" : "-"}${new TextDecoder().decode(id)}(${bytesOf(instance, 3).length})`;
  });
  return `${index} ${texts.join(" ")}`;
}

const node = Node.make({ Node: "n1", Address: "10.0.0.1" });
const instance = (id: string, checks = 1): CheckServiceNode =>
  CheckServiceNode.make({
    Node: node,
    Service: NodeService.make({ ID: id, Service: "web", Port: 80 }),
    Checks: Array.from({ length: checks }, () => HealthCheck.make({ Status: "passing" })),
  });

/** Answers each read with the next reply; the last one waits. */
function served(
  replies: readonly { readonly index: number; readonly nodes: readonly CheckServiceNode[] }[],
): { rpc: Rpc; asked: ServiceSpecificRequest[] } {
  const asked: ServiceSpecificRequest[] = [];
  const rpc: Rpc = {
    call: <Q, R>(_: unknown, request: Q, signal?: AbortSignal): Promise<R> => {
      const reply = replies[asked.length];
      asked.push(request as unknown as ServiceSpecificRequest);
      const answer = IndexedCheckServiceNodes.make({ Index: reply?.index ?? 0, Nodes: reply?.nodes ?? null });
      if (reply !== undefined) return Promise.resolve(answer as R);
      return new Promise((resolve) => signal?.addEventListener("abort", () => resolve(answer as R)));
    },
  };
  return { rpc, asked };
}

async function events(call: TestCall, rpc: Rpc): Promise<string[]> {
  const serving = serveGrpcCall({ rpc, datacenter: "dc1", log: silentLog }, call);
  await settled();
  call.leave();
  await serving;
  return call.events;
}

describe("a subscription", () => {
  test("begins with what there is and goes on with what changes", async () => {
    const [a, b, c] = [instance("a"), instance("b"), instance("c")];
    const changed = { ...b, Checks: [HealthCheck.make({ Status: "critical" })] };
    const { rpc, asked } = served([
      { index: 5, nodes: [a, b] },
      { index: 7, nodes: [a, changed, c] },
      { index: 7, nodes: [a, changed, c] },
      { index: 9, nodes: [c] },
    ]);
    const call = new TestCall(encodeGrpcMessage(requestBytes({ named: "web" })));
    expect(await events(call, rpc)).toEqual([
      "5 +a(1) +b(1)",
      "5 end of snapshot",
      "7 +b(1) +c(1)",
      "9 -a(1) -b(1)",
      "end 0 ",
    ]);
    expect(asked.map(({ MinQueryIndex }) => MinQueryIndex)).toEqual([0, 5, 7, 7, 9]);
    expect(asked[0]).toMatchObject({ ServiceName: "web", Connect: false, AllowStale: true });
  });

  test("of a service without instances is an empty snapshot", async () => {
    const { rpc } = served([{ index: 1, nodes: [] }]);
    const call = new TestCall(encodeGrpcMessage(requestBytes({ topic: 2 })));
    expect(await events(call, rpc)).toEqual(["1 end of snapshot", "end 0 "]);
  });

  test.each<{ index: number; expected: string[] }>([
    { index: 5, expected: ["7 +b(2)", "end 0 "] },
    { index: 4, expected: ["5 new snapshot", "5 +a(1)", "5 end of snapshot", "7 +b(2)", "end 0 "] },
  ])("that comes back with index $index", async ({ index, expected }) => {
    const a = instance("a");
    const { rpc } = served([
      { index: 5, nodes: [a] },
      { index: 7, nodes: [a, instance("b", 2)] },
    ]);
    expect(await events(new TestCall(encodeGrpcMessage(requestBytes({ index }))), rpc)).toEqual(expected);
  });

  test("ends when the state goes back", async () => {
    const { rpc } = served([
      { index: 5, nodes: [] },
      { index: 3, nodes: [] },
    ]);
    const seen = await events(new TestCall(encodeGrpcMessage(requestBytes({}))), rpc);
    expect(seen.at(-1)).toBe(`end ${grpcStatus.aborted} subscription was reset, resubscribe`);
  });

  test.each([
    {
      name: "another topic",
      body: encodeGrpcMessage(requestBytes({ topic: 8 })),
      status: grpcStatus.invalidArgument,
    },
    {
      name: "another datacenter",
      body: encodeGrpcMessage(requestBytes({ datacenter: "dc2" })),
      status: grpcStatus.unknown,
    },
    { name: "no message", body: new Uint8Array(3), status: grpcStatus.invalidArgument },
  ])("to $name is refused", async ({ body, status }) => {
    const seen = await events(new TestCall(body), served([]).rpc);
    expect(seen[0]).toStartWith(`end ${status} `);
  });

  test("other methods are not implemented", async () => {
    const seen = await events(new TestCall(new Uint8Array(), "/a.B/C"), served([]).rpc);
    expect(seen).toEqual([`end ${grpcStatus.unimplemented} unknown method /a.B/C`]);
  });
});

test("handing leadership on is asked of the endpoint, and its refusal comes back", async () => {
  const asked: unknown[] = [];
  const answering = (answer: () => Promise<unknown>): Rpc => ({
    call: <Q, R>({ name }: { readonly name: string }, request: Q): Promise<R> => {
      asked.push([name, (request as { readonly ID?: string }).ID]);
      return answer() as Promise<R>;
    },
  });
  const ask = async (id: string, rpc: Rpc): Promise<string[]> => {
    const call = new TestCall(encodeGrpcMessage(encodeTransferRequest(id)), transferLeaderPath);
    await serveGrpcCall({ rpc, datacenter: "dc1", log: silentLog }, call);
    return call.events;
  };
  const agrees = answering(() => Promise.resolve({ Success: true }));
  // The answer's first field is what `shown` takes for an index.
  expect(await ask("id-2", agrees)).toEqual(["1 ", "end 0 "]);
  const refuses = answering(() => Promise.reject(new RpcError("cannot find peer")));
  expect(await ask("", refuses)).toEqual(["end 2 cannot find peer"]);
  expect(asked).toEqual([
    ["Operator.TransferLeader", "id-2"],
    ["Operator.TransferLeader", ""],
  ]);
});

test("no request does anything but fail to decode", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      try {
        decodeSubscribeRequest(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(DecodeError);
      }
    }),
  );
});
