/** The endpoints of transactions. Source: the reference's txn_endpoint.go. */
import { commandType } from "../fsm/command.ts";
import { txnRead } from "../state/txn.ts";
import { MsgpackWriter } from "../wire/msgpack/writer.ts";
import { txnApply as applyMethod, txnRead as readMethod } from "../wire/rpc/methods.ts";
import {
  TxnRequest,
  type TxnReadRequest,
  type TxnReadResponse,
  type TxnResponse,
  type TxnResult,
} from "../wire/structs/txn.ts";
import { blockingRead } from "./blocking.ts";
import { endpoint, type AnyEndpoint, type Caller, type ServerContext } from "./context.ts";
import { proposeCommand } from "./propose.ts";
import { txnPreApply } from "./txn-pre-apply.ts";

/** A small operation in MessagePack, and what a transaction has besides its operations. */
const opBytes = 160;
const bytesBeside = 96;

async function apply(server: ServerContext, request: TxnRequest, caller: Caller): Promise<TxnResponse> {
  const startMs = server.clock.monotonicMs();
  const { ops, errors } = txnPreApply(server, caller, request.Ops ?? []);
  if (errors.length > 0) return { Results: null, Errors: errors };
  const logged: TxnRequest = { ...request, Ops: ops, Token: "" };
  // Room for all of it from the start: growing step by step would cost a tenth of the whole.
  const writer = new MsgpackWriter(bytesBeside + ops.length * opBytes);
  writer.byte(commandType.txn);
  TxnRequest.encode(writer, logged);
  const bytes = writer.take();
  const answer = (await proposeCommand(server, bytes, logged)) as TxnResponse;
  server.metrics.timer("txn.apply", server.clock.monotonicMs() - startMs);
  return readable(answer, caller);
}

async function read(
  server: ServerContext,
  request: TxnReadRequest,
  caller: Caller,
): Promise<TxnReadResponse> {
  const startMs = server.clock.monotonicMs();
  const { value, meta } = await blockingRead({ server, caller }, { ...request, MinQueryIndex: 0 }, () => {
    const { ops, errors } = txnPreApply(server, caller, request.Ops ?? []);
    const refused = errors.length > 0;
    const answer = refused ? { Results: null, Errors: errors } : readable(txnRead(server.store, ops), caller);
    return { index: 1, value: { answer, refused } };
  });
  server.metrics.timer("txn.read", server.clock.monotonicMs() - startMs);
  // The reference fills in the metadata only once the read has run.
  const known = value.refused ? { Index: 0, KnownLeader: false, LastContact: 0 } : meta;
  return { ...value.answer, ...known, ConsistencyLevel: "" };
}

function readable(answer: TxnResponse, caller: Caller): TxnResponse {
  return { ...answer, Results: answer.Results?.filter((result) => mayRead(result, caller)) ?? null };
}

function mayRead({ KV, Node, Service, Check }: TxnResult, { authorizer }: Caller): boolean {
  if (KV !== null) return authorizer.keyRead(KV.Key);
  if (Node !== null) return authorizer.nodeRead(Node.Node);
  if (Service !== null) return authorizer.serviceRead(Service.Service);
  if (Check === null) return true;
  return Check.ServiceName === ""
    ? authorizer.nodeRead(Check.Node)
    : authorizer.serviceRead(Check.ServiceName);
}

export const txnEndpoints: readonly AnyEndpoint[] = [
  endpoint({ method: applyMethod, kind: "write", handle: apply }),
  endpoint({ method: readMethod, kind: "read", handle: read }),
];
