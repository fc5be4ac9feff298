import { expect, test } from "bun:test";
import { MemoryNet } from "./memory-net.ts";
import type { Connection } from "./net.ts";
import { NetworkError } from "./network-error.ts";

const settled = (): Promise<void> => new Promise((turn) => void setImmediate(turn));

function record(connection: Connection): string[] {
  const seen: string[] = [];
  connection.handle({
    data: (bytes) => seen.push(new TextDecoder().decode(bytes)),
    ended: () => seen.push("(end)"),
    closed: (error) => seen.push(`(closed${error === undefined ? "" : ` ${error.message}`})`),
    drained: () => seen.push("(drained)"),
  });
  return seen;
}

async function pair(net: MemoryNet): Promise<{ near: Connection; far: Connection }> {
  const accepted = Promise.withResolvers<Connection>();
  const { address } = await net.host("10.0.0.2").listen({ host: "10.0.0.2", port: 0 }, accepted.resolve);
  const near = await net.host("10.0.0.1").connect(address, { timeoutMs: 1000 });
  return { near, far: await accepted.promise };
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

test("bytes arrive in order, and each side ends on its own", async () => {
  const { near, far } = await pair(new MemoryNet());
  near.write(bytes("a"));
  near.write(bytes("b"));
  near.end();
  const atFar = record(far);
  const atNear = record(near);
  await settled();
  expect(atFar).toEqual(["a", "b", "(end)"]);
  far.write(bytes("answer"));
  far.end();
  await settled();
  expect(atNear).toEqual(["answer", "(end)", "(closed)"]);
  expect(atFar).toEqual(["a", "b", "(end)", "(closed)"]);
  expect(far.remote).toEqual(near.local);
});

test("a full stream says so and drains; writing to a destroyed one resets", async () => {
  const { near, far } = await pair(new MemoryNet());
  const atNear = record(near);
  expect(near.write(new Uint8Array(100_000))).toBe(false);
  const atFar = record(far);
  await settled();
  expect(atNear).toEqual(["(drained)"]);
  far.destroy();
  await settled();
  expect(atFar.at(-1)).toBe("(closed)");
  near.write(bytes("late"));
  await settled();
  expect(atNear).toEqual(["(drained)", "(end)", "(closed read: connection reset by peer)"]);
});

test("datagrams reach whoever is bound; cut hosts hear nothing and cannot be reached", async () => {
  const net = new MemoryNet();
  const seen: string[] = [];
  const a = await net.host("10.0.0.1").bindUdp({ host: "10.0.0.1", port: 0 }, () => undefined);
  const b = await net.host("10.0.0.2").bindUdp({ host: "10.0.0.2", port: 7 }, (data, from) => {
    seen.push(`${new TextDecoder().decode(data)} from ${from.host}`);
  });
  a.send(b.address, bytes("one"));
  await settled();
  net.cut("10.0.0.2");
  a.send(b.address, bytes("two"));
  await settled();
  expect(seen).toEqual(["one from 10.0.0.1"]);
  const refused = await net
    .host("10.0.0.1")
    .connect({ host: "10.0.0.3", port: 1 }, { timeoutMs: 1 })
    .catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(NetworkError);
});
