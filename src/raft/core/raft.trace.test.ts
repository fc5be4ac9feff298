/**
 * Conversations of a small cluster, as text: each scene is a command line and everything observable after it.
 *
 * `UPDATE_TRACES=1 bun test src/raft/core` rewrites the file; its diff is reviewed like code.
 * Commands: `cluster n1 n2 n3?`, `elect N1`, `run MS` (time in steps of 50 ms, delivering all messages),
 * `pass MS` (one jump), `deliver` (until nothing is left; heartbeats are not told), `propose N1 BYTE`,
 * `cut N1`, `heal`, `crash N1` (unsynced writes are lost), `verify N1`, `transfer N1 N2`,
 * `remove N1 N2`, `snapshot N1`. Every disk syncs at once unless a line says `hold N1` … `sync N1`.
 */
import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { assert, must } from "../../lib/assert.ts";
import type { Input, OutgoingRequest } from "./effects.ts";
import type { ServerId } from "./entry.ts";
import { protocolVersion, type RaftRequest, type RaftResponse } from "./messages.ts";
import { TestServer, type TestStart } from "./test-cluster.ts";

const file = new URL("testdata/cluster.trace.txt", import.meta.url);

class Room {
  #servers = new Map<string, TestServer>();
  #members: readonly string[] = [];
  #cut = new Set<string>();
  #held = new Set<string>();
  #proposalId = 0;
  #lines: string[] = [];

  run(line: string): readonly string[] {
    this.#lines = [];
    const [verb = "", ...words] = line.split(" ");
    this.#command(verb, words);
    return this.#lines;
  }

  // One table of words; each does one thing.
  #command(verb: string, words: readonly string[]): void {
    const [first = "", second = ""] = words;
    const server = (): TestServer => must(this.#servers.get(first), `server ${first} is in the room`);
    const proposalId = (this.#proposalId += 1);
    const target = second as ServerId;
    const verbs: Readonly<Record<string, () => void>> = {
      cluster: () => this.#open(words),
      elect: () => {
        server().receive({ kind: "timeoutNow", header: { protocolVersion } });
        this.#settle(server());
        this.#deliver();
      },
      run: () => {
        for (let ms = 0; ms < Number(first); ms += 50) {
          this.#pass(50);
          this.#deliver();
        }
      },
      pass: () => this.#pass(Number(first)),
      deliver: () => this.#deliver(),
      cut: () => void this.#cut.add(first),
      heal: () => this.#cut.clear(),
      hold: () => void this.#held.add(first),
      sync: () => {
        this.#held.delete(first);
        this.#settle(server());
      },
      crash: () => this.#crash(first),
      propose: () => {
        server().propose(Number(second));
        this.#settle(server());
      },
      verify: () => this.#input(server(), { kind: "verifyLeader", proposalId }),
      transfer: () => this.#input(server(), { kind: "transferLeadership", proposalId, to: target }),
      remove: () =>
        this.#input(server(), {
          kind: "changeConfiguration",
          proposalId,
          change: { kind: "removeServer", id: target },
        }),
      snapshot: () => {
        const snapshot = must(server().core.snapshotMark(), "there is something to cut");
        this.#input(server(), { kind: "snapshotTaken", snapshot });
      },
    };
    must(verbs[verb], `"${verb}" is a command`)();
  }

  #open(members: readonly string[]): void {
    this.#members = members;
    for (const [at, name] of members.entries()) {
      const id = name.replace("?", "");
      const start: TestStart = { id, members, seed: at + 1, options: { trailingLogs: 0 } };
      this.#servers.set(id, new TestServer(start));
      this.#settle(must(this.#servers.get(id), "just added"));
    }
  }

  #crash(id: string): void {
    const old = must(this.#servers.get(id), "it exists");
    const { votedFor, term } = old.hardState;
    const hardState = votedFor === undefined ? { term } : { term, votedFor };
    this.#servers.set(id, new TestServer({ id, members: this.#members, log: old.log, hardState, seed: 9 }));
    this.#lines.push(
      `${id} restarts with log to ${old.log.lastIndex}, term ${term}, vote ${votedFor ?? "none"}`,
    );
  }

  #input(server: TestServer, input: Input): void {
    server.step(input);
    this.#settle(server);
  }

  #pass(ms: number): void {
    for (const server of this.#servers.values()) {
      server.pass(ms);
      this.#settle(server);
    }
  }

  /** Tells what changed at a server and lets its disk catch up. */
  #settle(server: TestServer): void {
    this.#tell(server);
    if (this.#held.has(server.id)) return;
    server.sync();
    this.#tell(server);
  }

  #tell(server: TestServer): void {
    const { leadership } = server.effects;
    if (leadership !== undefined) {
      this.#lines.push(
        `${server.id} ${leadership.role} term=${leadership.term} leader=${leadership.leader?.id ?? "none"}`,
      );
    }
    for (const entry of server.applied.splice(0))
      this.#lines.push(`${server.id} applies ${entry.index}/t${entry.term}`);
    for (const outcome of server.outcomes.splice(0)) {
      const { kind, proposalId: _, ...rest } = outcome;
      this.#lines.push(
        `${server.id} ${kind} ${Object.entries(rest)
          .map(([k, v]) => `${k}=${v}`)
          .join(" ")}`.trimEnd(),
      );
    }
    const { lostFrom, compactThrough, installSnapshot } = server.effects;
    if (lostFrom !== undefined) this.#lines.push(`${server.id} may lose from ${lostFrom}`);
    if (compactThrough !== undefined) this.#lines.push(`${server.id} compacts through ${compactThrough}`);
    if (installSnapshot !== undefined)
      this.#lines.push(`${server.id} installs snapshot ${installSnapshot.index}`);
    server.effects = {
      ...server.effects,
      leadership: undefined,
      lostFrom: undefined,
      compactThrough: undefined,
      installSnapshot: undefined,
    };
  }

  #deliver(): void {
    for (let turn = 0; turn < 200; turn += 1) {
      let isQuiet = true;
      for (const server of this.#servers.values()) {
        for (const request of this.#take(server)) {
          isQuiet = false;
          this.#exchange(server, request);
        }
      }
      if (isQuiet) return;
    }
    assert(false, "a room falls quiet");
  }

  #take(server: TestServer): OutgoingRequest[] {
    const requests = server.takeRequests();
    for (const { requestId, to, message } of server.sentSnapshots.splice(0)) {
      const { address } = must(
        server.core.status().configuration.servers.find((s) => s.id === to),
        "a member",
      );
      requests.push({ kind: "request", requestId, to, address, lane: "control", timeoutMs: 1, message });
    }
    return requests;
  }

  #exchange(from: TestServer, request: OutgoingRequest): void {
    const { requestId, message } = request;
    const to = this.#servers.get(request.to);
    const line = `${from.id} -> ${request.to} ${describe(message)}`;
    const isTold = !line.includes("heartbeat");
    if (to === undefined || this.#cut.has(from.id) || this.#cut.has(to.id)) {
      if (isTold) this.#lines.push(`${line}: lost`);
      from.step({ kind: "failed", requestId });
      return this.#settle(from);
    }
    const at = this.#lines.length;
    const inboundId = to.receive(message);
    if (to.effects.receiveSnapshot.length > 0) to.step({ kind: "snapshotReceived", inboundId, ok: true });
    this.#settle(to);
    const answer = to.replyTo(inboundId);
    if (isTold)
      this.#lines.splice(
        at,
        0,
        `${line}: ${answer === undefined ? "waits for the disk" : describeAnswer(answer)}`,
      );
    if (answer === undefined) from.step({ kind: "failed", requestId });
    else if (typeof answer === "string") from.step({ kind: "failed", requestId, remoteError: answer });
    else from.step({ kind: "response", requestId, message: answer });
    this.#settle(from);
  }
}

function describe(m: RaftRequest): string {
  switch (m.kind) {
    case "appendEntries":
      if (m.prevLogIndex === 0 && m.entries.length === 0) return `heartbeat t${m.term}`;
      return `append t${m.term} prev=${m.prevLogIndex}/t${m.prevLogTerm} entries=${m.entries.length} commit=${m.leaderCommit}`;
    case "requestVote":
      return `vote t${m.term} last=${m.lastLogIndex}/t${m.lastLogTerm}${m.leadershipTransfer ? " transfer" : ""}`;
    case "requestPreVote":
      return `pre-vote t${m.term} last=${m.lastLogIndex}/t${m.lastLogTerm}`;
    case "installSnapshot":
      return `snapshot t${m.term} end=${m.lastLogIndex}/t${m.lastLogTerm}`;
    case "timeoutNow":
      return "timeout-now";
    default:
      m satisfies never;
      return "";
  }
}

function describeAnswer(answer: RaftResponse | string): string {
  if (typeof answer === "string") return `error ${answer}`;
  if ("granted" in answer) return answer.granted ? "granted" : `refused t${answer.term}`;
  if ("success" in answer) return answer.success ? "ok" : `refused t${answer.term}`;
  return "ok";
}

/** Scenes are separated by blank lines; commands stand above `----`, what happened below. */
function replay(text: string): string {
  let room = new Room();
  const scenes = text
    .trimEnd()
    .split("\n\n")
    .map((scene) => {
      const [head = ""] = scene.split("\n----");
      const commandLines = head.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
      if (commandLines.some((line) => line.startsWith("cluster "))) room = new Room();
      const seen = commandLines.flatMap((line) => room.run(line));
      return [head, "----", ...seen].join("\n");
    });
  return `${scenes.join("\n\n")}\n`;
}

test("the conversations are as recorded", () => {
  const recorded = readFileSync(file, "utf8");
  const replayed = replay(recorded);
  if (process.env["UPDATE_TRACES"] === "1") writeFileSync(file, replayed);
  else expect(replayed).toBe(recorded);
  expect(recorded.split("----").length).toBeGreaterThan(10);
});
