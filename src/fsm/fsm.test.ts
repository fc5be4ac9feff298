import { expect, test } from "bun:test";
import fc from "fast-check";
import { utf8ByteString } from "../lib/byte-string.ts";
import { StateStore } from "../state/store.ts";
import { RegisterRequest, DeregisterRequest } from "../wire/structs/catalog.ts";
import { DirEntry, KVSRequest, kvWriteVerbs } from "../wire/structs/kv.ts";
import { Session, SessionRequest } from "../wire/structs/session.ts";
import { NodeService } from "../wire/structs/service.ts";
import { catalogCommands, catalogSnapshotPart } from "./catalog-commands.ts";
import { commandType } from "./command.ts";
import { encodeCommand } from "./encode.ts";
import { Fsm } from "./fsm.ts";
import { kvCommands, kvSnapshotPart } from "./kv-commands.ts";
import { sessionCommands, sessionSnapshotPart } from "./session-commands.ts";

function machine(): Fsm {
  return new Fsm(
    new StateStore(),
    [...catalogCommands, ...kvCommands, ...sessionCommands],
    [catalogSnapshotPart, sessionSnapshotPart, kvSnapshotPart],
  );
}

const snapshotOf = (fsm: Fsm): string => Buffer.concat([...fsm.snapshot()]).toString("hex");
const sessionId = (n: number): string => `00000000-0000-4000-8000-00000000000${n}`;

const kv = fc
  .record({
    verb: fc.constantFrom(...kvWriteVerbs),
    key: fc.constantFrom("a", "a/b", "a/c", "d", "ü"),
    value: fc.string(),
    session: fc.nat(2),
    index: fc.nat(20),
  })
  .map(({ verb, key, value, session, index }) =>
    encodeCommand(
      commandType.kvs,
      KVSRequest,
      KVSRequest.make({
        Op: verb,
        DirEnt: DirEntry.make({
          Key: utf8ByteString(key),
          Value: new TextEncoder().encode(value),
          Session: verb === "lock" || verb === "unlock" ? sessionId(session) : "",
          ModifyIndex: index,
        }),
      }),
    ),
  );
const session = fc
  .record({
    op: fc.constantFrom("create", "destroy"),
    id: fc.nat(2),
    behavior: fc.constantFrom("release", "delete"),
  })
  .map(({ op, id, behavior }) =>
    encodeCommand(
      commandType.session,
      SessionRequest,
      SessionRequest.make({
        Op: op,
        Session: Session.make({ ID: sessionId(id), Node: "n1", Behavior: behavior }),
      }),
    ),
  );
const register = fc
  .record({ node: fc.constantFrom("n1", "n2"), service: fc.constantFrom("web", "db") })
  .map(({ node, service }) =>
    encodeCommand(
      commandType.register,
      RegisterRequest,
      RegisterRequest.make({
        Node: node,
        Address: "10.0.0.1",
        Service: NodeService.make({ ID: service, Service: service, Weights: { Passing: 1, Warning: 1 } }),
      }),
    ),
  );
const deregister = fc
  .record({ node: fc.constantFrom("n1", "n2"), service: fc.constantFrom("web", "db", "") })
  .map(({ node, service }) =>
    encodeCommand(
      commandType.deregister,
      DeregisterRequest,
      DeregisterRequest.make({ Node: node, ServiceID: service }),
    ),
  );
const log = fc.array(fc.oneof({ weight: 4, arbitrary: kv }, session, register, deregister), {
  maxLength: 60,
});

test("the same log gives the same snapshot, and a restored snapshot is the same state", () => {
  fc.assert(
    fc.property(log, (commands) => {
      const first = machine();
      const second = machine();
      commands.forEach((command, i) => {
        first.apply(i + 1, command);
        second.apply(i + 1, command);
      });
      const taken = snapshotOf(first);
      expect(snapshotOf(second)).toBe(taken);
      const restored = machine();
      restored.restore(Buffer.from(taken, "hex"));
      expect(snapshotOf(restored)).toBe(taken);
    }),
    { numRuns: 300 },
  );
});

test("a snapshot shows the moment it was taken, whatever is applied while it is written", () => {
  fc.assert(
    fc.property(log, log, (before, after) => {
      const fsm = machine();
      before.forEach((command, i) => fsm.apply(i + 1, command));
      const expected = snapshotOf(fsm);
      const taken = fsm.snapshot();
      after.forEach((command, i) => fsm.apply(before.length + i + 1, command));
      expect(Buffer.concat([...taken]).toString("hex")).toBe(expected);
    }),
    { numRuns: 150 },
  );
});

test("a damaged snapshot is refused or read, never half restored", () => {
  const fsm = machine();
  fsm.apply(
    1,
    encodeCommand(commandType.register, RegisterRequest, RegisterRequest.make({ Node: "n1", Address: "x" })),
  );
  const whole = Buffer.from(snapshotOf(fsm), "hex");
  for (let at = 1; at < whole.length; at += 1) {
    const target = machine();
    const before = snapshotOf(target);
    try {
      target.restore(whole.subarray(0, at));
    } catch {
      expect(snapshotOf(target)).toBe(before);
    }
  }
});
