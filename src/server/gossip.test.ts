import { describe, expect, test } from "bun:test";
import { allowAll } from "../acl/authorizer.ts";
import { Fsm } from "../fsm/fsm.ts";
import { ProconsulError } from "../lib/errors.ts";
import type { KeyringAnswer, KeyringCall, KeyringPool } from "../lib/keyring-pool.ts";
import { soloKeyringPool } from "../lib/keyring-pool.ts";
import { StateStore } from "../state/store.ts";
import { internalEventFire, internalKeyringOperation } from "../wire/rpc/gossip-methods.ts";
import { decodeMsgpack, encodeMsgpack } from "../wire/schema/codec.ts";
import {
  EventFireRequest,
  KeyringOperationRequest,
  KeyringResponse,
  KeyringResponses,
} from "../wire/structs/gossip.ts";
import { gossipEndpoints, type GossipDoors } from "./gossip.ts";
import { Server } from "./server.ts";
import { InstantConsensus, testContext } from "./testing.ts";

const utf8 = new TextEncoder();
const well: KeyringAnswer = {
  messages: {},
  keys: { a2V5: 2 },
  primaryKeys: { a2V5: 2 },
  nodeCount: 2,
  responseCount: 2,
  failureCount: 0,
  problem: undefined,
};

class Refusal extends ProconsulError {
  readonly code = "test";
}

/** A pool that notes what it is asked. */
function pool(answer: KeyringAnswer = well): KeyringPool & { readonly calls: KeyringCall[] } {
  const calls: KeyringCall[] = [];
  return { calls, keyring: async (call) => (calls.push(call), answer) };
}

function serverWith(doors: Partial<GossipDoors>): Server {
  const events = { userEvent: (): void => undefined };
  const store = new StateStore();
  const context = testContext(store, new InstantConsensus(new Fsm(store, [], [])));
  return new Server(context, gossipEndpoints({ events, keyrings: { lan: pool() }, ...doors }));
}

async function problemOf(call: Promise<unknown>): Promise<string> {
  return String(await call.catch((error: unknown) => error));
}

describe("Internal.EventFire", () => {
  test("spreads the event under the prefix of users' events", async () => {
    const fired: [string, string][] = [];
    const events = {
      userEvent: (name: string, payload: Uint8Array): void =>
        void fired.push([name, new TextDecoder().decode(payload)]),
    };
    const server = serverWith({ events });
    const request = { Name: "deploy", Payload: utf8.encode("body"), Datacenter: "dc1" };
    await server.call(internalEventFire, EventFireRequest.make({ ...request, AllowStale: true }));
    expect(fired).toEqual([["consul:event:deploy", "body"]]);
  });

  test("asks for more than the right to events where an event acts on others' services", async () => {
    const [fire] = gossipEndpoints({ events: { userEvent: () => undefined }, keyrings: { lan: pool() } });
    const server = serverWith({}).context;
    const firing = (Name: string): Promise<unknown> =>
      fire?.handle(server, EventFireRequest.make({ Name }) as never, {
        authorizer: { ...allowAll, operatorWrite: () => false },
        signal: undefined,
      }) ?? Promise.resolve();
    await firing("deploy");
    expect(() => firing("_proconsul_deregister")).toThrow("Permission denied");
  });

  test("says why an event cannot be spread", async () => {
    const events = {
      userEvent: (): void => {
        throw new Refusal("user event exceeds configured limit of 512 bytes before encoding");
      },
    };
    const firing = serverWith({ events }).call(internalEventFire, EventFireRequest.make({ Name: "e" }));
    expect(await problemOf(firing)).toContain("user event exceeds configured limit");
  });
});

describe("Internal.KeyringOperation", () => {
  const ask = (
    doors: Partial<GossipDoors>,
    request: Partial<KeyringOperationRequest>,
  ): Promise<KeyringResponses> =>
    serverWith(doors).call(internalKeyringOperation, KeyringOperationRequest.make(request));

  test("asks the wide-area pool, then this datacenter's, then the others", async () => {
    const [lan, wan] = [pool(), pool()];
    const asked: [string, KeyringOperationRequest][] = [];
    const others = {
      names: () => ["dc1", "dc2"],
      keyringOperation: async (datacenter: string, request: KeyringOperationRequest) => {
        asked.push([datacenter, request]);
        const Responses = [KeyringResponse.make({ Datacenter: datacenter })];
        return KeyringResponses.make({ Responses });
      },
    };
    const reply = await ask(
      { keyrings: { lan, wan, others } },
      { Operation: "install", Key: "a2V5", RelayFactor: 2 },
    );
    expect(reply.Responses?.map((one) => [one?.Datacenter, one?.WAN])).toEqual([
      ["dc1", true],
      ["dc1", false],
      ["dc2", false],
    ]);
    expect(reply.Responses?.[0]).toMatchObject({ NumNodes: 2, Keys: { a2V5: 2 }, Error: "" });
    expect(lan.calls).toEqual([{ operation: "install", key: utf8.encode("key"), relayFactor: 2 }]);
    expect(asked).toMatchObject([["dc2", { Datacenter: "dc2", Forwarded: true, Key: "a2V5" }]]);
  });

  test.each([{ Forwarded: true }, { LocalOnly: true }])("%p asks this datacenter alone", async (given) => {
    const [lan, wan] = [pool(), pool()];
    const reply = await ask({ keyrings: { lan, wan } }, { Operation: "list", ...given });
    expect(reply.Responses).toHaveLength(1);
    expect(wan.calls).toEqual([]);
  });

  test("tells failures of a pool in its answer", async () => {
    const wan: KeyringPool = { keyring: () => Promise.reject(new Refusal("query exceeds limit")) };
    const keyrings = { lan: soloKeyringPool("n1"), wan };
    const reply = await ask({ keyrings }, { Operation: "list" });
    expect(reply.Responses).toMatchObject([
      { WAN: true, Error: "query exceeds limit", NumNodes: 0 },
      {
        WAN: false,
        Error: "1/1 nodes reported failure",
        Messages: { n1: "Keyring is empty (encryption not enabled)" },
        NumNodes: 1,
      },
    ]);
    const bad = await ask({ keyrings }, { Operation: "use", Key: "abc" });
    expect(bad.Responses?.[1]).toMatchObject({ Error: "illegal base64 data at input byte 0", Messages: {} });
  });

  test.each([
    { request: { Operation: "explode" }, text: "Invalid keyring operation" },
    {
      request: { Operation: "use", LocalOnly: true },
      text: "argument error: LocalOnly can only be used for List operations",
    },
  ])("refuses $request", async ({ request, text }) => {
    expect(await problemOf(ask({}, request))).toContain(text);
  });
});

test("answers travel whole", () => {
  const reply = KeyringResponses.make({
    Responses: [KeyringResponse.make({ Keys: { a: 1 }, Messages: { n: "x" }, NumNodes: 3, WAN: true })],
  });
  expect(decodeMsgpack(KeyringResponses, encodeMsgpack(KeyringResponses, reply))).toEqual(reply);
});
