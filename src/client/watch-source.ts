/** Views of the cluster for watches, read over HTTP with blocking queries. */
import { unreachable } from "../lib/assert.ts";
import type { WatchMark, WatchSource, WatchView } from "../lib/watch-plan.ts";
import type { WatchSpec } from "../lib/watch-spec.ts";
import {
  agentServiceShape,
  caRootsShape,
  healthCheckShape,
  kvPairShape,
  leafCertShape,
  nodeShape,
  serviceEntryShape,
  userEventShape,
} from "./api-shapes.ts";
import { ClientUseError } from "./errors.ts";
import { parseExactJson } from "./exact-json.ts";
import { renderGoJson, type GoJson } from "./go-json.ts";
import { goList, goMap, goText, shapeGo, type GoShape } from "./go-shape.ts";
import { readText, type ApiReply, type HttpClient } from "./http-client.ts";
import { textField, toRecord } from "./shape.ts";
import type { QueryParameters } from "./url.ts";

/** What a kind of watch asks for. */
interface Question {
  readonly path: string;
  readonly query: QueryParameters;
  readonly shape: GoShape;
  /** A status 404 is the view "nothing there". */
  readonly mayBeAbsent?: boolean;
  /** The reply is a list whose only element is the view. */
  readonly single?: boolean;
}

/** Reads the view of `spec` through `client`. */
export function watchSource(client: HttpClient, spec: WatchSpec): WatchSource {
  const question = questionFor(spec);
  return {
    read: async (last, signal) => {
      checkState(spec);
      const reply = await client.request({
        method: "GET",
        path: question.path,
        query: { ...question.query, ...waitQuery(last) },
        accept: question.mayBeAbsent === true ? [200, 404] : [200],
        signal,
      });
      const value = await readValue(question, reply);
      return viewOf(spec, { value, last, indexText: reply.indexText ?? "0" });
    },
  };
}

const states: ReadonlySet<string> = new Set(["any", "passing", "warning", "critical"]);

/** The agent would answer with an empty list for ever. Throws `ClientUseError`, as the reference's client does. */
function checkState(spec: WatchSpec): void {
  if (spec.kind !== "checks" || spec.service !== "" || states.has(spec.state)) return;
  throw new ClientUseError(`Unsupported state: ${spec.state}`);
}

async function readValue(question: Question, reply: ApiReply): Promise<unknown> {
  const text = await readText(reply.body);
  if (reply.status === 404) return null;
  const value = parseExactJson(text);
  return question.single === true && Array.isArray(value) ? value[0] : value;
}

function viewOf(
  spec: WatchSpec,
  reading: { readonly value: unknown; readonly last: WatchMark | undefined; readonly indexText: string },
): WatchView {
  const { value, last, indexText } = reading;
  const mark: WatchMark =
    spec.kind === "agent_service"
      ? { kind: "hash", hash: textField(toRecord(value), "ContentHash") }
      : { kind: "index", index: indexText };
  const fresh = spec.kind === "event" ? afterMark(value, last) : value;
  const shaped: GoJson = shapeGo(questionFor(spec).shape, fresh);
  return { mark, json: renderGoJson(shaped), pretty: () => renderGoJson(shaped, "    ") };
}

function waitQuery(last: WatchMark | undefined): QueryParameters {
  if (last === undefined) return {};
  switch (last.kind) {
    case "index":
      return last.index === "0" ? {} : { index: last.index };
    case "hash":
      return last.hash === "" ? {} : { hash: last.hash };
    default:
      return unreachable(last);
  }
}

function questionFor(spec: WatchSpec): Question {
  switch (spec.kind) {
    case "key":
      return {
        path: `/v1/kv/${spec.key.replace(/^\//u, "")}`,
        query: stale(spec),
        shape: { kind: "pointer", to: kvPairShape },
        mayBeAbsent: true,
        single: true,
      };
    case "keyprefix":
      return {
        path: `/v1/kv/${spec.prefix.replace(/^\//u, "")}`,
        query: { ...stale(spec), recurse: "" },
        shape: goList(kvPairShape),
        mayBeAbsent: true,
      };
    case "services":
      return { path: "/v1/catalog/services", query: filtered(spec), shape: goMap(goList(goText)) };
    case "nodes":
      return { path: "/v1/catalog/nodes", query: filtered(spec), shape: goList(nodeShape) };
    case "service":
      return {
        path: `/v1/health/service/${spec.service}`,
        query: { ...filtered(spec), tag: spec.tags, passing: spec.passingOnly ? "1" : undefined },
        shape: goList(serviceEntryShape),
      };
    case "checks":
      return {
        path: spec.service === "" ? `/v1/health/state/${spec.state}` : `/v1/health/checks/${spec.service}`,
        query: filtered(spec),
        shape: goList(healthCheckShape),
      };
    case "event":
      return {
        path: "/v1/event/list",
        query: { name: spec.name === "" ? undefined : spec.name },
        shape: goList(userEventShape),
      };
    case "connect_roots":
      return { path: "/v1/agent/connect/ca/roots", query: {}, shape: caRootsShape };
    case "connect_leaf":
      return { path: `/v1/agent/connect/ca/leaf/${spec.service}`, query: {}, shape: leafCertShape };
    case "agent_service":
      return { path: `/v1/agent/service/${spec.serviceId}`, query: {}, shape: agentServiceShape };
    default:
      return unreachable(spec);
  }
}

function stale(spec: { readonly stale: boolean }): QueryParameters {
  return { stale: spec.stale ? "" : undefined };
}

function filtered(spec: { readonly stale: boolean; readonly filter: string }): QueryParameters {
  return { ...stale(spec), filter: spec.filter === "" ? undefined : spec.filter };
}

/** The events that came after the one that `last` stands for; all if it is no longer among them. */
function afterMark(value: unknown, last: WatchMark | undefined): unknown {
  if (!Array.isArray(value) || last?.kind !== "index") return value;
  const at = value.findIndex((event: unknown) => eventIndex(textField(toRecord(event), "ID")) === last.index);
  return value.slice(at + 1);
}

/** The index of an event: both halves of its ID, each a number of 64 bits, by exclusive or. */
function eventIndex(id: string): string {
  const digits = id.replaceAll("-", "");
  if (!/^[0-9a-f]{32}$/iu.test(digits)) return "0";
  return String(BigInt(`0x${digits.slice(0, 16)}`) ^ BigInt(`0x${digits.slice(16)}`));
}
