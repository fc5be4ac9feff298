/** Plans on a client agent, which has to ask servers whether they hold. */
import { describe, expect, test } from "bun:test";
import { SharedRpc } from "../agent/shared-rpc.ts";
import type { Clock } from "../lib/clock.ts";
import { decodeMessage } from "../wire/dns/decode.ts";
import { encodeMessage } from "../wire/dns/encode.ts";
import { dnsType, rcode } from "../wire/dns/message.ts";
import type { Rpc } from "../wire/rpc/method.ts";
import { RpcError } from "../wire/rpc/method.ts";
import { bench, Catalog, instance, question, quick, slow, type Bench, type Wish } from "./testing-catalog.ts";

const web: Wish = { name: "web.service.consul.", type: dnsType.A };

/** Servers behind a network: nothing is known here, and replies have an index. */
class Servers {
  readonly catalog: Catalog;
  callCount = 0;
  index = 10;
  lastContactNs = 0;
  isDown = false;
  readonly #deferred: (() => void)[] = [];

  constructor(count: number) {
    this.catalog = new Catalog(Array.from({ length: count }, (_, index) => instance(index)));
  }

  rpc(clock: Clock): Rpc {
    const calls: Rpc = {
      call: async (method, request) => {
        this.callCount += 1;
        if (this.isDown) throw new RpcError("no servers");
        const reply = await this.catalog.rpc.call(method, request);
        return { ...reply, Index: this.index, LastContact: this.lastContactNs };
      },
    };
    return new SharedRpc({ rpc: calls, clock, defer: (run) => void this.#deferred.push(run) });
  }

  endTurn(): void {
    for (const run of this.#deferred.splice(0)) run();
  }
}

function client(servers: Servers, settings: Parameters<typeof bench>[1] = {}): Bench {
  return bench(servers.catalog, settings, { rpc: (clock) => servers.rpc(clock) });
}

/** Asks, lets the turn end, and tells whether a plan answered. */
async function ask(
  own: Bench,
  servers: Servers,
): Promise<{ readonly isPlanned: boolean; readonly count: number; readonly code: number }> {
  const request = question(web);
  const bytes = encodeMessage(request, { compress: false });
  const reply = await own.resolver.answer(request, bytes, { network: "udp", address: "192.0.2.1" });
  servers.endTurn();
  const answer = reply.kind === "bytes" ? decodeMessage(reply.bytes) : reply.message;
  return { isPlanned: reply.kind === "bytes", count: answer.answers.length, code: answer.rcode };
}

describe("plans of a client", () => {
  test("hold for as long as servers answer with the same index", async () => {
    const servers = new Servers(40);
    const own = client(servers);
    const planned: boolean[] = [];
    for (let round = 0; round < 4; round += 1) planned.push((await ask(own, servers)).isPlanned);
    expect(planned).toEqual([false, false, true, true]);
    expect(servers.callCount).toBe(4);
    servers.catalog.change([instance(7)]);
    servers.index += 1;
    expect(await ask(own, servers)).toEqual({ isPlanned: false, count: 1, code: 0 });
    // One: the reply by which the plan was found not to hold made the next.
    expect(servers.callCount).toBe(5);
    expect(await ask(own, servers)).toEqual({ isPlanned: true, count: 1, code: 0 });
  });

  test("are of no use without asking", async () => {
    const servers = new Servers(2);
    const own = client(servers);
    for (let round = 0; round < 3; round += 1) await ask(own, servers);
    expect(quick(own, web)).toBeUndefined();
    const before = servers.callCount;
    await ask(own, servers);
    expect(servers.callCount).toBe(before + 1);
  });

  test("answer all who ask at the same time by one call", async () => {
    const servers = new Servers(40);
    const own = client(servers);
    for (let round = 0; round < 2; round += 1) await ask(own, servers);
    const before = servers.callCount;
    const answers = await Promise.all(Array.from({ length: 50 }, () => slow(own, web)));
    expect(servers.callCount).toBe(before + 1);
    for (const answer of answers) expect(answer[7]).toBe(3);
  });

  test("end where a server is further behind than allowed", async () => {
    const servers = new Servers(2);
    const own = client(servers, { maxStaleMs: 5 });
    for (let round = 0; round < 3; round += 1) await ask(own, servers);
    const before = servers.callCount;
    servers.lastContactNs = 6e6;
    expect(await ask(own, servers)).toEqual({ isPlanned: false, count: 2, code: 0 });
    // A server, and then the leader.
    expect(servers.callCount).toBe(before + 2);
  });

  test("of servers that do not answer are no answer", async () => {
    const servers = new Servers(2);
    const own = client(servers);
    for (let round = 0; round < 3; round += 1) await ask(own, servers);
    servers.isDown = true;
    expect(await ask(own, servers)).toEqual({ isPlanned: false, count: 0, code: rcode.serverFailure });
  });
});
