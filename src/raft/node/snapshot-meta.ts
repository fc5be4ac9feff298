/** `meta.json` of a stored snapshot, as HashiCorp's FileSnapshotStore writes it. Source: protocol/raft.md §5. */
import { DecodeError } from "../../lib/errors.ts";
import { logIndex, term } from "../../lib/log-index.ts";
import {
  configurationStruct,
  encodeLegacyPeers,
  fromConfigurationStruct,
  toConfigurationStruct,
} from "./configuration-codec.ts";
import type { FileSnapshotMeta, SnapshotMetaCodec } from "./snapshot-store.ts";
import { bytes, int, str, uint } from "../../wire/schema/scalars.ts";
import { fromJsonValue, struct } from "../../wire/schema/struct.ts";

const metaVersion = 1;

const fileMetaStruct = struct("fileSnapshotMeta", {
  Version: int,
  ID: str,
  Index: uint,
  Term: uint,
  Peers: bytes,
  Configuration: configurationStruct,
  ConfigurationIndex: uint,
  Size: uint,
  CRC: bytes,
});

/** The text of `meta.json`. */
function renderSnapshotMeta(meta: FileSnapshotMeta): string {
  const text = fileMetaStruct.json({
    Version: metaVersion,
    ID: meta.id,
    Index: meta.index,
    Term: meta.term,
    Peers: encodeLegacyPeers(meta.configuration),
    Configuration: toConfigurationStruct(meta.configuration),
    ConfigurationIndex: meta.configurationIndex,
    Size: meta.sizeBytes,
    CRC: meta.crc,
  });
  return `${text}\n`;
}

/** Reads a `meta.json`. Throws `DecodeError`. */
function parseSnapshotMeta(text: string): FileSnapshotMeta {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new DecodeError("meta.json is not JSON", { cause: error });
  }
  const value = fromJsonValue(fileMetaStruct, json as Parameters<typeof fileMetaStruct.fromJson>[0]);
  if (value.Version !== metaVersion) throw new DecodeError(`unsupported snapshot version ${value.Version}`);
  if (value.CRC?.length !== 8) throw new DecodeError("meta.json has no checksum of 8 bytes");
  return {
    id: value.ID,
    index: logIndex(value.Index),
    term: term(value.Term),
    configuration: fromConfigurationStruct(value.Configuration),
    configurationIndex: logIndex(value.ConfigurationIndex),
    sizeBytes: value.Size,
    crc: value.CRC,
  };
}

/** HashiCorp's form, for snapshot stores. */
export const snapshotMetaCodec: SnapshotMetaCodec = { render: renderSnapshotMeta, parse: parseSnapshotMeta };
