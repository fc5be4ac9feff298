/**
 * The key/value store.
 *
 * Keys are text here: the agent's JSON cannot carry other bytes. Values are bytes. Flags are 64-bit
 * and belong to the user, so they are `bigint` from end to end.
 */
import { unreachable } from "../lib/assert.ts";
import { DecodeError } from "../lib/errors.ts";
import { ClientUseError } from "./errors.ts";
import { parseExactJson } from "./exact-json.ts";
import { readQuery, readRequest, readText, type HttpClient, type ReadOptions } from "./http-client.ts";
import { numberField, textField, toList, toRecord } from "./shape.ts";

/** One entry. */
export interface KvPair {
  readonly Key: string;
  readonly Value: Uint8Array;
  readonly Flags: bigint;
  readonly CreateIndex: number;
  readonly ModifyIndex: number;
  readonly LockIndex: number;
  /** "" if nobody holds the key. */
  readonly Session: string;
  readonly Namespace: string;
  readonly Partition: string;
}

/** What a write demands of the entry it replaces. */
export type KvCondition =
  | { readonly kind: "always" }
  /** The entry's `ModifyIndex`; 0 means that it must not exist. */
  | { readonly kind: "cas"; readonly modifyIndex: bigint }
  | { readonly kind: "acquire"; readonly session: string }
  | { readonly kind: "release"; readonly session: string };

/** A write. */
export interface KvWrite {
  readonly key: string;
  readonly value: Uint8Array;
  readonly flags: bigint;
  readonly condition: KvCondition;
  /** Overrides the client's namespace. */
  readonly namespace?: string;
}

/** What a delete removes. */
export type KvDeletion =
  | { readonly kind: "key"; readonly key: string }
  | { readonly kind: "tree"; readonly prefix: string }
  | { readonly kind: "cas"; readonly key: string; readonly modifyIndex: bigint };

function decodeBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
}

function toPair(value: unknown): KvPair {
  const record = toRecord(value, "an entry");
  const flags = record["Flags"];
  return {
    Key: textField(record, "Key"),
    Value: decodeBase64(textField(record, "Value")),
    Flags: typeof flags === "bigint" ? flags : BigInt(numberField(record, "Flags")),
    CreateIndex: numberField(record, "CreateIndex"),
    ModifyIndex: numberField(record, "ModifyIndex"),
    LockIndex: numberField(record, "LockIndex"),
    Session: textField(record, "Session"),
    Namespace: textField(record, "Namespace"),
    Partition: textField(record, "Partition"),
  };
}

/** What a read found, and how far the store had come; "0" if the agent did not say. */
export interface KvReading<Found> {
  readonly found: Found;
  readonly index: string;
}

async function fetchList(
  client: HttpClient,
  key: string,
  options: ReadOptions & { readonly query: Readonly<Record<string, string | undefined>> },
): Promise<KvReading<readonly unknown[]>> {
  const reply = await client.request({
    method: "GET",
    path: `/v1/kv/${key.replace(/^\//u, "")}`,
    query: { ...options.query, ...readQuery(options) },
    accept: [200, 404],
    ...readRequest(options),
  });
  const text = await readText(reply.body);
  return {
    found: reply.status === 404 ? [] : toList(parseExactJson(text)),
    index: reply.indexText ?? "0",
  };
}

/** The entry at `key`, or `undefined` if there is none. */
export async function kvGet(
  client: HttpClient,
  key: string,
  options: ReadOptions = {},
): Promise<KvPair | undefined> {
  return (await kvRead(client, key, options)).found;
}

/** As `kvGet`, with the index to wait on. */
export async function kvRead(
  client: HttpClient,
  key: string,
  options: ReadOptions = {},
): Promise<KvReading<KvPair | undefined>> {
  const { found, index } = await fetchList(client, key, { ...options, query: {} });
  const [first] = found;
  return { found: first === undefined ? undefined : toPair(first), index };
}

/** All entries whose key starts with `prefix`, in key order. */
export async function kvList(
  client: HttpClient,
  prefix: string,
  options: ReadOptions = {},
): Promise<readonly KvPair[]> {
  return (await kvReadTree(client, prefix, options)).found;
}

/** As `kvList`, with the index to wait on. */
export async function kvReadTree(
  client: HttpClient,
  prefix: string,
  options: ReadOptions = {},
): Promise<KvReading<readonly KvPair[]>> {
  const { found, index } = await fetchList(client, prefix, { ...options, query: { recurse: "" } });
  return { found: found.map(toPair), index };
}

/** Keys that start with `prefix`; up to the first `separator` after it, if that is not "". */
export async function kvKeys(
  client: HttpClient,
  prefix: string,
  options: ReadOptions & { readonly separator?: string } = {},
): Promise<readonly string[]> {
  const separator = options.separator === "" ? undefined : options.separator;
  const { found } = await fetchList(client, prefix, { ...options, query: { keys: "", separator } });
  return found.map((key) => {
    if (typeof key !== "string")
      throw new DecodeError("failed to decode the agent's reply: a key is no string");
    return key;
  });
}

function conditionQuery(condition: KvCondition): Readonly<Record<string, string>> {
  switch (condition.kind) {
    case "always":
      return {};
    case "cas":
      return { cas: String(condition.modifyIndex) };
    case "acquire":
      return { acquire: condition.session };
    case "release":
      return { release: condition.session };
    default:
      return unreachable(condition);
  }
}

/** Writes one entry; false if its condition did not hold. */
export async function kvPut(client: HttpClient, write: KvWrite): Promise<boolean> {
  if (write.key.startsWith("/")) {
    throw new ClientUseError(`Invalid key. Key must not begin with a '/': ${write.key}`);
  }
  const text = await client.send({
    method: "PUT",
    path: `/v1/kv/${write.key}`,
    query: {
      ...(write.namespace === undefined ? {} : { ns: write.namespace }),
      flags: write.flags === 0n ? undefined : String(write.flags),
      ...conditionQuery(write.condition),
    },
    body: write.value,
  });
  return text.includes("true");
}

/** Deletes; false if a check-and-set did not find the entry as wanted. */
export async function kvDelete(client: HttpClient, deletion: KvDeletion): Promise<boolean> {
  const key = deletion.kind === "tree" ? deletion.prefix : deletion.key;
  const text = await client.send({
    method: "DELETE",
    path: `/v1/kv/${key.replace(/^\//u, "")}`,
    query: {
      recurse: deletion.kind === "tree" ? "" : undefined,
      cas: deletion.kind === "cas" ? String(deletion.modifyIndex) : undefined,
    },
  });
  return text.includes("true");
}
