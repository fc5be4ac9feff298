/**
 * A user's snapshot: `gzip(tar(meta.json, state.bin, SHA256SUMS))`. Source: protocol reference, FSM section 4.
 *
 * Compression and hashing come from outside, since this layer does no I/O and has no platform.
 */
import { DecodeError } from "../../lib/errors.ts";
import { bytes as bytesCodec, str, uint } from "../schema/scalars.ts";
import { encodeMsgpack } from "../schema/codec.ts";
import { list } from "../schema/collections.ts";
import { fromJsonValue, struct } from "../schema/struct.ts";
import type { JsonValue, Infer } from "../schema/codec.ts";
import { RaftConfiguration } from "../structs/operator.ts";
import { readTar, writeTar } from "./tar.ts";

const metaName = "meta.json";
const stateName = "state.bin";
const sumsName = "SHA256SUMS";
const metaVersion = 1;
/** Shortest gzip header. */
const gzipHeaderBytes = 10;
const utf8 = new TextEncoder();

/** What an archive needs from the platform. */
export interface ArchiveTools {
  gzip(plain: Uint8Array): Promise<Uint8Array>;
  /** Rejects if the bytes are no single, whole gzip stream. */
  gunzip(packed: Uint8Array): Promise<Uint8Array>;
  /** Lower-case hex. */
  sha256(bytes: Uint8Array): string;
}

/** Raft's description of a snapshot, as its JSON has it. `Size` in bytes. */
export const SnapshotMeta = struct("SnapshotMeta", {
  Version: uint,
  ID: str,
  Index: uint,
  Term: uint,
  Peers: bytesCodec,
  Configuration: RaftConfiguration,
  ConfigurationIndex: uint,
  Size: uint,
});
export type SnapshotMeta = Infer<typeof SnapshotMeta>;

/** A snapshot's place in the log, and who was a server then. */
export type SnapshotPlace = Pick<
  SnapshotMeta,
  "ID" | "Index" | "Term" | "Configuration" | "ConfigurationIndex"
>;

/** The archive of a state. `modifiedSeconds` since 1970 is the date of its files. */
export async function writeArchive(
  tools: ArchiveTools,
  state: Uint8Array,
  { place, modifiedSeconds }: { readonly place: SnapshotPlace; readonly modifiedSeconds: number },
): Promise<Uint8Array> {
  const addresses = (place.Configuration.Servers ?? []).map(({ Address: address }) => utf8.encode(address));
  const meta: SnapshotMeta = {
    ...place,
    Version: metaVersion,
    // Servers of the oldest Raft protocol read the addresses from here.
    Peers: encodeMsgpack(list(bytesCodec), addresses),
    Size: state.length,
  };
  const metaBytes = utf8.encode(`${SnapshotMeta.json(meta)}\n`);
  const sums = `${tools.sha256(metaBytes)}  ${metaName}\n${tools.sha256(state)}  ${stateName}\n`;
  const files = [
    { name: metaName, bytes: metaBytes },
    { name: stateName, bytes: state },
    { name: sumsName, bytes: utf8.encode(sums) },
  ];
  return tools.gzip(writeTar(files, modifiedSeconds));
}

/** The verified contents of an archive. Throws `DecodeError` with the reference's texts. */
export async function readArchive(
  tools: ArchiveTools,
  archive: Uint8Array,
): Promise<{ readonly meta: SnapshotMeta; readonly state: Uint8Array }> {
  const files = filesOf(await decompress(tools, archive));
  const metaBytes = files.get(metaName);
  const state = files.get(stateName);
  verify(tools, files);
  if (metaBytes === undefined || state === undefined) throw unreadable("unexpected EOF");
  return { meta: parseMeta(metaBytes), state };
}

async function decompress(tools: ArchiveTools, archive: Uint8Array): Promise<Uint8Array> {
  const refuse = (why: string): DecodeError => new DecodeError(`failed to decompress snapshot: ${why}`);
  if (archive.length === 0) throw refuse("EOF");
  if (archive.length < gzipHeaderBytes) throw refuse("unexpected EOF");
  if (archive[0] !== 0x1f || archive[1] !== 0x8b) throw refuse("gzip: invalid header");
  try {
    return await tools.gunzip(archive);
  } catch (error) {
    throw new DecodeError(`failed to read snapshot file: failed reading snapshot: ${textOf(error)}`, {
      cause: error,
    });
  }
}

function filesOf(tar: Uint8Array): ReadonlyMap<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  try {
    for (const { name, bytes } of readTar(tar)) {
      if (![metaName, stateName, sumsName].includes(name))
        throw new DecodeError(`unexpected file "${name}" in snapshot`);
      files.set(name, bytes);
    }
  } catch (error) {
    throw unreadable(textOf(error));
  }
  return files;
}

function verify(tools: ArchiveTools, files: ReadonlyMap<string, Uint8Array>): void {
  const refuse = (why: string): DecodeError => unreadable(`failed checking integrity of snapshot: ${why}`);
  const seen = new Set<string>();
  const lines = new TextDecoder().decode(files.get(sumsName) ?? new Uint8Array()).split("\n");
  for (const line of lines.filter((one) => one.trim() !== "")) {
    const [, sum, name] = /^([0-9a-f]{64}) {2}(\S+)$/.exec(line.trim()) ?? [];
    if (sum === undefined || name === undefined) throw refuse("malformed line in SHA256SUMS");
    if (name !== metaName && name !== stateName) throw refuse(`list missing hash for "${name}"`);
    if (tools.sha256(files.get(name) ?? new Uint8Array()) !== sum)
      throw refuse(`hash check failed for "${name}"`);
    seen.add(name);
  }
  for (const name of [metaName, stateName]) if (!seen.has(name)) throw refuse(`file missing for "${name}"`);
}

function parseMeta(bytes: Uint8Array): SnapshotMeta {
  try {
    return fromJsonValue(SnapshotMeta, JSON.parse(new TextDecoder().decode(bytes)) as JsonValue);
  } catch (error) {
    throw unreadable(`failed to decode snapshot metadata: ${textOf(error)}`);
  }
}

function unreadable(why: string): DecodeError {
  return new DecodeError(`failed to read snapshot file: ${why}`);
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
