import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { monotonicMs, wallMs } from "../lib/clock.ts";
import type { ConsensusServer } from "../lib/consensus.ts";
import {
  isHealthy,
  nextView,
  promotions,
  quorumOf,
  type AutopilotSettings,
  type ClusterInputs,
  type ClusterView,
  type KnownServer,
  type NodeStatus,
  type ServerLogStats,
} from "./autopilot-core.ts";
import { deadServers, joinPlan, pruning } from "./autopilot-pruning.ts";

const settings: AutopilotSettings = {
  cleanupDeadServers: true,
  lastContactThresholdMs: 200,
  maxTrailingLogs: 250,
  minQuorum: 0,
  serverStabilizationTimeMs: 10_000,
};

function known(id: string, nodeStatus: NodeStatus = "alive"): KnownServer {
  return {
    id,
    name: `node-${id}`,
    address: `${id}:8300`,
    nodeStatus,
    version: "1.16.4",
    meta: null,
    raftVersion: 3,
  };
}

const raft = (id: string, voter = true): ConsensusServer => ({ id, address: `${id}:8300`, voter });
const stats = (over: Partial<ServerLogStats> = {}): ServerLogStats => ({
  lastContactMs: 10,
  lastTerm: 2,
  lastIndex: 1_000,
  ...over,
});

function inputs(nowMs: number, over: Partial<ClusterInputs> = {}): ClusterInputs {
  const ids = ["a", "b", "c"];
  return {
    nowMs: monotonicMs(nowMs),
    wallMs: wallMs(1_700_000_000_000 + nowMs),
    settings,
    configuration: ids.map((id) => raft(id)),
    known: new Map(ids.map((id) => [id, known(id)])),
    stats: new Map(ids.map((id) => [id, stats()])),
    leaderId: "a",
    ownLog: { lastIndex: 1_000, lastTerm: 2 },
    ...over,
  };
}

describe("health", () => {
  const leader = { lastIndex: 1_000, lastTerm: 2 };
  const cases: readonly (readonly [string, NodeStatus, Partial<ServerLogStats>, boolean])[] = [
    ["all well", "alive", {}, true],
    ["contact at the threshold", "alive", { lastContactMs: 200 }, true],
    ["contact too long ago", "alive", { lastContactMs: 201 }, false],
    ["contact from the future", "alive", { lastContactMs: -1 }, false],
    ["another term", "alive", { lastTerm: 1 }, false],
    ["as far behind as allowed", "alive", { lastIndex: 750 }, true],
    ["further behind", "alive", { lastIndex: 749 }, false],
    ["ahead of what the leader had when it asked", "alive", { lastIndex: 1_100 }, true],
    ["failed", "failed", {}, false],
    ["left", "left", {}, false],
    ["unknown", "unknown", {}, false],
  ];
  for (const [title, nodeStatus, over, healthy] of cases) {
    test(title, () => {
      expect(isHealthy({ nodeStatus, stats: stats(over) }, leader, settings)).toBe(healthy);
    });
  }

  test("nobody is healthy before there is a log", () => {
    expect(isHealthy({ nodeStatus: "alive", stats: stats() }, { lastIndex: 0, lastTerm: 0 }, settings)).toBe(
      false,
    );
  });
});

describe("the view", () => {
  test("of three healthy servers tolerates one failure", () => {
    const view = nextView(undefined, inputs(0));
    expect(view).toMatchObject({ healthy: true, failureTolerance: 1, leader: "a", voters: ["a", "b", "c"] });
    expect(view.servers.get("b")).toMatchObject({ state: "voter", healthy: true, name: "node-b" });
  });

  test("takes health's time from when it changed, and keeps the last answer of who is silent", () => {
    const first = nextView(undefined, inputs(0));
    const second = nextView(first, inputs(2_000, { stats: new Map([["a", stats()]]) }));
    expect(second.servers.get("b")).toMatchObject({ healthy: true, stableSinceMs: 0 });
    const failed = new Map([...inputs(0).known, ["b", known("b", "failed")]]);
    const third = nextView(second, inputs(4_000, { known: failed }));
    expect(third).toMatchObject({ healthy: false, failureTolerance: 0, voters: ["a", "c", "b"] });
    expect(third.servers.get("b")).toMatchObject({ healthy: false, stableSinceMs: 4_000 });
    expect(nextView(third, inputs(6_000)).servers.get("b")?.stableSinceMs).toBe(monotonicMs(6_000));
  });

  test("calls a server that gossip does not know left, and remembers its name", () => {
    const first = nextView(undefined, inputs(0));
    const rest = new Map([...inputs(0).known].filter(([id]) => id !== "c"));
    const view = nextView(first, inputs(2_000, { known: rest }));
    expect(view.servers.get("c")).toMatchObject({ nodeStatus: "left", name: "node-c", healthy: false });
    expect(nextView(undefined, inputs(0, { known: rest })).servers.get("c")?.name).toBe("");
  });

  test("goes by Raft's address, not by gossip's", () => {
    const moved = new Map([...inputs(0).known, ["b", { ...known("b"), address: "elsewhere:8300" }]]);
    expect(nextView(undefined, inputs(0, { known: moved })).servers.get("b")?.address).toBe("b:8300");
  });

  test("of a follower measures by the leader's answer", () => {
    const behind = new Map([
      ["a", stats({ lastIndex: 5_000 })],
      ["b", stats({ lastIndex: 5_000 })],
    ]);
    const view = nextView(undefined, inputs(0, { ownLog: undefined, stats: behind }));
    expect([...view.servers.values()].map(({ healthy }) => healthy)).toEqual([true, true, false]);
    const lost = nextView(undefined, inputs(0, { ownLog: undefined, leaderId: undefined }));
    expect(lost).toMatchObject({ healthy: false, leader: undefined, failureTolerance: 0 });
  });

  test("puts the leader first, then the healthy by age, then the sick", () => {
    const ids = ["a", "b", "c", "d"];
    const configuration = ids.map((id) => raft(id));
    const all = new Map(ids.map((id) => [id, known(id)]));
    const some = new Map(all).set("c", known("c", "failed"));
    const first = nextView(undefined, inputs(0, { configuration, known: some, leaderId: "d" }));
    const answers = new Map(ids.map((id) => [id, stats()]));
    const second = nextView(first, inputs(9, { configuration, known: all, leaderId: "d", stats: answers }));
    expect(second.voters).toEqual(["d", "a", "b", "c"]);
  });

  test("tolerance is what healthy voters have over a quorum of all", () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 1, maxLength: 9 }), (alive) => {
        const ids = alive.map((_, at) => `s${at}`);
        const view = nextView(
          undefined,
          inputs(0, {
            configuration: ids.map((id) => raft(id)),
            known: new Map(ids.map((id, at) => [id, known(id, alive[at] === true ? "alive" : "failed")])),
            stats: new Map(ids.map((id) => [id, stats()])),
            leaderId: "s0",
          }),
        );
        const healthy = alive.filter(Boolean).length;
        expect(view.failureTolerance).toBe(Math.max(0, healthy - quorumOf(ids.length)));
        expect(view.healthy).toBe(healthy === ids.length);
      }),
    );
  });
});

describe("promotion", () => {
  function views(joinMs: number): (nowMs: number, status?: NodeStatus) => ClusterView {
    const old = nextView(undefined, inputs(0));
    const joined = (nowMs: number, status: NodeStatus): ClusterInputs =>
      inputs(nowMs, {
        configuration: [...inputs(0).configuration, raft("d", false)],
        known: new Map([...inputs(0).known, ["d", known("d", status)]]),
        stats: new Map([...inputs(0).stats, ["d", stats()]]),
      });
    let view = nextView(old, joined(joinMs, "alive"));
    return (nowMs, status = "alive") => (view = nextView(view, joined(nowMs, status)));
  }

  test("comes once the server was healthy for long enough", () => {
    const at = views(20_000);
    expect(promotions(at(29_999), settings, monotonicMs(29_999))).toEqual([]);
    expect(promotions(at(30_000), settings, monotonicMs(30_000))).toEqual(["d"]);
  });

  test("starts over when it was not", () => {
    const at = views(20_000);
    at(25_000, "failed");
    at(26_000);
    expect(promotions(at(35_999), settings, monotonicMs(35_999))).toEqual([]);
    expect(promotions(at(36_000), settings, monotonicMs(36_000))).toEqual(["d"]);
  });

  test("does not wait in a view younger than the time asked for", () => {
    const at = views(4_000);
    expect(promotions(at(6_000), settings, monotonicMs(6_000))).toEqual(["d"]);
    expect(promotions(at(6_000, "failed"), settings, monotonicMs(6_000))).toEqual([]);
  });
});

describe("the dead", () => {
  const five = ["a", "b", "c", "d", "e"].map((id) => raft(id));
  const alive = (ids: string): Map<string, KnownServer> => new Map([...ids].map((id) => [id, known(id)]));

  test("are sorted by vote, and by whether gossip knows them", () => {
    const servers = [...five, raft("x", false), raft("y", false)];
    const dead = deadServers(
      servers,
      alive("abc").set("d", known("d", "failed")).set("y", known("y", "left")),
    );
    expect(dead).toMatchObject({
      failedVoters: [{ id: "d" }],
      failedNonVoters: [{ id: "y" }],
      staleVoters: ["e"],
      staleNonVoters: ["x"],
    });
    expect(pruning(dead, settings, 5)).toEqual([
      { kind: "forceLeave", id: "y", name: "node-y" },
      { kind: "remove", id: "x" },
      { kind: "remove", id: "e" },
      { kind: "forceLeave", id: "d", name: "node-d" },
    ]);
  });

  const kinds = (voters: number, deadCount: number, minQuorum: number): string =>
    pruning(
      {
        failedVoters: Array.from({ length: deadCount }, (_, at) => known(`s${at}`, "failed")),
        failedNonVoters: [],
        staleVoters: [],
        staleNonVoters: [],
      },
      { minQuorum },
      voters,
    )
      .map(({ kind }) => kind[0])
      .join("");
  // f: force-leave, k: keep.
  const cases: readonly (readonly [number, number, number, string])[] = [
    [1, 1, 0, "k"],
    [2, 1, 0, "k"],
    [3, 1, 0, "f"],
    [3, 2, 0, "fk"],
    [4, 2, 0, "fk"],
    [5, 2, 0, "ff"],
    [5, 3, 0, "ffk"],
    [5, 2, 4, "fk"],
    [5, 2, 5, "kk"],
    [3, 1, 3, "k"],
    [7, 4, 0, "fffk"],
  ];
  for (const [voters, deadCount, minQuorum, expected] of cases) {
    test(`${deadCount} of ${voters} voters with at least ${minQuorum} give ${expected}`, () => {
      expect(kinds(voters, deadCount, minQuorum)).toBe(expected);
    });
  }

  test("never take a majority or the least number with them", () => {
    const count = fc.integer({ min: 1, max: 9 });
    fc.assert(
      fc.property(count, count, fc.nat(9), (voters, dead, minQuorum) => {
        const removed = [...kinds(voters, Math.min(dead, voters), minQuorum)].filter((kind) => kind === "f");
        expect(removed.length).toBeLessThanOrEqual(Math.floor((voters - 1) / 2));
        if (removed.length > 0) expect(voters - removed.length).toBeGreaterThanOrEqual(minQuorum);
      }),
    );
  });
});

describe("joining", () => {
  const three = ["a", "b", "c"].map((id) => raft(id));

  test("changes nothing for who is there", () => {
    expect(joinPlan(three, { id: "b", address: "b:8300" })).toEqual({ kind: "none" });
  });

  test("adds a new server without a vote", () => {
    expect(joinPlan(three, { id: "d", address: "d:8300" })).toEqual({
      kind: "change",
      removeIds: [],
      add: { id: "d", address: "d:8300", voter: false },
    });
  });

  test("moves a server that has a new address, with its vote or without", () => {
    expect(joinPlan(three, { id: "b", address: "x:8300" })).toMatchObject({ add: { voter: true } });
    expect(joinPlan([...three, raft("d", false)], { id: "d", address: "x:8300" })).toMatchObject({
      add: { voter: false },
    });
  });

  test("removes who held the address before", () => {
    const servers = [...three, { id: "old", address: "b:8300", voter: false }];
    expect(joinPlan(servers, { id: "new", address: "b:8300" })).toEqual({
      kind: "change",
      removeIds: ["b", "old"],
      add: { id: "new", address: "b:8300", voter: false },
    });
  });

  test("is refused where that would cost the quorum", () => {
    for (const servers of [[raft("a")], [raft("a"), raft("b")]]) {
      expect(joinPlan(servers, { id: "new", address: "a:8300" }).kind).toBe("refuse");
    }
  });
});
