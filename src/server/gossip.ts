/** Endpoints that reach gossip: user events and encryption keys. Source: the reference's Internal service. */
import { unreachable } from "../lib/assert.ts";
import { ProconsulError } from "../lib/errors.ts";
import type { KeyOperationKind, KeyringCall, KeyringPool } from "../lib/keyring-pool.ts";
import type { UserEventPool } from "../lib/user-events.ts";
import { deregisterEvent, userEventPrefix } from "../wire/gossip/serf-user-events.ts";
import { internalEventFire, internalKeyringOperation } from "../wire/rpc/gossip-methods.ts";
import { PermissionDeniedError, RpcError } from "../wire/rpc/method.ts";
import { fromBase64 } from "../wire/schema/base64.ts";
import {
  EventFireResponse,
  KeyringResponse,
  KeyringResponses,
  type KeyringOperationRequest,
} from "../wire/structs/gossip.ts";
import { endpoint, type AnyEndpoint, type Caller, type ServerContext } from "./context.ts";

/** The pools whose keys one server reaches. */
export interface KeyringPools {
  readonly lan: KeyringPool;
  /** Absent where there is no wide-area pool: then other datacenters are not asked either. */
  readonly wan?: KeyringPool;
  /** The other datacenters; absent where there is no way to them. */
  readonly others?: OtherDatacenters;
}

export interface OtherDatacenters {
  names(): readonly string[];
  /** Calls a server of the datacenter. Rejects with a `ProconsulError`. */
  keyringOperation(datacenter: string, request: KeyringOperationRequest): Promise<KeyringResponses>;
}

/** What a server reaches of gossip. */
export interface GossipDoors {
  /** The LAN pool. */
  readonly events: Pick<UserEventPool, "userEvent">;
  readonly keyrings: KeyringPools;
}

/** Operations by their names on the wire. */
const operations: ReadonlyMap<string, KeyOperationKind> = new Map(
  (["list", "install", "use", "remove"] as const).map((operation) => [operation, operation]),
);
const nothing = new Uint8Array();

/** The endpoints of a server with these pools. */
export function gossipEndpoints({ events, keyrings }: GossipDoors): readonly AnyEndpoint[] {
  const eventFire = endpoint({
    method: internalEventFire,
    kind: "read", // Any server may spread it; gossip does the rest.
    handle: (server, { Name: name, Payload }, { authorizer }) => {
      const mayFire = authorizer.eventWrite(name) && (name !== deregisterEvent || authorizer.operatorWrite());
      if (!mayFire) {
        server.log.warn("user event blocked by ACLs", { event: name });
        throw new PermissionDeniedError();
      }
      events.userEvent(`${userEventPrefix}${name}`, Payload ?? nothing);
      return Promise.resolve(EventFireResponse.zero);
    },
  });
  const keyringOperation = endpoint({
    method: internalKeyringOperation,
    kind: "local", // Every server is in every pool, and keys need no leader.
    handle: (server, request, caller) => operate(keyrings, { server, request, caller }),
  });
  return [eventFire, keyringOperation];
}

interface Asked {
  readonly server: ServerContext;
  readonly request: KeyringOperationRequest;
  readonly caller: Caller;
}

async function operate(pools: KeyringPools, { server, request, caller }: Asked): Promise<KeyringResponses> {
  const operation = operations.get(request.Operation);
  if (operation === undefined) throw new RpcError("Invalid keyring operation");
  if (request.LocalOnly && operation !== "list")
    throw new RpcError("argument error: LocalOnly can only be used for List operations");
  if (!mayOperate(caller, operation)) throw new PermissionDeniedError();
  const { datacenter } = server.settings;
  const asked = { operation, request, datacenter };
  if (request.LocalOnly || request.Forwarded || pools.wan === undefined)
    return KeyringResponses.make({ Responses: [await askPool(pools.lan, { ...asked, wan: false })] });
  // The reference asks one pool after the other, and so the order of answers is the same.
  const wan = await askPool(pools.wan, { ...asked, wan: true });
  const lan = await askPool(pools.lan, { ...asked, wan: false });
  const others = await askOthers(pools.others, request, datacenter);
  return KeyringResponses.make({ Responses: [wan, lan, ...others] });
}

function mayOperate({ authorizer }: Caller, operation: KeyOperationKind): boolean {
  switch (operation) {
    case "list":
      return authorizer.keyringRead();
    case "install":
    case "use":
    case "remove":
      return authorizer.keyringWrite();
    default:
      return unreachable(operation);
  }
}

interface PoolQuestion {
  readonly operation: KeyOperationKind;
  readonly request: KeyringOperationRequest;
  readonly datacenter: string;
  readonly wan: boolean;
}

/** One pool's answer. What fails in one pool is told in its answer, so that the others are still asked. */
async function askPool(
  pool: KeyringPool,
  { operation, request, datacenter, wan }: PoolQuestion,
): Promise<KeyringResponse> {
  const about = { WAN: wan, Datacenter: datacenter };
  const empty = { ...about, Messages: {}, Keys: {}, PrimaryKeys: {} };
  try {
    const call: KeyringCall = { operation, key: fromBase64(request.Key), relayFactor: request.RelayFactor };
    const answer = await pool.keyring(call);
    return KeyringResponse.make({
      ...about,
      Messages: answer.messages,
      Keys: answer.keys,
      PrimaryKeys: answer.primaryKeys,
      NumNodes: answer.nodeCount,
      Error: answer.problem ?? "",
    });
  } catch (error) {
    if (error instanceof ProconsulError) return KeyringResponse.make({ ...empty, Error: error.message });
    throw error;
  }
}

/** Rejects with the first failure, as the reference does. */
async function askOthers(
  others: OtherDatacenters | undefined,
  request: KeyringOperationRequest,
  own: string,
): Promise<readonly (KeyringResponse | null)[]> {
  if (others === undefined) return [];
  const names = others.names().filter((name) => name !== own);
  const answers = await Promise.all(
    names.map((name) => others.keyringOperation(name, { ...request, Datacenter: name, Forwarded: true })),
  );
  return answers.flatMap(({ Responses }) => Responses ?? []);
}
