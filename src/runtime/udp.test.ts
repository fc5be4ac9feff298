import { expect, test } from "bun:test";
import { systemNet } from "./net.ts";

const loopback = { host: "127.0.0.1", port: 0 };

test("datagrams arrive whole, in order, from whom they came, and stay what they were", async () => {
  const received: { readonly bytes: Uint8Array; readonly port: number }[] = [];
  let done: () => void = () => undefined;
  const all = new Promise<void>((resolve) => (done = resolve));
  const count = 60;
  const to = await systemNet.bindUdp(loopback, (bytes, { port }) => {
    received.push({ bytes, port });
    if (received.length === count) done();
  });
  const from = await systemNet.bindUdp(loopback, () => undefined);
  for (let index = 0; index < count; index += 1)
    from.send(to.address, new Uint8Array(index % 3 === 0 ? 1_400 : index).fill(index));
  await all;
  expect(received.every(({ port }) => port === from.address.port)).toBe(true);
  for (const [index, { bytes }] of received.entries()) {
    expect(bytes.length).toBe(index % 3 === 0 ? 1_400 : index);
    expect(bytes.every((byte) => byte === index)).toBe(true);
  }
  to.close();
  from.close();
});

test("one datagram that cannot be sent takes no other with it, nor does closing", async () => {
  let settle: (bytes: Uint8Array) => void = () => undefined;
  const arrived = new Promise<Uint8Array>((resolve) => (settle = resolve));
  const to = await systemNet.bindUdp(loopback, (bytes) => settle(bytes));
  const from = await systemNet.bindUdp(loopback, () => undefined);
  from.send({ host: "2001:db8::1", port: 9 }, Uint8Array.of(1));
  from.send({ host: "127.0.0.1", port: 9 }, new Uint8Array(70_000));
  from.send(to.address, Uint8Array.of(2));
  from.close();
  from.close();
  from.send(to.address, Uint8Array.of(3));
  expect(await arrived).toEqual(Uint8Array.of(2));
  to.close();
});

test("IPv6 and both kinds of wildcards can be bound; a port that is taken cannot", async () => {
  for (const host of ["::1", "0.0.0.0", "::"]) {
    const socket = await systemNet.bindUdp({ host, port: 0 }, () => undefined);
    expect(socket.address.port).toBeGreaterThan(0);
    socket.close();
  }
  const first = await systemNet.bindUdp(loopback, () => undefined);
  const second = systemNet.bindUdp(first.address, () => undefined).catch((error: unknown) => error);
  expect(await second).toMatchObject({ errno: "EADDRINUSE" });
  first.close();
});
