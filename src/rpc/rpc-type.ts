/** First bytes of connections to a server. Source: protocol reference, RPC section 1. */
export const rpcType = { single: 0, raft: 1, tls: 3, multiplex: 4, snapshot: 5 } as const;
