/**
 * Transactions: all operations or none, at one index.
 *
 * Every operation runs, so that the answer names every one that fails; then all is undone.
 * Source: the reference's state/txn.go.
 */
import { quoteGo } from "../lib/go-quote.ts";
import type { TxnError, TxnOp, TxnResponse, TxnResult } from "../wire/structs/txn.ts";
import { Refusal } from "./refusal.ts";
import { sessionDestroy, sessionGet } from "./session.ts";
import type { StateStore } from "./store.ts";
import { txnCheck, txnNode, txnService } from "./txn-catalog.ts";
import { isKvWrite, txnKv, txnKvRead } from "./txn-kv.ts";

type Outcome = readonly TxnResult[] | Refusal;

/** Runs the operations at `index`; where one is refused, the state stays as it was. */
export function txnApply(store: StateStore, index: number, ops: readonly TxnOp[]): TxnResponse {
  const saved = store.fork();
  const answer = runAll(ops, (op) => applyOne(store, index, op));
  if (answer.Errors !== null) store.rollback(saved);
  return answer;
}

/** Runs operations that only read; any other is refused. */
export function txnRead(store: StateStore, ops: readonly TxnOp[]): TxnResponse {
  return runAll(ops, (op) => {
    if (isTxnWrite(op)) return new Refusal("cannot insert in read-only transaction");
    return op.KV === null ? applyOne(store, 0, op) : txnKvRead(store, op.KV);
  });
}

/** Whether an operation changes the state. */
export function isTxnWrite(op: TxnOp): boolean {
  if (op.KV !== null) return isKvWrite(op.KV.Verb);
  const other = op.Node ?? op.Service ?? op.Check;
  return other === null ? op.Session !== null : other.Verb !== "get";
}

function runAll(ops: readonly TxnOp[], run: (op: TxnOp) => Outcome): TxnResponse {
  const results: TxnResult[] = [];
  const errors: TxnError[] = [];
  for (const [OpIndex, op] of ops.entries()) {
    const outcome = run(op);
    if (outcome instanceof Refusal) errors.push({ OpIndex, What: outcome.text });
    else results.push(...outcome);
  }
  return errors.length > 0 ? { Results: null, Errors: errors } : { Results: results, Errors: null };
}

/** The first member that is set decides, in the reference's order. */
function applyOne(store: StateStore, index: number, op: TxnOp): Outcome {
  if (op.KV !== null) return txnKv(store, index, op.KV);
  if (op.Node !== null) return txnNode(store, index, op.Node);
  if (op.Service !== null) return txnService(store, index, op.Service);
  if (op.Check !== null) return txnCheck(store, index, op.Check);
  if (op.Session !== null) return endSession(store, index, op.Session);
  return new Refusal("no operation specified");
}

function endSession(store: StateStore, index: number, op: NonNullable<TxnOp["Session"]>): Outcome {
  const failed = "failed to delete session:";
  if (op.Verb !== "delete") return new Refusal(`${failed} unknown Session verb ${quoteGo(op.Verb)}`);
  const session = sessionGet(store, op.Session.ID);
  if (session === undefined) return new Refusal(`${failed} failed deleting session: not found`);
  const refused = session instanceof Refusal ? session : sessionDestroy(store, index, op.Session.ID);
  return refused === undefined ? [] : new Refusal(`${failed} ${refused.text}`);
}
