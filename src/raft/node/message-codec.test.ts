import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { existsSync, readFileSync } from "node:fs";
import { DecodeError } from "../../lib/errors.ts";
import { logIndex, term } from "../../lib/log-index.ts";
import { serverId } from "../core/entry.ts";
import type { RaftRequest } from "../core/messages.ts";
import { AppendCache } from "./append-cache.ts";
import { ByteQueue } from "./byte-queue.ts";
import { decodeReply, decodeRequest, encodeReply, encodeRequest, requestKindOf } from "./message-codec.ts";
import { ValueScanner } from "./value-scanner.ts";

const folder = "../shared/protocol/vectors";
const present = existsSync(`${folder}/raft.json`);
if (!present) console.warn("skipped: raft vectors, since ../shared/protocol/vectors is not there");

interface LibVector {
  readonly name: string;
  readonly version: string;
  readonly hex: string;
}
interface Capture {
  readonly kind: string;
  readonly request_hex: string;
  readonly request: Readonly<Record<string, unknown>>;
  readonly response_hex: string;
  readonly response_error: string;
  readonly response: Readonly<Record<string, unknown>> | null;
}

function load<T>(file: string): readonly T[] {
  return present ? (JSON.parse(readFileSync(`${folder}/${file}`, "utf8")) as { vectors: T[] }).vectors : [];
}
const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"));
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** Where the one value behind a type byte, or the two of an answer, end. */
function endOf(bytes: Uint8Array, from: number, values: number): number {
  const scanner = new ValueScanner();
  scanner.start(from, values);
  return scanner.scan(bytes)!;
}

function readRequest(bytes: Uint8Array): RaftRequest {
  return decodeRequest(requestKindOf(bytes[0]!)!, bytes.subarray(1, endOf(bytes, 1, 1)));
}

/** Without the time at which a newer leader appended an entry: it is skipped when read. */
const withoutAppendedAt = (hex: string): string =>
  hex.replaceAll(/8(6)(aa417070656e6465644174af01[0-9a-f]{28})/g, "85");

describe.skipIf(!present)("vectors of hashicorp/raft", () => {
  const requests = load<LibVector>("raft.json").filter(({ name }) =>
    /^(AppendEntries (heartbeat|noop|one)|RequestVote$|RequestVote leadership|InstallSnapshot request|TimeoutNow$|RequestPreVote$)/.test(
      name,
    ),
  );
  const replies = load<LibVector>("raft.json").filter(({ name }) => / response/.test(name));

  test("there are some of each", () => {
    expect(requests.length).toBeGreaterThan(15);
    expect(replies.length).toBeGreaterThan(15);
  });

  test.each(requests)("$name of $version", ({ name, hex }) => {
    const bytes = bytesOf(hex);
    const message = readRequest(bytes);
    const again = encodeRequest(message);
    expect(readRequest(again)).toEqual(message);
    // The vector's snapshot names a nonvoter among the old peers, which the reference's own code never does.
    if (name.startsWith("InstallSnapshot")) return;
    expect(hexOf(again)).toBe(withoutAppendedAt(hexOf(bytes.subarray(0, endOf(bytes, 1, 1)))));
  });

  test.each(replies)("$name of $version", ({ name, hex }) => {
    const kind = name.startsWith("error") ? "appendEntries" : kindOfReply(name);
    const reply = decodeReply(kind, bytesOf(hex));
    expect(hexOf(encodeReply(reply))).toBe(hex);
  });
});

function kindOfReply(name: string): RaftRequest["kind"] {
  const word = name.split(" ")[0]!;
  return `${word[0]!.toLowerCase()}${word.slice(1)}` as RaftRequest["kind"];
}

describe.skipIf(!present)("recorded traffic of Consul 1.9", () => {
  const captures = load<Capture>("raft_capture.json");

  test.each(captures)("$kind", (capture) => {
    const bytes = bytesOf(capture.request_hex);
    const message = readRequest(bytes);
    expect(hexOf(encodeRequest(message))).toBe(capture.request_hex);
    const fields = capture.request;
    if ("Term" in fields && "term" in message) expect(Number(message.term)).toBe(fields["Term"] as number);
    if (message.kind === "appendEntries")
      expect(message.entries.length).toBe((fields["Entries"] as unknown[] | null)?.length ?? 0);
    const reply = decodeReply(message.kind, bytesOf(capture.response_hex));
    expect(hexOf(encodeReply(reply))).toBe(capture.response_hex);
    if (reply.kind === "error") expect(reply.error).toBe(capture.response_error);
    else if ("success" in reply.message)
      expect(reply.message.success).toBe(capture.response!["Success"] as boolean);
  });
});

const headers = fc.constantFrom(
  { protocolVersion: 3 },
  { protocolVersion: 2, id: serverId("a"), address: "h:1" },
  { protocolVersion: 3, id: serverId("11111111-1111-1111-1111-111111111111"), address: "[::1]:8300" },
);
const index = fc.maxSafeNat().map((value) => logIndex(value));
const terms = fc.maxSafeNat().map((value) => term(value));
const entry = fc
  .record({
    index,
    term: terms,
    type: fc.integer({ min: 0, max: 255 }),
    data: fc.uint8Array({ maxLength: 70 }),
  })
  .chain((one) =>
    fc
      .uint8Array({ minLength: 1, maxLength: 9 })
      .map((ext) => (ext.length > 5 ? one : { ...one, extensions: ext })),
  );
const requests: fc.Arbitrary<RaftRequest> = fc.oneof(
  fc.record({
    kind: fc.constant("appendEntries" as const),
    header: headers,
    term: terms,
    leader: fc.constantFrom("h:1", "x:2"),
    prevLogIndex: index,
    prevLogTerm: terms,
    entries: fc.array(entry, { maxLength: 4 }),
    leaderCommit: index,
  }),
  fc.record({
    kind: fc.constant("requestVote" as const),
    header: headers,
    term: terms,
    candidate: fc.constantFrom("h:1", "x:2"),
    lastLogIndex: index,
    lastLogTerm: terms,
    leadershipTransfer: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant("requestPreVote" as const),
    header: headers,
    term: terms,
    lastLogIndex: index,
    lastLogTerm: terms,
  }),
  fc.record({ kind: fc.constant("timeoutNow" as const), header: headers }),
);

describe("any message", () => {
  test("comes back as it went, in whatever pieces it arrives", () => {
    fc.assert(
      fc.property(
        fc.array(requests, { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1, max: 40 }),
        (sent, step) => {
          const stream = Buffer.concat(sent.map((message) => encodeRequest(message)));
          const queue = new ByteQueue();
          const scanner = new ValueScanner();
          const read: RaftRequest[] = [];
          scanner.start(1, 1);
          for (let at = 0; at < stream.length; at += step) {
            queue.push(Uint8Array.from(stream.subarray(at, at + step)));
            for (let end = scanner.scan(queue.bytes); end !== undefined; end = scanner.scan(queue.bytes)) {
              const body = queue.take(end);
              read.push(decodeRequest(requestKindOf(body[0]!)!, body.subarray(1)));
              scanner.start(1, 1);
            }
          }
          expect(read).toEqual(sent);
          expect(queue.length).toBe(0);
        },
      ),
      { numRuns: 200 },
    );
  });

  test("cut short is a DecodeError", () => {
    fc.assert(
      fc.property(requests, (message) => {
        const body = encodeRequest(message).subarray(1);
        for (let end = 0; end < body.length; end += 1)
          expect(() => decodeRequest(message.kind, body.subarray(0, end))).toThrow(DecodeError);
      }),
      { numRuns: 30 },
    );
  });
});

test("any bytes are a message or a DecodeError, and the scanner agrees with the reader", () => {
  const kinds = ["appendEntries", "requestVote", "installSnapshot", "timeoutNow", "requestPreVote"] as const;
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.constantFrom(...kinds), (bytes, kind) => {
      for (const read of [
        () => decodeRequest(kind, bytes),
        () => decodeReply(kind, bytes),
        () => endOf(bytes, 0, 1),
      ]) {
        try {
          read();
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError);
        }
      }
    }),
    { numRuns: 2_000 },
  );
});

test.each([
  { hex: "df00000001", what: "a map that claims one pair" },
  { hex: "dbffffffff00", what: "text of 4 GiB" },
  { hex: "c9ffffffff0100", what: "an extension of 4 GiB" },
  { hex: "dd", what: "an array without its count" },
])("$what needs more bytes", ({ hex }) => {
  expect(endOf(bytesOf(hex), 0, 1)).toBeUndefined();
});

test("an address stands in for a leader that is not named", () => {
  const header = { protocolVersion: 3, id: serverId("a"), address: "h:1" };
  const nobody = {
    kind: "appendEntries",
    header,
    term: term(1),
    leader: "",
    prevLogIndex: logIndex(0),
    prevLogTerm: term(0),
    entries: [],
    leaderCommit: logIndex(0),
  } as const;
  expect(readRequest(encodeRequest(nobody))).toMatchObject({ leader: "h:1" });
});

test("the same entries are encoded once for all followers", () => {
  const cache = new AppendCache();
  const shared = { index: logIndex(5), term: term(2), type: 0, data: Uint8Array.of(1) };
  const message = {
    kind: "appendEntries",
    header: { protocolVersion: 3 },
    term: term(2),
    leader: "h:1",
    prevLogIndex: logIndex(4),
    prevLogTerm: term(2),
    leaderCommit: logIndex(4),
  } as const;
  const first = cache.encode({ ...message, entries: [shared] });
  expect(cache.encode({ ...message, entries: [shared] })).toBe(first);
  expect(cache.encode({ ...message, entries: [shared], leaderCommit: logIndex(5) })).not.toBe(first);
  expect(cache.encode({ ...message, entries: [{ ...shared, data: Uint8Array.of(2) }] })).not.toBe(first);
});
