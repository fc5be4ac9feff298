/**
 * A snapshot archive: gzip over tar over three files, whose order does not matter.
 *
 *     meta.json     what and how much: id, Raft index and term, size of the state
 *     state.bin     the state itself (see `snapshot-stats.ts`)
 *     SHA256SUMS    checksums of the other two, in the form of sha256sum
 *
 * The archive is read as a stream, however large it is; every checksum has to match.
 */
import { createHash, type Hash } from "node:crypto";
import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { DecodeError, ProconsulError } from "../lib/errors.ts";
import { readAll } from "./http-client.ts";
import { numberField, textField, toRecord } from "./shape.ts";
import { readTar } from "./tar-reader.ts";

const metaBytesMax = 1024 * 1024;

/** What `meta.json` says, as far as people ask for it. */
export interface SnapshotMeta {
  readonly ID: string;
  /** Bytes of `state.bin`. */
  readonly Size: number;
  readonly Index: number;
  readonly Term: number;
  readonly Version: number;
}

/** Parses `meta.json`. Throws `DecodeError`. */
export function parseSnapshotMeta(text: string): SnapshotMeta {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new DecodeError(why, { cause });
  }
  const record = toRecord(value, "meta.json");
  return {
    ID: textField(record, "ID"),
    Size: numberField(record, "Size"),
    Index: numberField(record, "Index"),
    Term: numberField(record, "Term"),
    Version: numberField(record, "Version"),
  };
}

/** Go's words for what zlib reports. */
function gzipProblem(error: unknown): DecodeError | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error instanceof ProconsulError) return undefined;
  const code = "code" in error ? String(error.code) : "";
  if (code === "Z_BUF_ERROR") return new DecodeError("unexpected EOF");
  if (!code.startsWith("Z_")) return undefined;
  const header = /header/u.test(error.message);
  return new DecodeError(header ? "gzip: invalid header" : `gzip: ${error.message}`);
}

async function* gunzip(archive: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const source = Readable.from(archive, { objectMode: false });
  const plain = createGunzip();
  // An error of the source has to reach the reader, else it would wait for ever.
  source.on("error", (error) => plain.destroy(error));
  source.pipe(plain);
  try {
    for await (const chunk of plain) yield chunk as Uint8Array;
  } finally {
    source.destroy();
    plain.destroy();
  }
}

function checkSums(text: string, sums: ReadonlyMap<string, string>): void {
  const seen = new Set<string>();
  for (const line of text.split("\n").filter((one) => one !== "")) {
    const [, sum = "", name = ""] = /^([0-9a-f]{64}) +(.*)$/u.exec(line) ?? [];
    const actual = sums.get(name);
    if (actual === undefined) throw new DecodeError(`list missing hash for ${JSON.stringify(name)}`);
    if (actual !== sum) throw new DecodeError(`hash check failed for ${JSON.stringify(name)}`);
    seen.add(name);
  }
  for (const name of sums.keys()) {
    if (!seen.has(name)) throw new DecodeError(`file missing for ${JSON.stringify(name)}`);
  }
}

async function* hashed(bytes: AsyncIterable<Uint8Array>, hash: Hash): AsyncGenerator<Uint8Array> {
  for await (const chunk of bytes) {
    hash.update(chunk);
    yield chunk;
  }
}

async function readFiles(
  plain: AsyncIterable<Uint8Array>,
  onState: (chunk: Uint8Array) => void,
): Promise<SnapshotMeta> {
  let metaText: string | undefined;
  let sumsText = "";
  const hashes = { "meta.json": createHash("sha256"), "state.bin": createHash("sha256") };
  for await (const file of readTar(plain)) {
    switch (file.name) {
      case "meta.json":
        metaText = new TextDecoder().decode(
          await readAll(hashed(file.bytes, hashes["meta.json"]), metaBytesMax),
        );
        break;
      case "state.bin":
        for await (const chunk of hashed(file.bytes, hashes["state.bin"])) onState(chunk);
        break;
      case "SHA256SUMS":
        sumsText = new TextDecoder().decode(await readAll(file.bytes, metaBytesMax));
        break;
      default:
        throw new DecodeError(`unexpected file ${JSON.stringify(file.name)} in snapshot`);
    }
  }
  const sums = Object.entries(hashes).map(([name, hash]): readonly [string, string] => [
    name,
    hash.digest("hex"),
  ]);
  try {
    checkSums(sumsText, new Map(sums));
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw new DecodeError(`failed checking integrity of snapshot: ${error.message}`);
  }
  try {
    return parseSnapshotMeta(metaText ?? "");
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw new DecodeError(`failed to decode snapshot metadata: ${error.message}`);
  }
}

/**
 * Reads and checks a whole archive; `onState` gets the state's bytes, in order, before it is known
 * whether the checksums match. Rejects with `DecodeError`; errors of the source pass through.
 */
export async function readSnapshotArchive(
  archive: AsyncIterable<Uint8Array>,
  onState: (chunk: Uint8Array) => void,
): Promise<SnapshotMeta> {
  let started = false;
  async function* watched(): AsyncGenerator<Uint8Array> {
    for await (const chunk of gunzip(archive)) {
      started = true;
      yield chunk;
    }
  }
  try {
    return await readFiles(watched(), onState);
  } catch (error) {
    const problem = error instanceof DecodeError ? error : gzipProblem(error);
    if (problem === undefined) throw error;
    const doing = started ? "read snapshot file" : "decompress snapshot";
    throw new DecodeError(`failed to ${doing}: ${problem.message}`, { cause: error });
  }
}
