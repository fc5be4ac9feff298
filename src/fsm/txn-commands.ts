/** Log command 8: transactions. It has no snapshot records, since it changes tables of other commands. */
import { txnApply } from "../state/txn.ts";
import { TxnRequest } from "../wire/structs/txn.ts";
import { command, commandType, type AnyCommand } from "./command.ts";

/** Transactions answer a `TxnResponse`, whose errors say which operations were refused. */
export const txnCommands: readonly AnyCommand[] = [
  command({
    type: commandType.txn,
    codec: TxnRequest,
    apply: (store, index, request: TxnRequest) => txnApply(store, index, request.Ops ?? []),
  }),
];
