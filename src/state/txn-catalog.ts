/** Node, service and check operations of transactions. Source: the reference's state/txn.go. */
import { quoteGo } from "../lib/go-quote.ts";
import type { Infer } from "../wire/schema/codec.ts";
import type { Node } from "../wire/structs/catalog.ts";
import type { TxnCheckOp, TxnNodeOp, TxnServiceOp, TxnResult } from "../wire/structs/txn.ts";
import {
  deleteCheck,
  deleteNode,
  deleteService,
  ensureCheck,
  ensureNode,
  ensureService,
  getCheck,
  getNode,
  getNodeById,
  getService,
} from "./catalog.ts";
import { Refusal } from "./refusal.ts";
import type { StateStore } from "./store.ts";
import { uuidPartProblem } from "./uuid-index.ts";
import { txnResult } from "./txn-result.ts";

type Outcome = readonly TxnResult[] | Refusal;

/** Runs one operation on a node. */
export function txnNode(store: StateStore, index: number, { Verb, Node }: Infer<typeof TxnNodeOp>): Outcome {
  const name = quoteGo(Node.Node);
  switch (Verb) {
    case "get": {
      const found = findNode(store, Node);
      if (found instanceof Refusal) return found;
      return found === undefined ? new Refusal(`node ${name} doesn't exist`) : [txnResult({ Node: found })];
    }
    case "cas":
      if (casHolds(getNode(store, Node.Node), Node.ModifyIndex)) return setNode(store, index, Node);
      return new Refusal(`failed to set node ${name}, index is stale`);
    case "set":
      return setNode(store, index, Node);
    case "delete-cas":
      if (getNode(store, Node.Node)?.ModifyIndex !== Node.ModifyIndex) {
        return new Refusal(`failed to delete node ${name}, index is stale`);
      }
      deleteNode(store, index, Node.Node);
      return [];
    case "delete":
      deleteNode(store, index, Node.Node);
      return [];
    default:
      return new Refusal(`unknown Node verb ${quoteGo(Verb)}`);
  }
}

/** Runs one operation on a service. */
export function txnService(store: StateStore, index: number, op: Infer<typeof TxnServiceOp>): Outcome {
  const { Verb, Node: node, Service } = op;
  const place = `service ${quoteGo(Service.ID)} on node ${quoteGo(node)}`;
  const found = getService(store, node, Service.ID);
  switch (Verb) {
    case "get":
      return found === undefined ? new Refusal(`${place} doesn't exist`) : [txnResult({ Service: found })];
    case "cas":
      if (casHolds(found, Service.ModifyIndex)) return setService(store, index, op);
      return new Refusal(`failed to set ${place}, index is stale`);
    case "set":
      return setService(store, index, op);
    case "delete-cas":
      if (found?.ModifyIndex !== Service.ModifyIndex)
        return new Refusal(`failed to delete ${place}, index is stale`);
      deleteService(store, index, node, Service.ID);
      return [];
    case "delete":
      deleteService(store, index, node, Service.ID);
      return [];
    default:
      return new Refusal(`unknown Service verb ${quoteGo(Verb)}`);
  }
}

/** Runs one operation on a check. */
export function txnCheck(store: StateStore, index: number, op: Infer<typeof TxnCheckOp>): Outcome {
  const { Verb, Check } = op;
  const place = `check ${quoteGo(Check.CheckID)} on node ${quoteGo(Check.Node)}`;
  const found = getCheck(store, Check.Node, Check.CheckID);
  switch (Verb) {
    case "get":
      return found === undefined ? new Refusal(`${place} doesn't exist`) : [txnResult({ Check: found })];
    case "cas":
      if (casHolds(found, Check.ModifyIndex)) return setCheck(store, index, op);
      return new Refusal(`failed to set ${place}, index is stale`);
    case "set":
      return setCheck(store, index, op);
    case "delete-cas":
      if (found?.ModifyIndex !== Check.ModifyIndex)
        return new Refusal(`failed to delete ${place}, index is stale`);
      deleteCheck(store, index, Check.Node, Check.CheckID);
      return [];
    case "delete":
      deleteCheck(store, index, Check.Node, Check.CheckID);
      return [];
    default:
      return new Refusal(`unknown Check verb ${quoteGo(Verb)}`);
  }
}

/** 0 means that the row must not exist yet. */
function casHolds(existing: { readonly ModifyIndex: number } | undefined, expected: number): boolean {
  return (existing?.ModifyIndex ?? 0) === expected;
}

/** By id where one is given, by name otherwise. */
function findNode(store: StateStore, wanted: Node): Node | Refusal | undefined {
  if (wanted.ID === "") return getNode(store, wanted.Node);
  const problem = uuidPartProblem(wanted.ID);
  if (problem !== undefined) return new Refusal(`node lookup by ID failed: ${problem}`);
  return getNodeById(store, wanted.ID);
}

function setNode(store: StateStore, index: number, node: Node): Outcome {
  const problem = ensureNode(store, index, node);
  if (problem !== undefined) return new Refusal(problem);
  const stored = findNode(store, node);
  if (stored instanceof Refusal) return stored;
  return stored === undefined ? [] : [txnResult({ Node: stored })];
}

function setService(store: StateStore, index: number, op: Infer<typeof TxnServiceOp>): Outcome {
  const problem = ensureService(store, index, op.Node, op.Service);
  if (problem !== undefined) return new Refusal(problem);
  const stored = getService(store, op.Node, op.Service.ID);
  return stored === undefined ? [] : [txnResult({ Service: stored })];
}

function setCheck(store: StateStore, index: number, { Check }: Infer<typeof TxnCheckOp>): Outcome {
  const problem = ensureCheck(store, index, Check);
  if (problem !== undefined) return new Refusal(problem);
  const stored = getCheck(store, Check.Node, Check.CheckID);
  return stored === undefined ? [] : [txnResult({ Check: stored })];
}
