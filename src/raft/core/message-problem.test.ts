/** Messages that no correct peer sends: each is refused with the reason, told of, and leaves the server as it was. */
import { describe, expect, test } from "bun:test";
import { logIndex, term } from "../../lib/log-index.ts";
import { entryType, type Configuration, type ServerId, type SnapshotMark } from "./entry.ts";
import { indexMax, termLeapMax, termMax } from "./message-problem.ts";
import {
  protocolVersion,
  type AppendEntriesRequest,
  type InstallSnapshotRequest,
  type RaftRequest,
} from "./messages.ts";
import { appendFrom, configurationOf, jsonCodec, preVoteFrom, TestServer, voteFrom } from "./test-cluster.ts";

/** A follower of "n2" in term 4: a configuration and entries of the terms 1, 2, 3, of which two are committed. */
function follower(): TestServer {
  const server = new TestServer({ terms: [1, 2, 3] });
  server.ask(appendFrom({ term: 4, previous: [3, 2], terms: [3], commit: 3 }));
  return server;
}

function configured(configuration: Configuration | string): RaftRequest {
  const message = appendFrom({ term: 4, previous: [4, 3], terms: [4] }) as AppendEntriesRequest;
  const data =
    typeof configuration === "string"
      ? new TextEncoder().encode(configuration)
      : jsonCodec.encode(configuration);
  return {
    ...message,
    entries: message.entries.map((one) => ({ ...one, type: entryType.configuration, data })),
  };
}

function snapshot(
  o: Partial<Omit<SnapshotMark, "index" | "term" | "configurationIndex">> & {
    term?: number;
    from?: string;
    last: readonly [number, number];
    configurationIndex?: number;
  },
): InstallSnapshotRequest {
  const from = o.from ?? "n2";
  return {
    kind: "installSnapshot",
    header: { protocolVersion, id: from as ServerId, address: `${from}:8300` },
    term: term(o.term ?? 4),
    leader: `${from}:8300`,
    lastLogIndex: logIndex(o.last[0]),
    lastLogTerm: term(o.last[1]),
    configuration: o.configuration ?? configurationOf("n1", "n2", "n3"),
    configurationIndex: logIndex(o.configurationIndex ?? 1),
    sizeBytes: 1,
  };
}

const nameless = { ...(appendFrom({ term: 5 }) as AppendEntriesRequest), leader: "" };
const outOfOrder = appendFrom({ term: 4, previous: [4, 3], terms: [4, 4] }) as AppendEntriesRequest;
const [one, other] = outOfOrder.entries;
const bad: Readonly<Record<string, readonly [RaftRequest, RegExp]>> = {
  "term 0": [appendFrom({ term: 0 }), /term 0/],
  "a term beyond counting": [voteFrom({ term: Number.MAX_SAFE_INTEGER, last: [9, 3] }), /far beyond our 4/],
  "a term that no election led to": [appendFrom({ term: 5 + termLeapMax }), /far beyond our 4/],
  "a pre-vote far beyond": [preVoteFrom({ term: termMax + 1, last: [9, 3] }), /far beyond/],
  "entries in the wrong order": [{ ...outOfOrder, entries: [other!, one!] }, /entry 6 after 4/],
  "the same entry twice": [{ ...outOfOrder, entries: [one!, one!] }, /entry 5 after 5/],
  "terms that fall": [appendFrom({ term: 4, previous: [4, 3], terms: [4, 3] }), /entry 6 of term 3/],
  "an entry of a later term": [appendFrom({ term: 4, previous: [4, 3], terms: [5] }), /entry 5 of term 5/],
  "an entry of no term": [appendFrom({ term: 4, terms: [0] }), /entry 1 of term 0/],
  "a previous entry of a later term": [appendFrom({ term: 4, previous: [4, 5] }), /of term 5 from a leader/],
  "a previous entry without a term": [appendFrom({ term: 4, previous: [4, 0] }), /index 4 with term 0/],
  "a previous term without an entry": [appendFrom({ term: 4, previous: [0, 3] }), /index 0 with term 3/],
  "a place beyond every log": [appendFrom({ term: 4, previous: [indexMax + 1, 3] }), /beyond every log/],
  "another past": [appendFrom({ term: 5, previous: [3, 1], terms: [5] }), /entries after 3/],
  "other committed entries": [
    appendFrom({ term: 5, previous: [1, 1], terms: [1, 4, 5] }),
    /entry 3, where our/,
  ],
  "everything anew": [appendFrom({ term: 5, terms: [5] }), /entry 1, where our/],
  "a second leader of the term": [appendFrom({ term: 4, from: "n3" }), /beside n2:8300/],
  "a leader without an address": [nameless, /without an address/],
  "a candidate without an address": [
    { ...voteFrom({ term: 5, last: [4, 3] }), candidate: "" } as RaftRequest,
    /without an address/,
  ],
  "a candidate with entries of its term": [voteFrom({ term: 5, last: [9, 5] }), /ends in term 5/],
  "a candidate's log without a term": [voteFrom({ term: 5, last: [9, 0] }), /index 9 with term 0/],
  "a configuration that is none": [configured("{"), /no configuration/],
  "a configuration without servers": [configured(configurationOf()), /without voters/],
  "a configuration without voters": [configured(configurationOf("n1?")), /without voters/],
  "a server twice": [configured(configurationOf("n1", "n1")), /a server twice/],
  "a server without an address": [
    configured({ servers: [{ id: "n9" as ServerId, address: "", suffrage: "voter" }] }),
    /without its address/,
  ],
  "a snapshot of nothing": [snapshot({ last: [0, 0] }), /of nothing/],
  "a snapshot of a later term": [snapshot({ last: [9, 5] }), /of term 5 from a leader/],
  "a snapshot of no term": [snapshot({ last: [9, 0] }), /behind a committed entry|index 9 with term 0/],
  "a snapshot behind all logs": [snapshot({ last: [Number.MAX_SAFE_INTEGER, 4] }), /beyond every log/],
  "a snapshot without voters": [
    snapshot({ last: [9, 4], configuration: configurationOf() }),
    /without voters/,
  ],
  "a snapshot with a later configuration": [
    snapshot({ last: [9, 4], configurationIndex: 10 }),
    /with a configuration of 10/,
  ],
  "a snapshot of another past": [snapshot({ last: [3, 1] }), /a snapshot through 3/],
  "a snapshot whose terms fall": [snapshot({ last: [9, 1] }), /behind a committed entry of term 2/],
  "a snapshot of a second leader": [snapshot({ last: [9, 4], from: "n3" }), /beside n2:8300/],
};

describe("a follower refuses and stays as it is", () => {
  test.each(Object.entries(bad))("%s", (_name, [message, reason]) => {
    const server = follower();
    const before = server.core.status();
    const inboundId = 77;
    const { refused } = server.step({ kind: "request", inboundId, message, from: "10.0.0.9" });
    expect(refused).toMatchObject([{ from: "10.0.0.9", problem: expect.stringMatching(reason), message }]);
    expect(server.replyTo(inboundId)).toMatch(/^refused: /);
    expect(server.core.status()).toEqual(before);
    // And it goes on with its leader.
    expect(server.ask(appendFrom({ term: 4, previous: [4, 3], terms: [4], commit: 5 }))).toMatchObject({
      success: true,
    });
    expect(server.core.status().commitIndex).toBe(logIndex(5));
  });
});

test("what a correct peer may send late is answered and not refused", () => {
  const server = follower();
  const old = [
    appendFrom({ term: 3, from: "n3", previous: [3, 3] }),
    snapshot({ term: 2, from: "n3", last: [2, 1] }),
  ];
  for (const message of [...old, voteFrom({ term: 3, from: "n3", last: [2, 1] })]) {
    const { refused } = server.step({ kind: "request", inboundId: 1, message });
    expect(refused).toEqual([]);
  }
});

test("a leader hears no other leader of its term", () => {
  const server = new TestServer({ terms: [1] });
  server.elect();
  const { term: own } = server.core.status();
  for (const message of [appendFrom({ term: own }), snapshot({ term: own, last: [9, 1] })]) {
    expect(server.ask(message)).toMatch(/in which this server leads/);
    expect(server.core.status().role).toBe("leader");
  }
});

test("a configuration that another came after is never cut, though its commit is not known here", () => {
  const server = new TestServer({ members: ["n1", "n2", "n3"] });
  const two = appendFrom({ term: 2, previous: [1, 1], terms: [2, 2] }) as AppendEntriesRequest;
  const entries = two.entries.map((entry, at) => ({
    ...entry,
    type: entryType.configuration,
    data: jsonCodec.encode(configurationOf("n1", "n2", ...(at === 0 ? ["n3", "n4"] : ["n4"]))),
  }));
  server.ask({ ...two, entries });
  expect(server.ask(appendFrom({ term: 3, from: "n3", previous: [1, 1], terms: [3] }))).toMatch(
    /entry 2, where/,
  );
  expect(server.ask(appendFrom({ term: 3, from: "n3", previous: [2, 2], terms: [3] }))).toMatchObject({
    success: true,
  });
});

describe("a snapshot whose bytes come when the log has moved on", () => {
  const begun = (last: readonly [number, number]): { server: TestServer; inboundId: number } => {
    const server = follower();
    return { server, inboundId: server.receive(snapshot({ last })) };
  };

  test("is refused and dropped if it contradicts what is committed by now", () => {
    const { server, inboundId } = begun([5, 3]);
    server.ask(appendFrom({ term: 4, previous: [4, 3], terms: [4], commit: 5 }));
    const { refused, dropSnapshots, installSnapshot } = server.step({
      kind: "snapshotReceived",
      inboundId,
      ok: true,
    });
    expect(refused).toHaveLength(1);
    expect(dropSnapshots).toEqual([{ index: logIndex(5), term: term(3) }]);
    expect(installSnapshot).toBeUndefined();
  });

  test("is refused and dropped by one who leads and does not have what it stands for", () => {
    const { server, inboundId } = begun([50, 4]);
    server.elect();
    const { refused, dropSnapshots } = server.step({ kind: "snapshotReceived", inboundId, ok: true });
    expect(refused).toHaveLength(1);
    expect(dropSnapshots).toHaveLength(1);
    expect(server.core.status().role).toBe("leader");
  });

  test("changes nothing at one who leads and has it, and only does not know yet that it is committed", () => {
    const { server, inboundId } = begun([4, 3]);
    server.elect();
    const { refused, dropSnapshots, installSnapshot } = server.step({
      kind: "snapshotReceived",
      inboundId,
      ok: true,
    });
    expect({ refused, dropSnapshots, installSnapshot }).toEqual({
      refused: [],
      dropSnapshots: [],
      installSnapshot: undefined,
    });
    expect(server.core.status().role).toBe("leader");
  });
});

test("an answer from a term far beyond counts as lost", () => {
  const server = new TestServer({ terms: [1] });
  server.elect();
  const [request] = server.takeRequests();
  const { refused } = server.answer(request!.requestId, { to: "n2", success: true, term: termMax });
  expect(refused).toHaveLength(1);
  expect(server.core.status().role).toBe("leader");
});

test("a follower that denies the first entry is not asked again at once", () => {
  const server = new TestServer({ members: ["n1", "n2", "n3"] });
  server.elect();
  for (let turn = 0; turn < 20; turn += 1) {
    const request = server
      .takeRequests()
      .find(
        ({ to, lane, message }) => to === "n3" && lane === "replicate" && message.kind === "appendEntries",
      );
    if (request === undefined) {
      expect(turn).toBeLessThan(6);
      return;
    }
    server.answer(request.requestId, { to: "n3", success: false, lastLog: 0 });
  }
  throw new Error("it is asked for ever");
});

test("a command that cannot be read does not come into the log", () => {
  const server = new TestServer({
    terms: [1],
    commandProblem: ({ data }) => (data[0] === 4 ? "no command" : undefined),
  });
  expect(server.ask(appendFrom({ term: 2, previous: [2, 1], terms: [2, 2] }))).toBe(
    "refused: entry 4: no command",
  );
  expect(server.termsOfLog()).toEqual([1, 1]);
});

test("nor one in the place of an entry of the same term, behind one that is replaced", () => {
  const server = new TestServer({
    terms: [1, 2],
    commandProblem: ({ data }) => (data[0] === 9 ? "no command" : undefined),
  });
  const message = appendFrom({ term: 3, previous: [1, 1], terms: [2, 2] }) as AppendEntriesRequest;
  const entries = message.entries.map((entry, at) =>
    at === 0 ? entry : { ...entry, data: Uint8Array.of(9) },
  );
  expect(server.ask({ ...message, entries })).toBe("refused: entry 3: no command");
  expect(server.termsOfLog()).toEqual([1, 1, 2]);
});

test("at the last term nobody stands for election", () => {
  const server = new TestServer({ hardState: { term: termMax } });
  server.pass(10_000);
  expect(server.core.status()).toMatchObject({ role: "follower", term: termMax });
  server.receive({ kind: "timeoutNow", header: { protocolVersion } });
  expect(server.core.status()).toMatchObject({ role: "follower", term: termMax });
});
