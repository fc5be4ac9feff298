/** What the leader checks and completes in each operation of a transaction. Source: the reference's txn preCheck. */
import { ProconsulError } from "../lib/errors.ts";
import { quoteGoBytes } from "../lib/go-quote.ts";
import { PermissionDeniedError, RpcError } from "../wire/rpc/method.ts";
import type { NodeService } from "../wire/structs/service.ts";
import type { TxnError, TxnOp } from "../wire/structs/txn.ts";
import type { Caller, ServerContext } from "./context.ts";
import { kvPreApply } from "./kv-pre-apply.ts";
import { serviceProblem } from "./service-rules.ts";

const anyAddresses: ReadonlySet<string> = new Set(["0.0.0.0", "::", "[::]"]);
const uuidForm = /^.{8}-.{4}-.{4}-.{4}-.{12}$/;

/** The operations as they go into the log, and what is wrong with them. */
export interface CheckedOps {
  readonly ops: readonly TxnOp[];
  readonly errors: readonly TxnError[];
}

/** Checks every operation, so that all faults are told at once. */
export function txnPreApply(server: ServerContext, caller: Caller, ops: readonly TxnOp[]): CheckedOps {
  const checked: TxnOp[] = [];
  const errors: TxnError[] = [];
  for (const [OpIndex, op] of ops.entries()) {
    try {
      checked.push(checkedOp(server, caller, op));
    } catch (error) {
      if (!(error instanceof ProconsulError)) throw error;
      errors.push({ OpIndex, What: error.message });
    }
  }
  return { ops: checked, errors };
}

/** Throws `RpcError` or `PermissionDeniedError`. */
function checkedOp(server: ServerContext, caller: Caller, op: TxnOp): TxnOp {
  if (op.KV !== null) {
    if (kvPreApply(server, caller, { verb: op.KV.Verb, entry: op.KV.DirEnt })) return op;
    throw new RpcError(`failed to lock key ${quoteGoBytes(op.KV.DirEnt.Key)} due to lock delay`);
  }
  const other = op.Node ?? op.Service ?? op.Check;
  if (other === null || other.Verb === "get") return op;
  if (op.Node !== null) {
    checkNode(op.Node.Node, caller);
    return op;
  }
  if (op.Service !== null) {
    return { ...op, Service: { ...op.Service, Service: checkedService(op.Service.Service, caller) } };
  }
  if (op.Check === null) return op;
  const stamped = { ...op.Check, Check: { ...op.Check.Check, LastTransition: server.clock.wallMs() } };
  return { ...op, Check: checkedCheck(stamped, caller) };
}

function checkNode(
  { Node, ID }: { readonly Node: string; readonly ID: string },
  { authorizer }: Caller,
): void {
  if (Node === "") throw new RpcError("Must provide node");
  if (ID !== "" && ID.length !== 36) throw new RpcError("Bad node ID: uuid string is wrong length");
  if (ID !== "" && !uuidForm.test(ID)) throw new RpcError("Bad node ID: uuid is improperly formatted");
  const notHex = /[^0-9a-fA-F-]/u.exec(ID)?.[0];
  if (notHex !== undefined) {
    const code = (notHex.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
    throw new RpcError(`Bad node ID: encoding/hex: invalid byte: U+${code} '${notHex}'`);
  }
  if (!authorizer.nodeWrite(Node)) throw new PermissionDeniedError();
}

function checkedService(given: NodeService, { authorizer }: Caller): NodeService {
  const problem = serviceProblem(given);
  if (problem !== undefined) throw new RpcError(problem);
  const service = given.ID === "" ? { ...given, ID: given.Service } : given;
  if (service.ID !== "" && service.Service === "") throw new RpcError("Must provide service name with ID");
  if (anyAddresses.has(service.Address)) throw new RpcError("Invalid service address");
  if (service.Service !== "consul" && !authorizer.serviceWrite(service.Service))
    throw new PermissionDeniedError();
  const destination = service.Proxy.DestinationServiceName;
  if (service.Kind === "connect-proxy" && !authorizer.serviceWrite(destination))
    throw new PermissionDeniedError();
  return service;
}

function checkedCheck(op: NonNullable<TxnOp["Check"]>, { authorizer }: Caller): NonNullable<TxnOp["Check"]> {
  const Check = op.Check.CheckID === "" ? { ...op.Check, CheckID: op.Check.Name } : op.Check;
  const allowed =
    Check.ServiceID === "" ? authorizer.nodeWrite(Check.Node) : authorizer.serviceWrite(Check.ServiceName);
  if (!allowed) throw new PermissionDeniedError();
  return { ...op, Check };
}
