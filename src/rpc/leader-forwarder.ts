/** Carries a server's calls to the leader over the pool. */
import { parseHostPort } from "../lib/net.ts";
import { RpcConnectionError, gettingClientPrefix } from "../wire/rpc/error-text.ts";
import type { RpcMethod } from "../wire/rpc/method.ts";
import { callTimeoutMs, type CallTimeouts } from "./call-timeout.ts";
import { withConsistency } from "./consistency.ts";
import { callServer, type ServerCaller } from "./call-server.ts";
import type { RpcServer, SavedSnapshot, SnapshotTarget } from "./service.ts";
import type { SnapshotClient } from "./snapshot-client.ts";

/** A server, as the consensus names it. */
export interface ServerAddress {
  readonly id: string;
  /** host:port of its RPC door. */
  readonly address: string;
}

export interface LeaderForwarderParts extends ServerCaller {
  readonly timeouts: CallTimeouts;
}

/** Forwards calls; see `server/forward.ts`. */
export class LeaderForwarder {
  readonly #parts: LeaderForwarderParts;

  constructor(parts: LeaderForwarderParts) {
    this.#parts = parts;
  }

  async forward<Q, R>(
    leader: ServerAddress,
    { method, request }: { readonly method: RpcMethod<Q, R>; readonly request: Q },
    signal: AbortSignal | undefined,
  ): Promise<R> {
    const timeoutMs = callTimeoutMs(request, this.#parts.timeouts);
    const reply = await callServer(this.#parts, serverAt(leader), { method, request, signal, timeoutMs });
    return withConsistency(reply, request);
  }
}

/** Carries users' snapshots to and from the leader; see `server/snapshot.ts`. */
export class LeaderSnapshots {
  readonly #client: SnapshotClient;

  constructor(client: SnapshotClient) {
    this.#client = client;
  }

  async save(leader: ServerAddress, target: SnapshotTarget): Promise<SavedSnapshot> {
    return this.#client.save(serverAt(leader), target);
  }

  async restore(leader: ServerAddress, archive: Uint8Array, target: SnapshotTarget): Promise<void> {
    return this.#client.restore(serverAt(leader), archive, target);
  }
}

/** The node's name is not known to the consensus; its id tells it apart as well. */
function serverAt({ id, address }: ServerAddress): RpcServer {
  const rpc = parseHostPort(address);
  if (rpc === undefined) {
    throw new RpcConnectionError(`${gettingClientPrefix}the leader's address ${address} is not host:port`, {
      mayHaveArrived: false,
    });
  }
  return { name: id, rpc };
}
