/** The headers of reads that carry no effective consistency: keys, sessions, transactions. */
export interface ReadMeta {
  readonly Index: number;
  readonly KnownLeader: boolean;
  readonly LastContact: number;
}

/** Index, leader and contact. The index is never 0, since clients would then poll without waiting. */
export function readHeaders(meta: ReadMeta): Record<string, string> {
  return { "X-Consul-Index": String(Math.max(1, meta.Index)), ...contactHeaders(meta) };
}

/** Leader and contact only, for reads that cannot block. */
export function contactHeaders(meta: Omit<ReadMeta, "Index">): Record<string, string> {
  return {
    "X-Consul-KnownLeader": meta.KnownLeader ? "true" : "false",
    "X-Consul-LastContact": String(Math.floor(meta.LastContact / 1e6)),
  };
}
