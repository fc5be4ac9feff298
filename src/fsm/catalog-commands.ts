/** Log commands 0 and 1, and the catalog's part of snapshots. */
import { deleteCheck, deleteNode, deleteService, register, restoreRegistration } from "../state/catalog.ts";
import { nodePrefix } from "../state/catalog-rows.ts";
import { encodeMsgpack } from "../wire/schema/codec.ts";
import { DeregisterRequest, RegisterRequest, type Node } from "../wire/structs/catalog.ts";
import { command, commandType, restoreRecord, type AnyCommand, type SnapshotPart } from "./command.ts";

/** Register answers the refusal's text or `undefined`; deregister never refuses. */
export const catalogCommands: readonly AnyCommand[] = [
  command({ type: commandType.register, codec: RegisterRequest, apply: register }),
  command({
    type: commandType.deregister,
    codec: DeregisterRequest,
    apply: (store, index, { Node: node, ServiceID, CheckID }) => {
      if (ServiceID !== "") deleteService(store, index, node, ServiceID);
      else if (CheckID !== "") deleteCheck(store, index, node, CheckID);
      else deleteNode(store, index, node);
    },
  }),
];

/** Per node: the node alone, then one registration for each service, then one for each check. */
export const catalogSnapshotPart: SnapshotPart = {
  *records(view) {
    for (const node of view.nodes.values()) {
      const base = registrationOf(node);
      yield record(base);
      for (const [, Service] of view.services.withPrefix(nodePrefix(node.Node)))
        yield record({ ...base, Service });
      for (const [, Check] of view.checks.withPrefix(nodePrefix(node.Node))) yield record({ ...base, Check });
    }
  },
  restore: [
    restoreRecord({
      type: commandType.register,
      codec: RegisterRequest,
      put: (store, request, lastIndex) => restoreRegistration(store, lastIndex, request),
    }),
  ],
};

function registrationOf(node: Node): RegisterRequest {
  return RegisterRequest.make({
    Datacenter: node.Datacenter,
    ID: node.ID,
    Node: node.Node,
    Address: node.Address,
    TaggedAddresses: node.TaggedAddresses,
    NodeMeta: node.Meta,
    CreateIndex: node.CreateIndex,
    ModifyIndex: node.ModifyIndex,
  });
}

function record(request: RegisterRequest): { readonly type: number; readonly body: Uint8Array } {
  return { type: commandType.register, body: encodeMsgpack(RegisterRequest, request) };
}
