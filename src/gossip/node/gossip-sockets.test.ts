import { describe, expect, test } from "bun:test";
import { MemoryNet } from "../../lib/memory-net.ts";
import { NetworkError } from "../../lib/network-error.ts";
import type { Net } from "../../lib/net.ts";
import { systemNet } from "../../runtime/net.ts";
import { failureOf } from "../../../test/support/gossip-nodes.ts";
import { openGossipSockets } from "./gossip-sockets.ts";

const nobody = { datagram: () => undefined, connection: () => undefined };

describe("the doors of a node", () => {
  test("are on one port, which the system chose", async () => {
    const heard = Promise.withResolvers<string>();
    const at = { host: "127.0.0.1", port: 0 };
    const one = await openGossipSockets(systemNet, at, nobody);
    const other = await openGossipSockets(systemNet, at, {
      ...nobody,
      datagram: (bytes, from) => heard.resolve(`${Buffer.from(bytes).toString()} from ${from.port}`),
    });
    one.send(other.address, Buffer.from("hello"));
    expect(await heard.promise).toBe(`hello from ${one.address.port}`);
    const connection = await systemNet.connect(other.address, { timeoutMs: 1000 });
    connection.destroy();
    await Promise.all([one.close(), other.close()]);
  });

  test("a port that is free for TCP only is not taken", async () => {
    const net = new MemoryNet().host("10.0.0.1");
    let refusals = 2;
    const picky: Net = {
      ...net,
      bindUdp: (at, receive) => {
        refusals -= 1;
        if (refusals < 0) return net.bindUdp(at, receive);
        const facts = { errno: "EADDRINUSE", address: at.host, cause: undefined };
        return Promise.reject(new NetworkError("taken", facts));
      },
    };
    const sockets = await openGossipSockets(picky, { host: "10.0.0.1", port: 0 }, nobody);
    expect(refusals).toBe(-1);
    await sockets.close();
  });

  test("a port that is taken is said so in the reference's words", async () => {
    const net = new MemoryNet().host("10.0.0.1");
    const sockets = await openGossipSockets(net, { host: "10.0.0.1", port: 8301 }, nobody);
    expect(await failureOf(openGossipSockets(net, { host: "10.0.0.1", port: 8301 }, nobody))).toContain(
      'Could not set up network transport: failed to obtain an address: Failed to start TCP listener on "10.0.0.1" ' +
        "port 8301: listen tcp 10.0.0.1:8301: bind: address already in use",
    );
    await sockets.close();
  });
});
