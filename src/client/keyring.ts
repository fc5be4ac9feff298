/** The keys that encrypt gossip. Keys are base64. */
import type { HttpClient } from "./http-client.ts";
import {
  boolField,
  numberField,
  textField,
  textMapField,
  toList,
  toRecord,
  type JsonRecord,
} from "./shape.ts";

/** The keys of one pool. */
export interface KeyringPool {
  readonly WAN: boolean;
  readonly Datacenter: string;
  readonly Segment: string;
  readonly NumNodes: number;
  /** What nodes said, by node name. */
  readonly Messages: Readonly<Record<string, string>>;
  /** Key → how many nodes have it. */
  readonly Keys: Readonly<Record<string, number>>;
  /** Key → how many nodes encrypt with it. */
  readonly PrimaryKeys: Readonly<Record<string, number>>;
}

export interface KeyringOptions {
  /** How many other nodes relay a second copy of each answer: 0…5. */
  readonly relayFactor: number;
}

/** The keys of every pool; `localOnly`: of this datacenter's alone. */
export async function keyringList(
  client: HttpClient,
  options: KeyringOptions & { readonly localOnly: boolean },
): Promise<readonly KeyringPool[]> {
  const query = { ...relay(options), "local-only": options.localOnly ? "true" : undefined };
  const reply = await client.json({ method: "GET", path, query });
  return toList(reply, "pools").map((value) => {
    const record = toRecord(value, "a pool");
    return {
      WAN: boolField(record, "WAN"),
      Datacenter: textField(record, "Datacenter"),
      Segment: textField(record, "Segment"),
      NumNodes: numberField(record, "NumNodes"),
      Messages: textMapField(record, "Messages"),
      Keys: counts(record, "Keys"),
      PrimaryKeys: counts(record, "PrimaryKeys"),
    };
  });
}

const methods = { install: "POST", use: "PUT", remove: "DELETE" } as const;

/** Installs, uses or removes a key on every node of every pool. */
export async function keyringChange(
  client: HttpClient,
  change: keyof typeof methods,
  options: KeyringOptions & { readonly key: string },
): Promise<void> {
  await client.send({ method: methods[change], path, query: relay(options), json: { Key: options.key } });
}

const path = "/v1/operator/keyring";

function relay({ relayFactor }: KeyringOptions): { readonly "relay-factor": string | undefined } {
  return { "relay-factor": relayFactor === 0 ? undefined : String(relayFactor) };
}

function counts(record: JsonRecord, name: string): Readonly<Record<string, number>> {
  const map = toRecord(record[name], name);
  return Object.fromEntries(Object.keys(map).map((key) => [key, numberField(map, key)]));
}
