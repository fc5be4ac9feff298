/** The headers of reads; those of keys, sessions, coordinates and transactions carry no effective consistency. */
export interface ReadMeta {
  readonly Index: number;
  readonly KnownLeader: boolean;
  readonly LastContact: number;
}

/** Index, leader and contact. The index is never 0, since clients would then poll without waiting. */
export function readHeaders(meta: ReadMeta): Record<string, string> {
  return {
    "X-Consul-Index": String(Math.max(1, meta.Index)),
    ...contactHeaders(meta),
    "X-Consul-Query-Backend": "blocking-query",
  };
}

/** Leader and contact only, for reads that cannot block. */
export function contactHeaders(meta: Omit<ReadMeta, "Index">): Record<string, string> {
  return {
    "X-Consul-Knownleader": meta.KnownLeader ? "true" : "false",
    "X-Consul-Lastcontact": String(Math.floor(meta.LastContact / 1e6)),
  };
}
