/** First bytes of connections to a server. Source: protocol reference, RPC section 1. */
export const rpcType = { single: 0, raft: 1, tls: 3, multiplex: 4, snapshot: 5, grpc: 8 } as const;

/** Kinds of connections that peers ask for and this server does not offer, by first byte. */
export const otherRpcTypes: ReadonlyMap<number, string> = new Map([
  [2, "muxado"],
  [rpcType.tls, "TLS"],
  [6, "gossip"],
  [7, "TLS without a client certificate"],
  [rpcType.grpc, "gRPC"],
  [9, "raft forwarding"],
]);
