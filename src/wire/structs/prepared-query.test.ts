import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import * as methods from "../rpc/prepared-query-methods.ts";
import type { RpcMethod } from "../rpc/method.ts";
import { decodeMsgpack, encodeMsgpack, type Codec } from "../schema/codec.ts";
import { PreparedQuery, PreparedQueryExecuteResponse, ServiceQuery } from "./prepared-query.ts";

const file = "../shared/protocol/vectors/rpc.json";
const present = existsSync(file);
if (!present)
  console.warn("skipped: calls of prepared queries, since ../shared/protocol/vectors is not there");

interface Vector {
  readonly method?: string;
  readonly request_body_hex?: string;
  readonly request_body?: object;
  readonly response_body_hex?: string;
  readonly response_body?: object;
}

const known = Object.values(methods).filter(
  (one): one is RpcMethod<never, never> => typeof one === "object" && "reply" in one,
);

describe.skipIf(!present)("calls that were recorded from Consul 1.9", () => {
  const vectors = present
    ? (JSON.parse(readFileSync(file, "utf8")) as { vectors: Vector[] }).vectors.filter(({ method }) =>
        known.some(({ name }) => name === method),
      )
    : [];

  test("there are some", () => {
    expect(vectors.length).toBeGreaterThan(3);
  });

  test.each(vectors.map((vector) => [vector.method ?? "", vector] as const))("%s", (name, vector) => {
    const method = known.find((one) => one.name === name);
    const check = (codec: Codec<unknown> | undefined, hex = "", told: object = {}): void => {
      if (codec === undefined) throw new Error("the method is known");
      const value = decodeMsgpack(codec, Uint8Array.from(Buffer.from(hex, "hex"))) as object;
      // Members that only caches of agents use are passed over.
      const shared = Object.entries(told).filter(([key]) => Object.hasOwn(value, key));
      expect(shared.length).toBeGreaterThan(Object.keys(told).length - 3);
      for (const [key, wanted] of shared) {
        const found = (value as Record<string, unknown>)[key];
        if (typeof wanted === "object" && wanted !== null && !Array.isArray(wanted))
          expect(found).toMatchObject(wanted);
        else if (!Array.isArray(wanted)) expect(found).toEqual(wanted);
        else expect(found).toHaveLength(wanted.length);
      }
      expect(decodeMsgpack(codec, encodeMsgpack(codec, value))).toEqual(value);
    };
    check(method?.request, vector.request_body_hex, vector.request_body);
    check(method?.reply, vector.response_body_hex, vector.response_body);
  });
});

test("what 1.9 does not know stays off the wire while it is empty", () => {
  const text = (value: Uint8Array): string => Buffer.from(value).toString("latin1");
  const plain = text(encodeMsgpack(PreparedQuery, PreparedQuery.make({ Name: "q" })));
  for (const newer of ["Targets", "SamenessGroup", "Peer"]) expect(plain).not.toContain(newer);
  const service = ServiceQuery.make({
    Peer: "p",
    Failover: { NearestN: 0, Datacenters: null, Targets: [{ Peer: "a", Datacenter: "b" }] },
  });
  const bytes = encodeMsgpack(PreparedQuery, PreparedQuery.make({ Service: service }));
  expect(text(bytes)).toContain("Targets");
  expect(decodeMsgpack(PreparedQuery, bytes).Service).toEqual(service);
});

test("what only JSON shows is not sent", () => {
  const reply = PreparedQueryExecuteResponse.make({ Service: "s", Index: 3 });
  const bytes = Buffer.from(encodeMsgpack(PreparedQueryExecuteResponse, reply)).toString("latin1");
  for (const shown of ["NotModified", "Backend", "ResultsFilteredByACLs", "PeerName"])
    expect(bytes).not.toContain(shown);
  expect(PreparedQueryExecuteResponse.json(reply)).toBe(
    '{"Service":"s","Nodes":null,"DNS":{"TTL":""},"Datacenter":"","PeerName":"","Failovers":0,"Index":3,"LastContact":0,"KnownLeader":false,"ConsistencyLevel":"","NotModified":false,"Backend":0,"ResultsFilteredByACLs":false}',
  );
});
