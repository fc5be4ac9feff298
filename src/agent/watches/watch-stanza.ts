/** The `watches` of a configuration: what each follows and who is told. Texts are the reference's. */
import { ProconsulError } from "../../lib/errors.ts";
import {
  parseWatch,
  WatchSpecError,
  type HttpHandlerConfig,
  type Watch,
  type WatchParams,
} from "../../lib/watch-spec.ts";

/** Who is told of a change. */
export type WatchHandler =
  /** Program and arguments, without a shell. */
  | { readonly kind: "args"; readonly argv: readonly string[] }
  /** A line for a shell; the older form. */
  | { readonly kind: "script"; readonly line: string }
  | { readonly kind: "http"; readonly config: HttpHandlerConfig };

/** One watch of an agent. */
export interface AgentWatch {
  readonly watch: Watch;
  readonly handler: WatchHandler;
}

/** Reads the watches of a configuration. Throws `WatchSpecError` at the first that is no good. */
export function readAgentWatches(stanzas: readonly WatchParams[]): readonly AgentWatch[] {
  return stanzas.map(readAgentWatch);
}

function readAgentWatch(stanza: WatchParams): AgentWatch {
  const { handler_type: handlerType = "script", type } = stanza;
  if (handlerType !== "http" && handlerType !== "script") {
    throw new WatchSpecError(`Handler type '${String(handlerType)}' not recognized`);
  }
  // A mesh certificate comes with its key, which no handler should be handed by accident.
  if (typeof type === "string" && type.startsWith("connect_")) {
    throw new WatchSpecError(`Watch type ${type} is not allowed in agent config`);
  }
  const watch = parse(stanza, handlerType);
  return { watch, handler: readHandler(watch) };
}

function parse(stanza: WatchParams, handlerType: string): Watch {
  try {
    return parseWatch({ ...stanza, handler_type: handlerType }, ["handler", "args"]);
  } catch (error) {
    if (!(error instanceof ProconsulError)) throw error;
    // The parameters are left out, as a token may be among them.
    throw new WatchSpecError(`Failed to parse watch: ${error.message}`);
  }
}

function readHandler({ httpHandler, exempt }: Watch): WatchHandler {
  const { handler: line, args } = exempt;
  if (line !== undefined && typeof line !== "string")
    throw new WatchSpecError("Watch handler must be a string");
  const argv = args === undefined ? undefined : readArgs(args);
  const given = [line, argv, httpHandler].filter((one) => one !== undefined);
  if (given.length > 1) throw new WatchSpecError("Only one watch handler allowed");
  if (httpHandler !== undefined) return { kind: "http", config: httpHandler };
  if (argv !== undefined) return { kind: "args", argv };
  if (line !== undefined) return { kind: "script", line };
  throw new WatchSpecError("Must define a watch handler");
}

function readArgs(args: unknown): readonly string[] {
  const list: unknown = typeof args === "string" ? [args] : args;
  if (!Array.isArray(list) || !list.every((item): item is string => typeof item === "string")) {
    throw new WatchSpecError("Watch args must be a list of strings");
  }
  return list;
}
