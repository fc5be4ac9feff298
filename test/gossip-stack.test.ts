/** SWIM and serf together, on networks with and without loss: what every pool must come to agree on. */
import { describe, expect, test } from "bun:test";
import { seededRng } from "../src/lib/rng.ts";
import { GossipStack, type StackNode } from "./support/gossip-stack.ts";

const utf8 = new TextEncoder();

/** How `node` sees the others. */
function view(node: StackNode): Readonly<Record<string, string>> {
  const seen = node.serf.members().map(({ name, status }) => [name, status] as const);
  return Object.fromEntries(seen.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function up(stack: GossipStack): readonly StackNode[] {
  return stack.nodes.filter(({ isDown }) => !isDown);
}

/** The number of views among the nodes that are up, and the first. */
function agreed(stack: GossipStack): {
  readonly views: number;
  readonly view: Readonly<Record<string, string>>;
} {
  const views = up(stack).map(view);
  return { views: new Set(views.map((one) => JSON.stringify(one))).size, view: views[0] ?? {} };
}

function startPool(seed: number, arrivePercent: number, count: number): GossipStack {
  const stack = new GossipStack(seededRng(seed), arrivePercent);
  const first = stack.start("n00");
  for (let at = 1; at < count; at += 1) stack.join(stack.start(`n${String(at).padStart(2, "0")}`), first);
  stack.pass(20_000);
  return stack;
}

const cases = [
  { seed: 1, arrivePercent: 100 },
  { seed: 3, arrivePercent: 90 },
  { seed: 4, arrivePercent: 80 },
];

describe.each(cases)(
  "a pool of 12, seed $seed, $arrivePercent % of packets arrive",
  ({ seed, arrivePercent }) => {
    test("agrees on joins, events, tags, a leave, a death, a forced leave and a return", () => {
      const stack = startPool(seed, arrivePercent, 12);
      const all = Object.fromEntries(stack.nodes.map(({ name }) => [name, "alive"]));
      expect(agreed(stack)).toEqual({ views: 1, view: all });
      const [asker, leaver, victim, teller, tagged] = stack.nodes;
      if (!asker || !leaver || !victim || !teller || !tagged) throw new Error("too few nodes");

      for (let count = 0; count < 20; count += 1) {
        const node = stack.nodes[count % stack.nodes.length] ?? asker;
        stack.act(node, (serf) => void serf.userEvent(`e${count}`, utf8.encode("payload")));
        stack.pass(300);
      }
      stack.act(tagged, (serf) => void serf.setTags({ role: "node", color: "red" }));
      // Gossip reaches nearly all; a full exchange every 30 s reaches the rest.
      stack.pass(90_000);
      for (const { events, serf } of stack.nodes) {
        const names = events.map((one) => one.split("@")[0]);
        expect(names).toHaveLength(20);
        expect(new Set(names).size).toBe(20);
        expect(serf.member(tagged.name)?.tags["color"]).toBe("red");
      }

      stack.act(leaver, (serf) => void serf.beginLeave());
      stack.pass(12_000);
      expect(leaver.hasLeft).toBe(true);
      stack.kill(victim);
      stack.pass(90_000);
      expect(agreed(stack)).toEqual({
        views: 1,
        view: { ...all, [leaver.name]: "left", [victim.name]: "failed" },
      });
      // Where packets are lost, SWIM's word may come before the intent that explains it.
      if (arrivePercent === 100)
        for (const { members } of up(stack)) expect(members).not.toContain(`failed ${leaver.name}`);

      stack.act(teller, (serf) => serf.forceLeave({ requestId: 1, node: victim.name, prune: false }));
      stack.pass(60_000);
      expect(agreed(stack).view[victim.name]).toBe("left");
      expect(agreed(stack).views).toBe(1);
      const returned = stack.start(victim.name, victim);
      stack.join(returned, asker);
      stack.pass(60_000);
      const { [leaver.name]: _, ...present } = all;
      // A newcomer never meets those who left before.
      for (const node of up(stack))
        expect(view(node)).toEqual(node === returned ? present : { ...present, [leaver.name]: "left" });
      expect(stack.problems()).toEqual([]);
    });

    test("answers queries", () => {
      const stack = startPool(seed, arrivePercent, 12);
      const [asker] = stack.nodes;
      if (asker === undefined) throw new Error("no nodes");
      const query = { queryId: 1, name: "q", payload: utf8.encode("?"), ack: true, relayFactor: 3 };
      stack.act(asker, (serf) => void serf.query(query));
      stack.pass(10_000);
      // The query itself may miss a node when packets are lost; answers come in several copies.
      const least = arrivePercent === 100 ? 12 : 10;
      expect(new Set(asker.answers).size).toBe(asker.answers.length);
      expect(asker.answers.length).toBeGreaterThanOrEqual(least);
      expect(asker.acks.length).toBeGreaterThanOrEqual(least);
    });
  },
);

test("the same seed gives the same run", () => {
  const runs = [1, 2].map(() => {
    const stack = startPool(9, 85, 6);
    return stack.nodes.map(({ members, serf }) => ({ members, coordinate: serf.coordinate() }));
  });
  expect(runs[0]).toEqual(runs[1]);
});
