/** What every transport between servers promises; run against each of them. */
import { describe, expect, test } from "bun:test";
import { logIndex, term } from "../../lib/log-index.ts";
import { serverId } from "../core/entry.ts";
import type {
  AppendEntriesRequest,
  InstallSnapshotRequest,
  RaftRequest,
  RequestPreVoteRequest,
} from "../core/messages.ts";
import type {
  Destination,
  SnapshotTransfer,
  Transport,
  TransportHandler,
  TransportReply,
} from "./transport.ts";

/** Two servers that can reach each other. */
export interface TransportPair extends AsyncDisposable {
  readonly client: Transport;
  readonly server: Transport;
  /** Of the server. */
  readonly address: string;
}

const header = { protocolVersion: 3, id: serverId("c"), address: "client:1" };

export function appendAt(index: number): AppendEntriesRequest {
  return {
    kind: "appendEntries",
    header,
    term: term(2),
    leader: "client:1",
    prevLogIndex: logIndex(index),
    prevLogTerm: term(1),
    entries: [],
    leaderCommit: logIndex(0),
  };
}

export const preVote: RequestPreVoteRequest = {
  kind: "requestPreVote",
  header,
  term: term(3),
  lastLogIndex: logIndex(1),
  lastLogTerm: term(1),
};

export function installOf(sizeBytes: number): InstallSnapshotRequest {
  return {
    kind: "installSnapshot",
    header,
    term: term(2),
    leader: "client:1",
    lastLogIndex: logIndex(9),
    lastLogTerm: term(1),
    configuration: { servers: [{ id: serverId("c"), address: "client:1", suffrage: "voter" }] },
    configurationIndex: logIndex(1),
    sizeBytes,
  };
}

export const installed: TransportReply = {
  kind: "response",
  message: { kind: "installSnapshotResponse", header, term: term(2), success: true },
};

export function answerTo(message: RaftRequest): TransportReply {
  if (message.kind !== "appendEntries") return { kind: "error", error: "unexpected command" };
  return {
    kind: "response",
    message: {
      kind: "appendEntriesResponse",
      header,
      term: term(2),
      lastLog: message.prevLogIndex,
      success: true,
      noRetryBackoff: false,
    },
  };
}

/** Answers at once, and takes a snapshot's bytes if `takes`. */
export class Echo implements TransportHandler {
  readonly seen: RaftRequest[] = [];
  readonly snapshots: Uint8Array[] = [];
  readonly errors: unknown[] = [];
  takes = true;

  request(message: RaftRequest): Promise<TransportReply> {
    this.seen.push(message);
    return Promise.resolve(answerTo(message));
  }
  async snapshot(transfer: SnapshotTransfer): Promise<TransportReply> {
    if (!this.takes) return { kind: "error", error: "no room" };
    const pieces: Uint8Array[] = [];
    try {
      for await (const piece of transfer.chunks) pieces.push(piece.slice());
    } catch (error) {
      this.errors.push(error);
      return { kind: "error", error: "broken" };
    }
    this.snapshots.push(Uint8Array.from(Buffer.concat(pieces)));
    return installed;
  }
}

/** `count` pieces of `each` bytes, which tell their place. */
export async function* pieces(count: number, each: number): AsyncGenerator<Uint8Array> {
  const piece = new Uint8Array(each);
  for (let at = 0; at < count; at += 1) {
    await Promise.resolve();
    // The same buffer again and again, as the interface allows.
    yield piece.fill(at % 251);
  }
}

export function transportContract(label: string, open: () => Promise<TransportPair>): void {
  describe(`transport: ${label}`, () => {
    requestContract(open);
    snapshotContract(open);
  });
}

function to(pair: TransportPair, lane: Destination["lane"] = "replicate"): Destination {
  return { id: serverId("s"), address: pair.address, lane, timeoutMs: 5_000 };
}

function requestContract(open: () => Promise<TransportPair>): void {
  describe("requests", () => {
    test.each(["heartbeat", "replicate", "control"] as const)(
      "a request on lane %s is answered",
      async (lane) => {
        await using pair = await open();
        using _ = pair.server.serve(new Echo());
        const answer = pair.client.send(to(pair, lane), appendAt(7));
        pair.client.flush();
        expect(await answer).toEqual(answerTo(appendAt(7)) as never);
      },
    );

    test("requests of a lane arrive and are answered in order", async () => {
      await using pair = await open();
      const echo = new Echo();
      using _ = pair.server.serve(echo);
      const sent = Array.from({ length: 100 }, (_one, at) => appendAt(at + 1));
      const answers = sent.map((message) => {
        const answer = pair.client.send(to(pair), message);
        if (message.prevLogIndex % 7 === 0) pair.client.flush();
        return answer;
      });
      pair.client.flush();
      const lasts = (await Promise.all(answers)).map((answer) =>
        answer.kind === "response" && "lastLog" in answer.message ? Number(answer.message.lastLog) : -1,
      );
      expect(lasts).toEqual(sent.map(({ prevLogIndex }) => Number(prevLogIndex)));
      expect(echo.seen).toEqual(sent);
    });

    test("an answer that is only an error keeps its text", async () => {
      await using pair = await open();
      using _ = pair.server.serve(new Echo());
      const answer = pair.client.send(to(pair, "control"), preVote);
      pair.client.flush();
      expect(await answer).toEqual({ kind: "failed", remoteError: "unexpected command" });
    });

    test("nobody there is no answer, and somebody later is one", async () => {
      await using pair = await open();
      const first = pair.client.send(to(pair), appendAt(1));
      pair.client.flush();
      expect(await first).toEqual({ kind: "failed" });
      using _ = pair.server.serve(new Echo());
      const second = pair.client.send(to(pair), appendAt(2));
      pair.client.flush();
      expect((await second).kind).toBe("response");
    });
  });
}

function snapshotContract(open: () => Promise<TransportPair>): void {
  describe("snapshots", () => {
    test("a snapshot arrives whole", async () => {
      await using pair = await open();
      const echo = new Echo();
      using _ = pair.server.serve(echo);
      const transfer = { message: installOf(300 * 10_000), chunks: pieces(300, 10_000) };
      expect(await pair.client.sendSnapshot(to(pair, "control"), transfer)).toEqual(installed as never);
      const [state] = echo.snapshots;
      expect(state!.length).toBe(3_000_000);
      expect(state!.every((byte, at) => byte === Math.floor(at / 10_000) % 251)).toBe(true);
    });

    test("an empty snapshot too", async () => {
      await using pair = await open();
      const echo = new Echo();
      using _ = pair.server.serve(echo);
      const transfer = { message: installOf(0), chunks: pieces(0, 1) };
      expect(await pair.client.sendSnapshot(to(pair, "control"), transfer)).toEqual(installed as never);
      expect(echo.snapshots[0]!.length).toBe(0);
    });

    test("a snapshot that is refused unread is answered all the same", async () => {
      await using pair = await open();
      const echo = new Echo();
      echo.takes = false;
      using _ = pair.server.serve(echo);
      const transfer = { message: installOf(5_000_000), chunks: pieces(500, 10_000) };
      expect(await pair.client.sendSnapshot(to(pair, "control"), transfer)).toEqual({
        kind: "failed",
        remoteError: "no room",
      });
    });

    test("a snapshot whose source breaks fails at both ends", async () => {
      await using pair = await open();
      const echo = new Echo();
      using _ = pair.server.serve(echo);
      async function* broken(): AsyncGenerator<Uint8Array> {
        yield* pieces(3, 1_000);
        throw new Error("disk");
      }
      const answer = pair.client.sendSnapshot(to(pair, "control"), {
        message: installOf(9_000),
        chunks: broken(),
      });
      expect((await answer.catch(() => ({ kind: "failed" }))).kind).toBe("failed");
      expect(echo.snapshots).toEqual([]);
    });
  });
}
