import type { KeyReload, KeyRow, KeyType, KeyDefault } from "./key-row.ts";
import { agentKeys } from "./keys-agent.ts";
import { clusterKeys } from "./keys-cluster.ts";
import { featureKeys } from "./keys-features.ts";
import { networkKeys } from "./keys-network.ts";
import { securityKeys } from "./keys-security.ts";

/** A group of keys under one heading of the reference page. */
export interface KeyGroup {
  readonly title: string;
  readonly rows: readonly KeyRow[];
}

/** Every key of a configuration file, in the order of the reference page. */
export const keyGroups: readonly KeyGroup[] = [
  { title: "The agent", rows: agentKeys },
  { title: "Addresses, ports and listeners", rows: networkKeys },
  { title: "ACLs and encryption", rows: securityKeys },
  { title: "Gossip, Raft and servers", rows: clusterKeys },
  { title: "UI, telemetry, service mesh and editions", rows: featureKeys },
];

type Row =
  | (typeof agentKeys)[number]
  | (typeof networkKeys)[number]
  | (typeof securityKeys)[number]
  | (typeof clusterKeys)[number]
  | (typeof featureKeys)[number];

/** The paths of all keys with this JSON form: reading a key with the wrong form does not compile. */
export type KeyPath<Type extends KeyType> = Extract<Row, readonly [string, Type, ...unknown[]]>[0];

/** One key of the tables by name of its columns. */
export interface KeyInfo {
  readonly path: string;
  readonly type: KeyType;
  readonly defaultValue: KeyDefault;
  readonly reload: KeyReload;
  /** Dotted; "" if the key has no value of its own there. */
  readonly debugName: string;
  readonly help: string;
  /** Without a dash. */
  readonly flag: string | undefined;
}

function keyInfo(row: KeyRow): KeyInfo {
  const [path, type, defaultValue, reload, debugName, help, flag] = row;
  return { path, type, defaultValue, reload, debugName, help, flag };
}

/** Every key, in the order of the tables. */
export const allKeys: readonly KeyInfo[] = keyGroups.flatMap((group) => group.rows.map(keyInfo));
