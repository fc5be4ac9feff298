/** What servers and programs say to each other, and what lies on disks. */
import { createHash } from "node:crypto";
import { gunzipSync, gzipSync } from "node:zlib";
import { configurationCodec } from "../../src/raft/node/configuration-codec.ts";
import { decodeEntry, entryCodec } from "../../src/raft/node/entry-codec.ts";
import {
  decodeReply,
  decodeRequest,
  encodeRequest,
  requestKindOf,
} from "../../src/raft/node/message-codec.ts";
import { snapshotMetaCodec } from "../../src/raft/node/snapshot-meta.ts";
import { serverId } from "../../src/raft/core/entry.ts";
import { parsePeersJson } from "../../src/raft/node/peers-json.ts";
import { decodeRecord, decodeRecordHead } from "../../src/runtime/log-journal-record.ts";
import { monotonicMs } from "../../src/lib/clock.ts";
import { decodeMessage } from "../../src/wire/dns/decode.ts";
import { encodeMessage } from "../../src/wire/dns/encode.ts";
import { readAsked } from "../../src/dns/asked.ts";
import { FrameReader } from "../../src/dns/frames.ts";
import { decodeGrpcMessage } from "../../src/wire/grpc/framing.ts";
import { ChunkedDecoder } from "../../src/wire/http/chunked.ts";
import { RequestHeadParser } from "../../src/wire/http/request-head.ts";
import { MsgpackReader } from "../../src/wire/msgpack/reader.ts";
import { decodeProto } from "../../src/wire/protobuf/decode.ts";
import { PairReader, readRequestHeader, readResponseHeader } from "../../src/wire/rpc/framing.ts";
import { readArchive } from "../../src/wire/snapshot/archive.ts";
import { readTar, writeTar } from "../../src/wire/snapshot/tar.ts";
import { decodeSubscribeRequest } from "../../src/wire/subscribe/messages.ts";
import { defaultYamuxOptions } from "../../src/wire/yamux/options.ts";
import { YamuxSession } from "../../src/wire/yamux/session.ts";
import { pure, pureText, utf8, type FuzzTargetPlan } from "./target.ts";
import { vectorBytes, vectorFile } from "./vectors.ts";

const pairBytesMax = 1024 * 1024;
const raftBytes = (): readonly Uint8Array[] => [
  ...vectorBytes("raft.json"),
  ...vectorBytes("raft_capture.json"),
];
const rpcBytes = (): readonly Uint8Array[] => [
  ...vectorBytes("rpc.json"),
  ...vectorBytes("snapshot_rpc.json"),
];
const yamuxBytes = (): readonly Uint8Array[] => vectorBytes("yamux.json");

/** Settles at once, since its tools do. */
const plainTools = {
  gzip: (bytes: Uint8Array) => Promise.resolve(new Uint8Array(gzipSync(bytes))),
  gunzip: (bytes: Uint8Array) => Promise.resolve(new Uint8Array(gunzipSync(bytes))),
  sha256: (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex"),
};

function archives(): readonly Uint8Array[] {
  const file = vectorFile("fsm_snapshot.json") as {
    readonly vectors?: readonly { readonly tgz_base64?: string }[];
  };
  return (file?.vectors ?? []).flatMap(({ tgz_base64: text }) =>
    text === undefined ? [] : [new Uint8Array(gunzipSync(Buffer.from(text, "base64")))],
  );
}

/** Questions, with and without EDNS, and an answer that points at itself. */
export const dnsSeeds = (): readonly Uint8Array[] =>
  [
    "00070100000100000000000003776562077365727669636506636f6e73756c0000010001",
    "0007010000010000000000010377656207736572766963650" +
      "6636f6e73756c000021000100002910000000000000" +
      "0c0008000800011800c0000200",
    "00070100000100000000000001310131013001320" + "7696e2d61646472046172706100000c0001",
    "000781800001000100000000c00c00010001c00c000100010000000000040a000001",
  ].map((hex) => Uint8Array.from(Buffer.from(hex, "hex")));

const headSeed = utf8("GET /v1/kv/a?index=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nX-Consul-Token: t");

/** Decoders of the wire and the disk, but for gossip. */
export const wireTargets: readonly FuzzTargetPlan[] = [
  pure({ name: "msgpack", form: "msgpack", seeds: rpcBytes }, (input) => {
    const reader = new MsgpackReader(input);
    while (!reader.atEnd) reader.skip();
  }),
  pure({ name: "rpc-pairs", form: "msgpack", seeds: rpcBytes }, (input) => {
    const reader = new PairReader(pairBytesMax);
    for (let at = 0; at < input.length; at += 7) {
      reader.push(input.slice(at, at + 7));
      while (reader.take() !== undefined);
    }
  }),
  pure({ name: "rpc-request-header", form: "msgpack", seeds: rpcBytes }, (input) => {
    readRequestHeader(new MsgpackReader(input));
  }),
  pure({ name: "rpc-response-header", form: "msgpack", seeds: rpcBytes }, (input) => {
    readResponseHeader(new MsgpackReader(input));
  }),
  {
    name: "yamux",
    form: "bytes",
    open: () => ({ seeds: yamuxBytes(), run: runYamux }),
  },
  pure({ name: "raft-request", form: "msgpack", seeds: raftBytes }, (input) => {
    const kind = requestKindOf(input[0] ?? 0);
    if (kind === undefined) return;
    const request = decodeRequest(kind, input.subarray(1));
    encodeRequest(request);
  }),
  pure({ name: "raft-reply", form: "msgpack", seeds: raftBytes }, (input) => {
    for (const kind of ["appendEntries", "requestVote", "timeoutNow", "installSnapshot"] as const)
      decodeReply(kind, input);
  }),
  pure(
    { name: "raft-entry", form: "msgpack", seeds: () => [...raftBytes(), ...vectorBytes("fsm_log.json")] },
    (input) => {
      const entry = decodeEntry(input);
      entryCodec.encodeAll([entry]);
    },
  ),
  pure({ name: "raft-configuration", form: "msgpack", seeds: raftBytes }, (input) => {
    configurationCodec.encode(configurationCodec.decode(input));
  }),
  pure(
    { name: "journal-record", form: "bytes", seeds: () => [...raftBytes(), new Uint8Array(64)] },
    (input) => {
      const nonce = input.slice(8, 16);
      const head = decodeRecordHead(input, nonce);
      // A record that is intact by chance, or by malice.
      if (head !== undefined) decodeRecord(input, { ...head, operations: head.operations % 64 }, entryCodec);
    },
  ),
  pureText(
    {
      name: "raft-snapshot-meta",
      words: [
        "{",
        "}",
        "[",
        "]",
        '"',
        ":",
        ",",
        "Index",
        "Term",
        "Configuration",
        "Peers",
        "CRC",
        "Size",
        "ID",
        "Version",
        "null",
        "-1",
        "1e400",
        "18446744073709551615",
      ],
      seeds: [
        '{"Version":1,"ID":"2-10-1","Index":10,"Term":2,"Peers":"ka4xMjcuMC4wLjE6ODMwMA==","Configuration":{"Servers":[{"Suffrage":0,"ID":"a","Address":"b:1"}]},"ConfigurationIndex":1,"Size":3,"CRC":"AAAAAAAAAAA="}',
      ],
    },
    (input) => void snapshotMetaCodec.parse(input),
  ),
  pureText(
    {
      name: "raft-peers-json",
      words: ["[", "]", "{", "}", '"id"', '"address"', '"non_voter"', ":", ",", "true", '"a"', '"b:1"'],
      seeds: ['[{"id":"a","address":"b:1","non_voter":false}]', '["b:1"]'],
    },
    (input) => {
      parsePeersJson(input);
      parsePeersJson(input, { servers: [{ id: serverId("a"), address: "b:1", suffrage: "voter" }] });
    },
  ),
  pure(
    {
      name: "tar",
      form: "bytes",
      seeds: () => [...archives(), writeTar([{ name: "a", bytes: utf8("x") }], 1)],
    },
    (input) => {
      readTar(input);
    },
  ),
  pure({ name: "snapshot-archive", form: "bytes", seeds: archives }, (input) => {
    // Packed here, so that what is inside gets through; then as it is.
    for (const archive of [new Uint8Array(gzipSync(input, { level: 1 })), input])
      readArchive(plainTools, archive).catch(onlyRefusals);
  }),
  pure({ name: "dns", form: "bytes", seeds: dnsSeeds }, (input) => {
    readAsked(input, "udp");
    readAsked(input, "tcp");
    const message = decodeMessage(input);
    for (const compress of [true, false]) encodeMessage(message, { compress });
  }),
  pure({ name: "dns-frames", form: "bytes", seeds: dnsSeeds }, (input) => {
    const reader = new FrameReader();
    for (let at = 0; at < input.length; at += 5) reader.push(input.slice(at, at + 5));
  }),
  pure(
    { name: "protobuf", form: "bytes", seeds: () => [utf8("\b\u0001\u0012\u0003web\u001a\u0001t")] },
    (input) => {
      decodeProto(input);
      decodeSubscribeRequest(input);
    },
  ),
  pure(
    { name: "grpc-frame", form: "bytes", seeds: () => [utf8("\0\0\0\0\u0003abc")] },
    (input) => void decodeGrpcMessage(input),
  ),
  pure(
    {
      name: "http-head",
      form: "text",
      words: [
        "GET",
        " ",
        "/",
        "HTTP/1.1",
        "HTTP/1.0",
        "\r\n",
        "\n",
        "Host: x",
        "Content-Length: 5",
        "Transfer-Encoding: chunked",
        ":",
        "\t",
        "%zz",
        "?",
        "*",
        "http://h/",
      ],
      seeds: () => [headSeed],
    },
    (input) => {
      new RequestHeadParser().parse(Buffer.from(input).toString("latin1"));
    },
  ),
  pure(
    {
      name: "http-chunks",
      form: "text",
      words: ["5\r\n", "0\r\n", "\r\n", "hello", ";x=1", "ffffffffffff", "Trailer: x", "\n"],
      seeds: () => [utf8("5\r\nhello\r\n0\r\n\r\n"), utf8("3;a=b\r\nabc\r\n0\r\nT: 1\r\n\r\n")],
    },
    (input) => {
      const decoder = new ChunkedDecoder();
      for (let at = 0; at < input.length && !decoder.isDone; at += 3)
        decoder.push(input.subarray(at, at + 3), []);
    },
  ),
];

/** What is wrong with an archive is said by refusing; anything else comes up as an unhandled rejection. */
function onlyRefusals(error: unknown): void {
  if (
    error instanceof Error &&
    "code" in error &&
    (error.code === "decode" || String(error.code).startsWith("Z_"))
  )
    return;
  throw error;
}

/** One session takes the input, and its other end answers as a careful user would. */
function runYamux(input: Uint8Array): void {
  for (const role of ["acceptor", "dialler"] as const) {
    const session = new YamuxSession(role, defaultYamuxOptions, monotonicMs(0));
    if (role === "dialler") session.open(monotonicMs(0));
    for (let at = 0; at < input.length; at += 11) {
      session.receive(input.slice(at, at + 11), monotonicMs(at));
      for (const event of session.takeEvents()) {
        if (event.kind === "data") session.consume(event.streamId, event.bytes.length);
      }
      session.takeOutput();
    }
    session.tick(monotonicMs(60_000));
    session.takeOutput();
  }
}
