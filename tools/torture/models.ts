/** What a key and a lock do, for the checker; and how recorded operations become operations of these models. */
import { unreachable } from "../../src/lib/assert.ts";
import type { Call, Model } from "./checker.ts";
import type { Action, Operation } from "./history.ts";

/** The state of a key that is not there. */
const absent = "";
/** The state of a key whose value nobody ever saw: all such values are alike. */
const unseen = "?";

/** An operation on a key, in terms of values: since each is written once, it stands for its `ModifyIndex`. */
export type KeyOp =
  | { readonly kind: "write"; readonly to: string }
  /** `succeeded` undefined: pending. `absentIsFine`: a conditional delete succeeds where there is nothing. */
  | {
      readonly kind: "conditional";
      readonly expected: string;
      readonly to: string;
      readonly succeeded: boolean | undefined;
      readonly absentIsFine: boolean;
    }
  | { readonly kind: "read"; readonly sees: string };

/** A key whose versions have these indexes, as far as they were seen: a later version has a higher one. */
export function keyModel(indexes: ReadonlyMap<string, number>): Model<KeyOp> {
  const write = (state: string, to: string): string | undefined => {
    const before = indexes.get(state);
    const after = indexes.get(to);
    return before !== undefined && after !== undefined && after <= before ? undefined : to;
  };
  return {
    initial: absent,
    step: (state, op) => {
      switch (op.kind) {
        case "write":
          return write(state, op.to);
        case "read":
          return state === op.sees ? state : undefined;
        case "conditional": {
          const fits = state === op.expected || (op.absentIsFine && state === absent);
          if (op.succeeded !== undefined && op.succeeded !== fits) return undefined;
          return fits ? write(state, op.to) : state;
        }
        default:
          return unreachable(op);
      }
    },
    twin: (op) => (op.kind === "write" ? op.to : undefined),
  };
}

/**
 * The operations on one key that must be explained, and its model. Stale reads are none of them.
 *
 * `all` is everything that happened to the key: also reads that need no explanation tell which value an index means.
 */
export function keyCalls(
  operations: readonly Operation[],
  all: readonly Operation[],
): { readonly model: Model<KeyOp>; readonly calls: readonly Call<KeyOp>[] } {
  const values = new Map<number, string>();
  const indexes = new Map<string, number>();
  const seen = new Set<string>();
  for (const { result } of all) {
    if (result.kind !== "read" || result.seen === undefined) continue;
    values.set(result.seen.modifyIndex, result.seen.value);
    indexes.set(result.seen.value, result.seen.modifyIndex);
    seen.add(result.seen.value);
  }
  const token = (value: string): string => (seen.has(value) ? value : unseen);
  // An index that no read of this history saw fits no state.
  const expected = (index: number): string =>
    index === 0 ? absent : (values.get(index) ?? `index ${index}`);
  const toOp = (operation: Operation): KeyOp | undefined => keyOp(operation, { token, expected });
  return { model: keyModel(indexes), calls: toCalls(operations, toOp) };
}

interface Names {
  token(value: string): string;
  expected(index: number): string;
}

function keyOp({ action, result }: Operation, { token, expected }: Names): KeyOp | undefined {
  const succeeded = result.kind === "written" ? result.succeeded : undefined;
  switch (action.kind) {
    case "put":
      return { kind: "write", to: token(action.value) };
    case "delete":
      return { kind: "write", to: absent };
    case "cas": {
      const parts = { expected: expected(action.index), to: token(action.value) };
      return { kind: "conditional", ...parts, succeeded, absentIsFine: false };
    }
    case "delete-cas":
      return {
        kind: "conditional",
        expected: expected(action.index),
        to: absent,
        succeeded,
        absentIsFine: true,
      };
    case "get":
      if (result.kind !== "read" || action.mode === "stale") return undefined;
      return { kind: "read", sees: result.seen?.value ?? absent };
    case "acquire":
    case "release":
    case "destroy":
      return undefined;
    default:
      return unreachable(action);
  }
}

/** An operation on a lock. `succeeded` undefined: pending. */
export type LockOp =
  | {
      readonly kind: "acquire" | "release";
      readonly session: string;
      readonly succeeded: boolean | undefined;
    }
  | { readonly kind: "destroy"; readonly session: string }
  | { readonly kind: "read"; readonly holder: string; readonly lockIndex: number };

const lockState = (holder: string, lockIndex: number): string => `${holder}#${lockIndex}`;

/** A lock: its holder, and how often it was taken. */
export const lockModel: Model<LockOp> = {
  initial: lockState("", 0),
  step: (state, op) => {
    const [holder = "", count = ""] = state.split("#");
    const lockIndex = Number(count);
    switch (op.kind) {
      case "acquire":
        if (holder === op.session) return state;
        return holder === "" ? lockState(op.session, lockIndex + 1) : undefined;
      case "release":
        if (op.succeeded === false) return holder === op.session ? undefined : state;
        return holder === op.session ? lockState("", lockIndex) : undefined;
      case "destroy":
        return holder === op.session ? lockState("", lockIndex) : state;
      case "read":
        return state === lockState(op.holder, op.lockIndex) ? state : undefined;
      default:
        return unreachable(op);
    }
  },
  twin: (op) => (op.kind === "read" ? undefined : `${op.kind} ${op.session}`),
};

/** The operations on one lock that must be explained. */
export function lockCalls(operations: readonly Operation[]): readonly Call<LockOp>[] {
  return toCalls(operations, ({ action, result }) => {
    const succeeded = result.kind === "written" ? result.succeeded : undefined;
    switch (action.kind) {
      case "acquire":
        // Refused for a lock-delay as well, so a refusal says nothing about the holder.
        return succeeded === false ? undefined : { kind: "acquire", session: action.session, succeeded };
      case "release":
        return { kind: "release", session: action.session, succeeded };
      case "destroy":
        return { kind: "destroy", session: action.session };
      case "get":
        if (result.kind !== "read" || action.mode === "stale") return undefined;
        return { kind: "read", holder: result.seen?.session ?? "", lockIndex: result.seen?.lockIndex ?? 0 };
      case "put":
      case "cas":
      case "delete":
      case "delete-cas":
        return undefined;
      default:
        return unreachable(action);
    }
  });
}

/** Leaves out what certainly did nothing, and reads without an answer. */
function toCalls<Op>(
  operations: readonly Operation[],
  toOp: (operation: Operation) => Op | undefined,
): readonly Call<Op>[] {
  return operations.flatMap((operation) => {
    const { result, startUs, endUs } = operation;
    if (result.kind === "failed" || (result.kind === "unknown" && isRead(operation.action))) return [];
    const op = toOp(operation);
    if (op === undefined) return [];
    return [{ op, start: startUs, end: result.kind === "unknown" ? undefined : endUs }];
  });
}

const isRead = (action: Action): boolean => action.kind === "get";
