import { expect, test } from "bun:test";
import { catalogNodes, catalogNodeServices, healthServiceNodes } from "../wire/rpc/methods.ts";
import type { Rpc } from "../wire/rpc/method.ts";
import type { AgentCache } from "./cache.ts";
import { CachedRpc } from "./cached-rpc.ts";

const stale = { ...healthServiceNodes.request.zero, AllowStale: true };

function world(useCache: boolean): { readonly asked: string[]; readonly rpc: CachedRpc } {
  const asked: string[] = [];
  const direct = {
    call: ({ name }: { name: string }) => Promise.resolve(void asked.push(`server ${name}`)),
    callNow: ({ name }: { name: string }) => void asked.push(`now ${name}`),
    keep: ({ name }: { name: string }) => void asked.push(`keep ${name}`),
  } as unknown as Rpc;
  const cache = {
    peek: ({ name }: { name: string }, { MaxAge }: { MaxAge: number }) =>
      void asked.push(`peek ${name} ${MaxAge}`),
    get: ({ name }: { name: string }, { MaxAge }: { MaxAge: number }) => {
      asked.push(`cache ${name} ${MaxAge}`);
      return Promise.resolve({ reply: undefined, isHit: true, ageMs: 0 });
    },
  } as unknown as AgentCache;
  return { asked, rpc: new CachedRpc(direct, cache, () => ({ useCache, cacheMaxAgeMs: 5 })) };
}

test("the cache answers what it keeps, for callers who take a stale reply", async () => {
  const { asked, rpc } = world(true);
  rpc.callNow(healthServiceNodes, stale);
  rpc.keep(healthServiceNodes, stale);
  await rpc.call(healthServiceNodes, stale);
  await rpc.call(healthServiceNodes, { ...stale, AllowStale: false });
  await rpc.call(catalogNodeServices, { ...catalogNodeServices.request.zero, AllowStale: true });
  await rpc.call(catalogNodes, { ...catalogNodes.request.zero, AllowStale: true });
  expect(asked).toEqual([
    "peek health-services 5000000",
    "peek health-services 5000000",
    "cache health-services 5000000",
    "server Health.ServiceNodes",
    "cache node-services 5000000",
    "server Catalog.ListNodes",
  ]);
});

test("turned off, everything goes to servers", async () => {
  const { asked, rpc } = world(false);
  rpc.callNow(healthServiceNodes, stale);
  rpc.keep(healthServiceNodes, stale);
  await rpc.call(healthServiceNodes, stale);
  expect(asked).toEqual([
    "now Health.ServiceNodes",
    "keep Health.ServiceNodes",
    "server Health.ServiceNodes",
  ]);
});
