/** Whole nodes on the loopback: real sockets, real time, conditions instead of pauses. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { createSocket } from "node:dgram";
import { connect } from "node:net";
import type { MemberEvent } from "../../lib/members.ts";
import type { Metrics } from "../../lib/metrics.ts";
import { parseCidr } from "../../lib/ip.ts";
import { silentLog } from "../../lib/log.ts";
import type { Net } from "../../lib/net.ts";
import { systemNet } from "../../runtime/net.ts";
import { noMetrics } from "../../lib/metrics.ts";
import { Keyring } from "../../wire/gossip/keyring.ts";
import { toBase64 } from "../../wire/schema/base64.ts";
import { lanChecks } from "../core/lan-checks.ts";
import {
  addressOf,
  failureOf,
  memorySnapshot,
  seen,
  startNode,
  until,
  untilStatus,
} from "../../../test/support/gossip-nodes.ts";

// Conditions come true within a second or two; on a machine that is busy it may take longer.
setDefaultTimeout(30_000);

const key = (byte: number): Uint8Array => new Uint8Array(16).fill(byte);
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("nodes of a pool", () => {
  test("join, see each other's tags and tell of each other", async () => {
    await using a = await startNode("a");
    await using b = await startNode("b", { options: { tags: { role: "consul", dc: "dc1" } } });
    await using c = await startNode("c", { options: { bind: { host: "127.0.0.2", port: 0 } } });
    const events: MemberEvent[] = [];
    a.onMember((event) => events.push(event));
    expect(await b.join([addressOf(a)], true)).toBe(1);
    expect(await c.join([`b/${addressOf(b)}`], true)).toBe(1);
    for (const node of [a, b, c]) for (const name of ["a", "b", "c"]) await untilStatus(node, name, "alive");
    expect((await untilStatus(c, "b", "alive")).tags).toEqual({ role: "consul", dc: "dc1" });
    expect(await untilStatus(a, "c", "alive")).toMatchObject({
      address: "127.0.0.2",
      port: c.address.port,
      protocolMin: 1,
      protocolMax: 5,
      protocolCur: 2,
      delegateMin: 2,
      delegateMax: 5,
      delegateCur: 4,
    });
    expect(events.map(({ kind, member }) => `${kind} ${member.name}`)).toEqual(["join b", "join c"]);
    expect(a.stats()).toMatchObject({ members: "3", failed: "0", left: "0", encrypted: "false" });
  });

  test("see one die and come back at another port", async () => {
    await using a = await startNode("a");
    await using b = await startNode("b");
    const c = await startNode("c");
    await b.join([addressOf(a)], true);
    await c.join([addressOf(a)], true);
    await untilStatus(b, "c", "alive");
    await c.shutdown();
    await untilStatus(a, "c", "failed");
    await untilStatus(b, "c", "failed");
    expect(a.stats()).toMatchObject({ failed: "1" });
    await a.forceLeave("c", false);
    await untilStatus(b, "c", "left");
    await using again = await startNode("c");
    await again.join([addressOf(b)], true);
    for (const node of [a, b]) await untilStatus(node, "c", "alive");
  });

  test("see one leave", async () => {
    await using a = await startNode("a");
    await using b = await startNode("b");
    await b.join([addressOf(a)], true);
    await untilStatus(a, "b", "alive");
    await b.leave();
    await untilStatus(a, "b", "left");
    expect(await failureOf(b.join([addressOf(a)], true))).toContain(
      "Serf can't Join after Leave or Shutdown",
    );
  });

  test("hear of new tags", async () => {
    await using a = await startNode("a");
    await using b = await startNode("b");
    await b.join([addressOf(a)], true);
    await b.setTags({ role: "node", acls: "1" });
    await until("a sees the new tags", () =>
      a.members().some(({ name, tags }) => name === "b" && tags["acls"] === "1"),
    );
    expect(await failureOf(b.setTags({ long: "x".repeat(600) }))).toContain("exceeds limit of 512 bytes");
    expect(b.localMember().tags).toEqual({ role: "node", acls: "1" });
  });

  test("measure how far they are from each other", async () => {
    await using a = await startNode("a");
    await using b = await startNode("b");
    await b.join([addressOf(a)], true);
    await until(
      "a and b know each other's coordinates",
      () => a.coordinateOf("b") !== undefined && b.coordinateOf("a") !== undefined,
    );
    expect(a.coordinate()?.Vec.length).toBe(8);
  });
});

describe("a node", () => {
  test("may listen everywhere if it is told what to tell others", async () => {
    const options = { bind: { host: "0.0.0.0", port: 0 }, advertiseHost: "127.0.0.1" };
    await using a = await startNode("a", { options });
    await using b = await startNode("b");
    await a.join([addressOf(b)], true);
    expect(await untilStatus(b, "a", "alive")).toMatchObject({ address: "127.0.0.1", port: a.address.port });
    await until("b hears from a", () => b.coordinateOf("a") !== undefined);
  });

  test("speaks IPv6 where the system does", async () => {
    const options = { bind: { host: "::1", port: 0 } };
    const a = await startNode("a", { options }).catch(() => undefined);
    if (a === undefined) return console.warn("skipped: no IPv6 here");
    await using b = await startNode("b", { options });
    await b.join([`[::1]:${a.address.port}`], true);
    expect(await untilStatus(a, "b", "alive")).toMatchObject({ address: "::1", port: b.address.port });
    await until("a hears from b", () => a.coordinateOf("b") !== undefined);
    await a.shutdown();
  });

  test("that only streams reach is not held for dead", async () => {
    const lines: string[] = [];
    const memberlistLog = { ...silentLog, warn: (line: string) => void lines.push(line) };
    const net: Net = {
      ...systemNet,
      bindUdp: async (at, receive) => ({ ...(await systemNet.bindUdp(at, receive)), send: () => undefined }),
    };
    await using a = await startNode("a", { parts: { memberlistLog } });
    await using mute = await startNode("mute", { parts: { net } });
    await mute.join([addressOf(a)], true);
    await until(
      "a reached it over TCP a few times",
      () => lines.filter((line) => /over TCP/.test(line)).length > 3,
    );
    expect(seen(a)).toEqual(["a=alive", "mute=alive"]);
  });

  test("that is shut down refuses what it is asked for", async () => {
    const a = await startNode("a");
    await a.shutdown();
    await a.shutdown();
    expect(await failureOf(a.join(["127.0.0.1:1"], true))).toContain(
      "Serf can't Join after Leave or Shutdown",
    );
    expect(await failureOf(a.forceLeave("b", false))).toBe("the node was shut down");
    expect(await failureOf(a.setTags({ role: "x" }))).toBe("the node was shut down");
    expect(await failureOf(a.leave())).toBe("the node was shut down");
    expect(await failureOf(a.query({ name: "q", payload: utf8("") }))).toBe("the node was shut down");
  });

  test("alone in its pool leaves at once", async () => {
    await using a = await startNode("a");
    await a.leave();
    expect(seen(a)).toEqual(["a=left"]);
  });
});

test("of two nodes with one name the newcomer stops, if the pool is asked", async () => {
  await using a = await startNode("a");
  await using b = await startNode("b");
  await using x = await startNode("x", { options: { resolveNameConflicts: true } });
  await b.join([addressOf(a)], true);
  await x.join([addressOf(a)], true);
  await untilStatus(b, "x", "alive");
  const stopped = Promise.withResolvers<string>();
  x.onShutdown(() => stopped.resolve("the first"));
  await using other = await startNode("x", { options: { resolveNameConflicts: true } });
  other.onShutdown(() => stopped.resolve("the newcomer"));
  await other.join([addressOf(a)], true);
  expect(await stopped.promise).toBe("the newcomer");
  expect(await untilStatus(a, "x", "alive")).toMatchObject({ port: x.address.port });
});

describe("a join", () => {
  test("that reaches nobody says what failed, in the reference's words", async () => {
    await using a = await startNode("a");
    const gone = await startNode("gone");
    const address = addressOf(gone);
    await gone.shutdown();
    expect(await failureOf(a.join([address, "/x"], true))).toContain(
      `2 errors occurred:\n\t* Failed to join ${address}: dial tcp ${address}: connect: connection refused\n\t` +
        "* Failed to resolve /x: empty node name provided\n\n",
    );
  });

  test("that reaches somebody counts", async () => {
    await using a = await startNode("a");
    await using b = await startNode("b");
    expect(await b.join(["/x", addressOf(a), `localhost:${a.address.port}`], true)).toBeGreaterThan(0);
  });

  test("of the wrong datacenter is refused by the joiner and leaves no trace", async () => {
    const inDatacenter = (dc: string, id: string, nodeName: string) => ({
      tags: { role: "node", dc, id, segment: "", build: "1.16.4:" },
      check: lanChecks({ nodeName, nodeId: id, datacenter: dc, segment: "" }),
    });
    await using a = await startNode("a", { options: inDatacenter("dc1", "1", "a") });
    await using b = await startNode("b", { options: inDatacenter("dc2", "2", "b") });
    expect(await failureOf(b.join([addressOf(a)], true))).toContain(
      "Member 'a' part of wrong datacenter 'dc1'",
    );
    expect(seen(a)).toEqual(["a=alive"]);
    expect(seen(b)).toEqual(["b=alive"]);
  });
});

describe("events and queries", () => {
  test("an event reaches every node once", async () => {
    await using a = await startNode("a");
    await using b = await startNode("b");
    const heard: string[] = [];
    for (const node of [a, b]) {
      node.onUserEvent(({ name, payload }) =>
        heard.push(`${node.localMember().name}: ${name} ${payload.length}`),
      );
    }
    await b.join([addressOf(a)], true);
    a.userEvent("deploy", utf8("42"));
    await until("both heard", () => heard.length === 2);
    expect(heard.toSorted()).toEqual(["a: deploy 2", "b: deploy 2"]);
    expect(() => a.userEvent("big", new Uint8Array(600))).toThrow("512 bytes");
  });

  test("a query is answered and acknowledged by those who are meant", async () => {
    await using a = await startNode("a");
    await using b = await startNode("b", { options: { tags: { role: "web-1" } } });
    await b.join([addressOf(a)], true);
    await untilStatus(a, "b", "alive");
    for (const node of [a, b]) node.onQuery(({ query, respond }) => respond(utf8(`${query.name}!`)));
    const { acks, responses } = await a.query({
      name: "uptime",
      payload: utf8(""),
      tags: { role: "^web-[0-9]$" },
      ack: true,
      timeoutMs: 400,
    });
    expect(acks).toEqual(["b"]);
    expect(responses).toEqual([{ from: "b", payload: utf8("uptime!") }]);
  });
});

describe("encryption", () => {
  const encrypted = (byte: number) => ({ options: { keyring: Keyring.of([key(byte)]) } });

  test("nodes with one key find each other, and others are refused", async () => {
    await using a = await startNode("a", encrypted(1));
    await using b = await startNode("b", encrypted(1));
    await using wrong = await startNode("wrong", encrypted(2));
    await using plain = await startNode("plain");
    await b.join([addressOf(a)], true);
    await untilStatus(a, "b", "alive");
    expect(await failureOf(wrong.join([addressOf(a)], true))).toContain(
      "No installed keys could decrypt the message",
    );
    expect(await failureOf(plain.join([addressOf(a)], true))).toContain(
      "Remote state is encrypted and encryption is not configured",
    );
    expect(await failureOf(a.join([addressOf(plain)], true))).toContain(
      "Encryption is configured but remote state is not encrypted",
    );
    expect(seen(a)).toEqual(["a=alive", "b=alive"]);
    expect(a.stats()).toMatchObject({ encrypted: "true" });
  });

  test("keys are rotated on every node, and kept", async () => {
    const files: string[] = [];
    const keyringFile = { write: (text: string) => Promise.resolve(void files.push(text)) };
    await using a = await startNode("a", { ...encrypted(1), parts: { keyringFile } });
    await using b = await startNode("b", encrypted(1));
    await b.join([addressOf(a)], true);
    await untilStatus(b, "a", "alive");
    await untilStatus(a, "b", "alive");
    for (const operation of ["install", "use"] as const) {
      const answer = await b.keyring({ operation, key: key(2) });
      expect(answer).toMatchObject({ nodeCount: 2, responseCount: 2, failureCount: 0 });
    }
    expect(await b.keyring({ operation: "remove", key: key(2) })).toMatchObject({
      failureCount: 2,
      messages: {
        a: "Removing the primary key is not allowed",
        b: "Removing the primary key is not allowed",
      },
      problem: "2/2 nodes reported failure",
    });
    expect(await b.keyring({ operation: "remove", key: key(1) })).toMatchObject({ failureCount: 0 });
    expect(await a.keyring({ operation: "list", key: new Uint8Array(0) })).toMatchObject({
      keys: { [toBase64(key(2))]: 2 },
      primaryKeys: { [toBase64(key(2))]: 2 },
    });
    expect(files.at(-1)).toBe(`[\n  "${toBase64(key(2))}"\n]`);
    await using c = await startNode("c", encrypted(2));
    await c.join([addressOf(a)], true);
    await untilStatus(b, "c", "alive");
  });

  test("pools with different labels do not hear each other", async () => {
    await using a = await startNode("a", { options: { label: "one" } });
    await using b = await startNode("b", { options: { label: "one" } });
    await using other = await startNode("other", { options: { label: "two" } });
    await b.join([addressOf(a)], true);
    await untilStatus(a, "b", "alive");
    expect(await failureOf(other.join([addressOf(a)], true))).toContain("EOF");
    expect(seen(a)).toEqual(["a=alive", "b=alive"]);
  });
});

describe("a restart", () => {
  test("goes back to the pool of the snapshot", async () => {
    const snapshotFile = memorySnapshot();
    await using a = await startNode("a");
    const b = await startNode("b", { parts: { snapshotFile } });
    await b.join([addressOf(a)], true);
    await untilStatus(a, "b", "alive");
    await b.shutdown();
    expect(snapshotFile.text).toContain(`alive: a ${addressOf(a)}\n`);
    await untilStatus(a, "b", "failed");
    await using again = await startNode("b", {
      parts: { snapshotFile },
      options: { bind: b.address },
    });
    await untilStatus(again, "a", "alive");
    await untilStatus(a, "b", "alive");
  });

  test("after a leave does not, unless that is wished for", async () => {
    const snapshotFile = memorySnapshot();
    await using a = await startNode("a");
    const b = await startNode("b", { parts: { snapshotFile } });
    await b.join([addressOf(a)], true);
    await b.leave();
    await b.shutdown();
    expect(snapshotFile.text).toMatch(/\nleave\n$/);
    await using again = await startNode("b", { parts: { snapshotFile } });
    expect(seen(again)).toEqual(["b=alive"]);
    await untilStatus(a, "b", "left");
  });

  test("of a node that others hold for failed is noticed by them", async () => {
    await using a = await startNode("a");
    const b = await startNode("b");
    await b.join([addressOf(a)], true);
    await untilStatus(a, "b", "alive");
    await b.shutdown();
    await untilStatus(a, "b", "failed");
    await using again = await startNode("b", { options: { bind: b.address } });
    await untilStatus(a, "b", "alive");
    await untilStatus(again, "a", "alive");
  });
});

test("a round of gossip is timed", async () => {
  const timers = new Map<string, number>();
  const metrics: Metrics = { ...noMetrics, timer: (name, ms) => void timers.set(name, ms) };
  await using a = await startNode("a", { parts: { metrics } });
  await until("a round is over", () => timers.has("memberlist.gossip"));
  expect(a.members().length).toBe(1);
  expect(timers.get("memberlist.gossip")).toBeGreaterThanOrEqual(0);
});

describe("hostile and foreign input", () => {
  test("bytes on both ports change nothing, and are counted", async () => {
    const counts = new Map<string, number>();
    const metrics: Metrics = {
      ...noMetrics,
      count: (name, by = 1) => void counts.set(name, (counts.get(name) ?? 0) + by),
    };
    await using a = await startNode("a", { parts: { metrics } });
    await using b = await startNode("b");
    await b.join([addressOf(a)], true);
    const socket = createSocket("udp4");
    const attacks = [
      [],
      [0],
      [7, 255],
      [9, 0x80],
      [12, 0, 0, 0, 0, 1],
      [244, 1],
      [4, 0x81, 0xa4],
      [1, 0x80],
      [255],
    ];
    for (const bytes of attacks) socket.send(Uint8Array.from(bytes), a.address.port, "127.0.0.1");
    for (const bytes of [[10, 255, 255, 255, 255], [6, 0x81], [99], [6, 0xdd, 255, 255, 255, 255]]) {
      await new Promise<void>((resolve) => {
        const peer = connect(a.address.port, "127.0.0.1", () => peer.end(Uint8Array.from(bytes)));
        peer.on("close", () => resolve());
        peer.on("error", () => undefined);
        peer.resume();
      });
    }
    await until("drops are counted", () => (counts.get("memberlist.udp.dropped") ?? 0) >= 6);
    socket.close();
    await untilStatus(a, "b", "alive");
    expect(seen(a)).toEqual(["a=alive", "b=alive"]);
    expect(counts.get("memberlist.tcp.unreadable")).toBeGreaterThanOrEqual(4);
  });

  test("members outside of the allowed networks are not let in", async () => {
    const network = parseCidr("127.0.0.1/32");
    if (network === undefined) throw new Error("a network");
    await using a = await startNode("a", { options: { allowedNetworks: [network] } });
    await using b = await startNode("b");
    await using far = await startNode("far", { options: { bind: { host: "127.0.0.9", port: 0 } } });
    await b.join([addressOf(a)], true);
    await far.join([addressOf(a)], true);
    await untilStatus(a, "b", "alive");
    expect(seen(a)).toEqual(["a=alive", "b=alive"]);
  });
});
