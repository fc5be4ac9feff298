/** The way to servers of other datacenters for key operations: any living one that the wide-area pool knows. */
import type { MemberPool } from "../lib/members.ts";
import { noPathToDatacenter } from "../wire/rpc/error-text.ts";
import { RpcError } from "../wire/rpc/method.ts";
import type { ServerInfo } from "../wire/gossip/agent-tags.ts";
import type { KeyringOperationRequest, KeyringResponses } from "../wire/structs/gossip.ts";
import type { OtherDatacenters } from "./gossip.ts";
import { serverMembers } from "./known-servers.ts";

export interface OtherDatacentersParts {
  readonly wan: Pick<MemberPool, "members">;
  readonly ownDatacenter: string;
  /** Calls Internal.KeyringOperation of a server. Rejects with a `ProconsulError`. */
  readonly call: (server: ServerInfo, request: KeyringOperationRequest) => Promise<KeyringResponses>;
  /** Uniform integer below `limit`. */
  readonly random: (limit: number) => number;
}

/** Datacenters by name, sorted, without this one. */
export function otherDatacenters(parts: OtherDatacentersParts): OtherDatacenters {
  const { wan, ownDatacenter, call, random } = parts;
  const known = (): readonly ServerInfo[] =>
    serverMembers(wan)
      .filter(({ member, info }) => member.status !== "left" && info.datacenter !== ownDatacenter)
      .map(({ info }) => info);
  return {
    names: () => [...new Set(known().map(({ datacenter }) => datacenter))].sort((a, b) => (a < b ? -1 : 1)),
    keyringOperation: async (datacenter, request) => {
      const alive = serverMembers(wan).filter(
        ({ member, info }) => member.status === "alive" && info.datacenter === datacenter,
      );
      const chosen = alive[random(alive.length)];
      if (chosen === undefined) throw new RpcError(noPathToDatacenter);
      return call(chosen.info, request);
    },
  };
}
