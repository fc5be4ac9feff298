/** The rules of the reference's section 5 one by one: what is believed of whom. */
import { describe, expect, test } from "bun:test";
import type { NodeState } from "../../wire/gossip/messages.ts";
import { addressOf, aliveOf, sent, TestNode } from "./swim-test-kit.ts";

const suspect = (node: string, incarnation = 1, from = "x") =>
  ({ kind: "suspect", node, incarnation, from }) as const;
const dead = (node: string, incarnation = 1, from = "x") =>
  ({ kind: "dead", node, incarnation, from }) as const;
const text = new TextEncoder();
/** No probes, so that only what a test says happens. */
const quiet = { probeIntervalMs: 3_600_000, suspicionMult: 4 } as const;
const node = (options = {}): TestNode => new TestNode("a", { options: { ...quiet, ...options } });
/** The kinds of news queued, about whom, longest told last. */
const news = (n: TestNode): string[] =>
  n.swim
    .inside()
    .news.queue.view()
    .map(({ name }) => name ?? "?")
    .toSorted();

/** A node that knows `b` in a state with incarnation 5. */
function knowing(state: NodeState | "unknown", options = {}): TestNode {
  const n = node(options);
  if (state !== "unknown") n.hear(aliveOf("b", { incarnation: 5 }));
  if (state === "suspect") n.hear(suspect("b", 5));
  if (state === "dead") n.hear(dead("b", 5));
  if (state === "left") n.hear(dead("b", 5, "b"));
  n.delegate.seen.length = 0;
  return n;
}

test("a node starts alive with incarnation 1 and says so", () => {
  const n = node();
  expect([n.sees("a"), n.delegate.seen, news(n)]).toEqual(["alive 1", ["joined a"], ["a"]]);
});

test("a node that lived before starts above what is still told of that life", () => {
  const [witness, newcomer] = [
    new TestNode("w", { options: quiet }),
    new TestNode("n", { options: quiet }),
  ] as const;
  witness.hear(aliveOf("a", { incarnation: 1 }));
  witness.hear(dead("a", 1, "a"));
  const again = new TestNode("a", { options: quiet, incarnationBefore: 900 });
  expect(again.sees("a")).toBe("alive 901");
  newcomer.hear(aliveOf("a", { incarnation: 901 }));
  newcomer.hear(dead("a", 1, "a"));
  expect(newcomer.sees("a")).toBe("alive 901");
  witness.hear(aliveOf("a", { incarnation: 901 }));
  expect(witness.sees("a")).toBe("alive 901");
});

/** Every state against every message, older (4), equal (5) and newer (6) than what is known (5). */
type Stimulus = "alive" | "suspect" | "dead" | "left";
const outcomes: Record<NodeState | "unknown", Record<Stimulus, readonly [string, string, string]>> = {
  unknown: {
    alive: ["alive 4", "alive 5", "alive 6"],
    suspect: ["unknown", "unknown", "unknown"],
    dead: ["unknown", "unknown", "unknown"],
    left: ["unknown", "unknown", "unknown"],
  },
  alive: {
    alive: ["alive 5", "alive 5", "alive 6"],
    suspect: ["alive 5", "suspect 5", "suspect 6"],
    dead: ["alive 5", "dead 5", "dead 6"],
    left: ["alive 5", "left 5", "left 6"],
  },
  suspect: {
    alive: ["suspect 5", "suspect 5", "alive 6"],
    // A confirmation shortens the suspicion and changes nothing else, as in the reference.
    suspect: ["suspect 5", "suspect 5", "suspect 5"],
    dead: ["suspect 5", "dead 5", "dead 6"],
    left: ["suspect 5", "left 5", "left 6"],
  },
  dead: {
    alive: ["dead 5", "dead 5", "alive 6"],
    suspect: ["dead 5", "dead 5", "dead 5"],
    dead: ["dead 5", "dead 5", "dead 5"],
    left: ["dead 5", "dead 5", "dead 5"],
  },
  left: {
    alive: ["left 5", "left 5", "alive 6"],
    suspect: ["left 5", "left 5", "left 5"],
    dead: ["left 5", "left 5", "left 5"],
    left: ["left 5", "left 5", "left 5"],
  },
};

describe("every state against every message", () => {
  for (const [state, row] of Object.entries(outcomes) as [
    NodeState | "unknown",
    (typeof outcomes)["alive"],
  ][]) {
    for (const [stimulus, cells] of Object.entries(row) as [Stimulus, readonly string[]][]) {
      test(`${state}, told ${stimulus}`, () => {
        const after = [4, 5, 6].map((incarnation) => {
          const n = knowing(state);
          if (stimulus === "alive") n.hear(aliveOf("b", { incarnation }));
          else if (stimulus === "suspect") n.hear(suspect("b", incarnation, "y"));
          else n.hear(dead("b", incarnation, stimulus === "left" ? "b" : "y"));
          return n.sees("b");
        });
        expect(after).toEqual([...cells]);
      });
    }
  }
});

/** What the layer above hears; a newer alive message carries new metadata. */
const reports: Record<NodeState | "unknown", Record<Stimulus, readonly string[]>> = {
  unknown: { alive: ["joined b"], suspect: [], dead: [], left: [] },
  alive: { alive: ["updated b"], suspect: [], dead: ["dead b"], left: ["left b"] },
  suspect: { alive: ["updated b"], suspect: [], dead: ["dead b"], left: ["left b"] },
  dead: { alive: ["joined b"], suspect: [], dead: [], left: [] },
  left: { alive: ["joined b"], suspect: [], dead: [], left: [] },
};

describe("what the layer above hears", () => {
  for (const [state, row] of Object.entries(reports) as [
    NodeState | "unknown",
    (typeof reports)["alive"],
  ][]) {
    for (const [stimulus, expected] of Object.entries(row) as [Stimulus, readonly string[]][]) {
      test(`${state}, told ${stimulus}`, () => {
        const n = knowing(state);
        if (stimulus === "alive") n.hear(aliveOf("b", { incarnation: 6, meta: text.encode("new") }));
        else if (stimulus === "suspect") n.hear(suspect("b", 6));
        else n.hear(dead("b", 6, stimulus === "left" ? "b" : "y"));
        expect(n.delegate.seen).toEqual([...expected]);
      });
    }
  }

  test("a newer incarnation with the same metadata is no update", () => {
    const n = knowing("alive");
    n.hear(aliveOf("b", { incarnation: 6 }));
    expect(n.delegate.seen).toEqual([]);
  });
});

describe("alive", () => {
  test("one that is believed is passed on, one that is not is not", () => {
    const n = node();
    n.hear(aliveOf("b"));
    expect(news(n)).toEqual(["a", "b"]);
    n.pass(60_000);
    n.hear(aliveOf("b"));
    expect(news(n)).toEqual([]);
  });

  test.each([
    { title: "fewer than six versions", vsn: [1, 5, 2], problem: "Vsn is not present" },
    {
      title: "a lowest version of 0",
      vsn: [0, 5, 2, 2, 5, 4],
      problem: "protocol version(s) are wrong: 0 <= 2 <= 5 should be >0",
    },
    {
      title: "a highest version of 0",
      vsn: [1, 0, 2, 2, 5, 4],
      problem: "protocol version(s) are wrong: 1 <= 2 <= 0 should be >0",
    },
    {
      title: "a range the wrong way round",
      vsn: [5, 1, 2, 2, 5, 4],
      problem: "protocol version(s) are wrong: 5 <= 2 <= 1 should be >0",
    },
  ])("with $title is ignored", ({ vsn, problem }) => {
    const n = node();
    n.hear(aliveOf("b", { vsn }));
    expect([n.sees("b"), n.logs]).toEqual(["unknown", [`warn: ignoring alive message for 'b': ${problem}`]]);
  });

  test("the layer above may forbid it", () => {
    const n = node();
    n.delegate.refuseAlive = "wrong datacenter";
    n.hear(aliveOf("b"));
    expect([n.sees("b"), n.logs]).toEqual([
      "unknown",
      ["warn: ignoring alive message for 'b': wrong datacenter"],
    ]);
  });

  test("metadata above the limit is ignored", () => {
    const n = node();
    n.hear(aliveOf("b", { meta: new Uint8Array(513) }));
    n.hear(aliveOf("c", { meta: new Uint8Array(512) }));
    expect([n.sees("b"), n.sees("c")]).toEqual(["unknown", "alive 1"]);
  });

  test("port 0 means this node's own bind port", () => {
    const n = node();
    n.hear(aliveOf("b", { address: { host: "10.9.9.9", port: 0 } }));
    expect(n.swim.node("b")?.address).toEqual({ host: "10.9.9.9", port: 8301 });
  });

  test("addresses that are not allowed are blocked, as sender and as claim", () => {
    const n = new TestNode("a", { options: quiet, allowsHost: (host) => !host.startsWith("10.9.") });
    n.hear(aliveOf("b", { address: { host: "10.9.9.9", port: 1 } }));
    n.step({ kind: "datagram", from: { host: "10.9.0.1", port: 1 }, messages: [aliveOf("c")] });
    n.hear(aliveOf("d"));
    expect([n.sees("b"), n.sees("c"), n.sees("d")]).toEqual(["unknown", "unknown", "alive 1"]);
  });

  test("the table has a limit", () => {
    const n = node({ nodesMax: 3 });
    n.hear(aliveOf("b"), aliveOf("c"), aliveOf("d"));
    expect([n.sees("c"), n.sees("d"), n.counted.includes("memberlist.nodes.refused")]).toEqual([
      "alive 1",
      "unknown",
      true,
    ]);
  });
});

describe("another address for a known name", () => {
  const moved = { host: "10.9.9.9", port: 8301 };

  test.each([
    { state: "alive", waitMs: 0, address: addressOf("b") },
    { state: "suspect", waitMs: 0, address: addressOf("b") },
    { state: "dead", waitMs: 30_000, address: addressOf("b") },
    { state: "dead", waitMs: 30_001, address: moved },
    { state: "left", waitMs: 0, address: moved },
  ] as const)("$state for $waitMs ms", ({ state, waitMs, address }) => {
    const n = knowing(state, { suspicionMult: 64 });
    n.pass(waitMs);
    n.hear(aliveOf("b", { address: moved, incarnation: 6 }));
    expect(n.swim.node("b")?.address).toEqual(address);
    const conflicts = n.delegate.seen.filter((line) => line.startsWith("conflict"));
    expect(conflicts).toEqual(address === moved ? [] : [`conflict b ${addressOf("b").host} ${moved.host}`]);
  });

  test("without a reclaim time the dead keep their address", () => {
    const n = knowing("dead", { deadNodeReclaimMs: undefined });
    n.pass(1_000_000);
    n.hear(aliveOf("b", { address: moved, incarnation: 6 }));
    expect(n.swim.node("b")?.address).toEqual(addressOf("b"));
  });

  test("who takes over an address may begin with a lower incarnation", () => {
    const n = knowing("left");
    n.hear(aliveOf("b", { address: moved, incarnation: 1 }));
    expect([n.sees("b"), n.delegate.seen]).toEqual(["alive 1", ["joined b"]]);
  });

  test("somebody under this node's own name is a conflict", () => {
    const n = node();
    n.delegate.seen.length = 0;
    n.hear(aliveOf("a", { address: moved, incarnation: 9 }));
    expect([n.sees("a"), n.delegate.seen]).toEqual([
      "alive 1",
      [`conflict a ${addressOf("a").host} ${moved.host}`],
    ]);
  });
});

describe("accusations", () => {
  test("each new accuser is passed on until enough confirm, then no more", () => {
    const n = knowing("alive", { probeIntervalMs: 10_000 });
    for (const other of ["c", "d", "e"]) n.hear(aliveOf(other));
    const spread = ["x", "x", "y", "z", "w"].map((from) => {
      const before = n.swim.inside().news.queue.view().length;
      n.hear(suspect("b", 5, from));
      const [first] = n.swim
        .inside()
        .news.queue.view()
        .filter(({ name }) => name === "b");
      return before > 0 && first !== undefined && new TextDecoder().decode(first.bytes).includes(`"${from}"`);
    });
    expect(spread).toEqual([true, true, true, true, false]);
  });

  test("an unanswered suspicion ends in death, declared by this node", () => {
    const n = knowing("suspect", { probeIntervalMs: 1_000 });
    const effects = n.pass(4_000);
    expect(n.sees("b")).toBe("dead 5");
    expect(n.delegate.seen).toEqual(["dead b"]);
    expect(n.logs).toContain("info: Marking b as failed, suspect timeout reached (0 peer confirmations)");
    void effects;
    expect(news(n)).toContain("b");
  });

  test("with two nodes only nobody can confirm: the shortest time counts", () => {
    const n = knowing("suspect", { probeIntervalMs: 1_000 });
    n.pass(3_999);
    expect(n.sees("b")).toBe("suspect 5");
    n.pass(1);
    expect(n.sees("b")).toBe("dead 5");
  });

  test("with enough others it lasts six times as long, and confirmations shorten it", () => {
    const start = (): TestNode => {
      const n = node({ probeIntervalMs: 1_000, indirectChecks: 0, streamPings: false });
      n.hear(...["b", "c", "d", "e"].map((name) => aliveOf(name, { incarnation: 5 })));
      n.hear(suspect("b", 5, "c"));
      return n;
    };
    const diesAfterMs = (n: TestNode): number => (n.verdictMs("b") ?? Number.NaN) - n.nowMs;
    const alone = start();
    expect(diesAfterMs(alone)).toBe(24_000);
    alone.hear(suspect("b", 5, "d"));
    expect(diesAfterMs(alone)).toBe(11_381);
    alone.hear(suspect("b", 5, "e"));
    expect(diesAfterMs(alone)).toBe(4_000);
  });

  test("a verdict that was refuted in time does not fall", () => {
    const n = knowing("suspect", { probeIntervalMs: 1_000, indirectChecks: 0 });
    n.hear(aliveOf("b", { incarnation: 6 }));
    n.pass(500);
    expect([n.sees("b"), n.delegate.seen]).toEqual(["alive 6", []]);
  });
});

describe("what is said of this node", () => {
  test.each([
    { title: "suspect", say: suspect("a", 1), incarnation: 2 },
    { title: "suspect of the future", say: suspect("a", 40), incarnation: 41 },
    { title: "dead", say: dead("a", 1), incarnation: 2 },
    { title: "left, as if by itself", say: dead("a", 7, "a"), incarnation: 8 },
    { title: "alive of the future", say: aliveOf("a", { incarnation: 9 }), incarnation: 10 },
    {
      title: "alive now with other metadata, from an earlier life",
      say: aliveOf("a", { meta: text.encode("old") }),
      incarnation: 2,
    },
    {
      title: "alive now with other versions",
      say: aliveOf("a", { vsn: [1, 5, 3, 2, 5, 4] }),
      incarnation: 2,
    },
  ])("$title: it refutes", ({ say, incarnation }) => {
    const n = node();
    n.pass(10_000);
    n.hear(say);
    expect([n.sees("a"), news(n), n.swim.status().healthScore]).toEqual([`alive ${incarnation}`, ["a"], 1]);
    expect(n.delegate.seen).toEqual(["joined a"]);
    expect(n.logs.at(-1)).toStartWith("warn: Refuting a");
  });

  test.each([
    { title: "an old accusation", say: suspect("a", 1) },
    { title: "an old death", say: dead("a", 1) },
    { title: "an old life", say: aliveOf("a") },
    { title: "its own words", say: aliveOf("a", { incarnation: 2 }) },
  ])("$title: it ignores", ({ say }) => {
    const n = node();
    n.hear(suspect("a", 1));
    n.hear(say);
    expect([n.sees("a"), n.swim.status().healthScore]).toEqual(["alive 2", 1]);
  });

  test("at the end of the range of incarnations an accusation cannot be beaten, and nothing breaks", () => {
    const n = node();
    n.hear(suspect("a", 0xffff_ffff));
    expect(n.sees("a")).toBe("alive 4294967295");
  });
});

describe("metadata", () => {
  test("an update raises the incarnation, tells the layer above and everyone else", () => {
    const n = knowing("alive");
    n.delegate.meta = text.encode("tags");
    const first = n.step({ kind: "updateMeta", updateId: 3 });
    expect([n.sees("a"), n.delegate.seen, first.outcomes]).toEqual(["alive 2", ["updated a"], []]);
    const done = n.pass(10_000).flatMap(({ outcomes: o }) => o);
    expect(done).toEqual([{ kind: "updated", updateId: 3 }]);
  });

  test("alone there is nobody to tell", () => {
    const n = node();
    expect(n.step({ kind: "updateMeta", updateId: 3 }).outcomes).toEqual([{ kind: "updated", updateId: 3 }]);
  });

  test("an update that is overtaken is done", () => {
    const n = knowing("alive");
    n.step({ kind: "updateMeta", updateId: 1 });
    expect(n.step({ kind: "updateMeta", updateId: 2 }).outcomes).toEqual([{ kind: "updated", updateId: 1 }]);
  });
});

describe("leaving", () => {
  test("it says that it is dead, from itself, and reports when that was told", () => {
    const n = knowing("alive");
    const first = n.step({ kind: "leave" });
    expect([n.sees("a"), n.delegate.seen, first.outcomes]).toEqual(["left 1", ["left a"], []]);
    const later = n.pass(10_000);
    expect(later.flatMap(({ outcomes: o }) => o)).toEqual([{ kind: "left" }]);
    const farewells = sent(...later).filter(({ message }) => message.kind === "dead");
    expect(farewells.map(({ message }) => message)).toEqual(
      Array.from({ length: 4 }, () => ({ kind: "dead", node: "a", from: "a", incarnation: 1 })),
    );
  });

  test("alone it is done at once, and a second time too", () => {
    const n = node();
    expect(n.step({ kind: "leave" }).outcomes).toEqual([{ kind: "left" }]);
    expect(n.step({ kind: "leave" }).outcomes).toEqual([{ kind: "left" }]);
  });

  test("nothing brings it back", () => {
    const n = knowing("alive");
    n.step({ kind: "leave" });
    n.hear(aliveOf("a", { incarnation: 50 }), suspect("a", 50), dead("a", 60));
    n.delegate.meta = text.encode("x");
    n.step({ kind: "updateMeta", updateId: 1 });
    expect(n.sees("a")).toBe("left 1");
  });

  test("it goes on answering pings", () => {
    const n = knowing("alive");
    n.step({ kind: "leave" });
    n.pass(10_000);
    const answers = sent(n.hear({ kind: "ping", seqNo: 3, node: "a" })).map(({ message }) => message.kind);
    expect(answers).toEqual(["ack"]);
  });
});
