import { describe, expect, test } from "bun:test";
import { silentLog } from "../lib/log.ts";
import { deregisterEvent } from "../wire/gossip/serf-user-events.ts";
import { eventOfGone, obeyDeregister } from "./sticky-deregister.ts";

const heard = (Payload: Uint8Array | null): Parameters<typeof obeyDeregister>[2] => ({
  ID: "33333333-0000-4000-8000-000000000003",
  Name: deregisterEvent,
  Payload,
  NodeFilter: "",
  ServiceFilter: "",
  TagFilter: "",
  Version: 1,
  LTime: 1,
});

function agent(): { readonly gone: string[]; readonly deps: Parameters<typeof obeyDeregister>[0] } {
  const gone: string[] = [];
  const note =
    (what: string) =>
    (id: string): Promise<void> => {
      gone.push(`${what} ${id}`);
      return Promise.resolve();
    };
  return { gone, deps: { removeService: note("service"), removeCheck: note("check") } };
}

describe("a removal that sticks", () => {
  test("is meant for one node, whatever its name", () => {
    const { NodeFilter } = eventOfGone({ Node: "a.b+c", ServiceID: "web", CheckID: "" });
    expect(["a.b+c", "axb+c", "xa.b+c"].map((name) => new RegExp(NodeFilter).test(name))).toEqual([
      true,
      false,
      false,
    ]);
  });

  test.each([
    { ServiceID: "web", CheckID: "", gone: ["service web"] },
    { ServiceID: "", CheckID: "c", gone: ["check c"] },
  ])("drops $gone", async ({ gone, ...ids }) => {
    const own = agent();
    await obeyDeregister(own.deps, silentLog, heard(eventOfGone({ Node: "n", ...ids }).Payload));
    expect(own.gone).toEqual([...gone]);
  });

  test("of a whole node is refused", () => {
    expect(() => eventOfGone({ Node: "n", ServiceID: "", CheckID: "" })).toThrow("name a service or a check");
  });

  test.each(["", "{", "[1", '{"ServiceID":7}', "null"])("%j drops nothing", async (text) => {
    const own = agent();
    await obeyDeregister(own.deps, silentLog, heard(new TextEncoder().encode(text)));
    expect(own.gone).toEqual([]);
  });
});
