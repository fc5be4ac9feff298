import { describe, expect, test } from "bun:test";
import { dnsType } from "../wire/dns/message.ts";
import { decodeMessage } from "../wire/dns/decode.ts";
import { RpcError, type Rpc } from "../wire/rpc/method.ts";
import { bench, Catalog, slow } from "./testing-catalog.ts";

interface Asked {
  readonly ServiceName: string;
  readonly Datacenter: string;
  readonly AllowStale: boolean;
}

/** A server that gave the service `web` an address. */
function world(): {
  readonly asked: Asked[];
  answer(name: string, type?: number): Promise<ReturnType<typeof decodeMessage>>;
} {
  const asked: Asked[] = [];
  const rpc: Rpc = {
    call: async ({ name }, request) => {
      if (name !== "Catalog.VirtualIPForService") throw new RpcError(name);
      const { ServiceName, Datacenter, AllowStale } = request as Asked;
      asked.push({ ServiceName, Datacenter, AllowStale });
      if (ServiceName === "broken") throw new RpcError("boom");
      return (ServiceName === "web" ? "240.0.0.7" : "") as never;
    },
  };
  const own = bench(new Catalog([]), { nodeTtlMs: 9_000 }, { rpc: () => rpc });
  return { asked, answer: async (name, type = dnsType.A) => decodeMessage(await slow(own, { name, type })) };
}

describe("virtual addresses", () => {
  test.each([
    { name: "web.virtual.consul.", owner: "web.virtual.consul." },
    { name: "WEB.Virtual.CONSUL.", owner: "web.virtual.CONSUL." },
    { name: "any.web.virtual.consul.", owner: "any.web.virtual.consul." },
    { name: "web.virtual.dc9.dc.consul.", owner: "web.virtual.dc9.dc.consul." },
    { name: "web.virtual.alt.example.", owner: "web.virtual.alt.example." },
  ])("are the leader's of this datacenter: $name", async ({ name, owner }) => {
    const { asked, answer } = world();
    for (const type of [dnsType.A, dnsType.AAAA, dnsType.SRV]) {
      const { rcode, answers } = await answer(name, type);
      expect(rcode).toBe(0);
      expect(answers).toEqual([
        { name: owner, ttl: 9, data: { kind: "A", address: Uint8Array.of(240, 0, 0, 7) } },
      ]);
    }
    expect(asked[0]).toEqual({ ServiceName: "web", Datacenter: "", AllowStale: false });
  });

  test.each([
    { what: "a service without one", name: "gone.virtual.consul.", code: 0, calls: 1 },
    { what: "a peer", name: "web.virtual.p1.peer.consul.", code: 0, calls: 0 },
    { what: "what may be a peer", name: "web.virtual.p1.consul.", code: 0, calls: 0 },
    { what: "no name at all", name: "web.virtual.a.b.consul.", code: 3, calls: 0 },
    { what: "a server that fails", name: "broken.virtual.consul.", code: 2, calls: 1 },
  ])("are none for $what", async ({ name, code, calls }) => {
    const { asked, answer } = world();
    const { rcode, answers } = await answer(name);
    expect([rcode, answers.length, asked.length]).toEqual([code, 0, calls]);
  });
});
