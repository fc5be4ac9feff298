/**
 * `GET /v1/explain/service/NODE/ID`: who has a service in the catalog, and why it comes back after it was taken out.
 * An addition of Proconsul.
 */
import type { Agent } from "../agent/agent.ts";
import { displayText } from "../lib/byte-string.ts";
import * as methods from "../wire/rpc/methods.ts";
import { callServer } from "./discovery.ts";
import { readParams } from "./read-params.ts";
import { jsonResponse } from "./respond.ts";
import {
  decodePath,
  HttpError,
  type HttpContext,
  type HttpResponse,
  type Route,
  type RoutedRequest,
} from "./types.ts";

const statusTexts = ["none", "alive", "leaving", "left", "failed"] as const;

/** What is known of a service, and what follows from it. */
interface Explanation {
  readonly Node: string;
  readonly ServiceID: string;
  /** It is in the catalog at this moment. */
  readonly InCatalog: boolean;
  /** Status of the node in gossip; `none` if no agent of this name is a member. */
  readonly Agent: (typeof statusTexts)[number];
  /** Who keeps the registration: an agent, the leader by gossip, or whoever wrote it into the catalog. */
  readonly Owner: "agent" | "leader" | "catalog";
  /** Of this very agent only: what it was told by. `unknown` for other agents. */
  readonly Source: "configuration" | "api" | "none" | "unknown";
  readonly ComesBack: boolean;
  readonly Why: string;
  readonly Advice: string;
}

type Facts = Omit<Explanation, "ComesBack" | "Why" | "Advice">;

/** The route; of its own services an agent knows more than of others'. */
export function createExplainRoutes(agent: Agent): readonly Route[] {
  return [
    {
      pattern: "/v1/explain/service/",
      methods: ["GET"],
      handle: (request, context) => explain(agent, request, context),
    },
  ];
}

async function explain(agent: Agent, request: RoutedRequest, context: HttpContext): Promise<HttpResponse> {
  const slash = request.rest.indexOf("/");
  const Node = displayText(decodePath(slash < 0 ? request.rest : request.rest.slice(0, slash)));
  const ServiceID = slash < 0 ? "" : displayText(decodePath(request.rest.slice(slash + 1)));
  if (Node === "" || ServiceID === "") throw new HttpError(400, "Missing node or service ID");
  const args = { ...readParams(request, context), Node };
  const reply = await callServer(request, context, { method: methods.catalogNodeServices, args });
  const services = reply.NodeServices?.Services ?? {};
  const InCatalog = Object.hasOwn(services, ServiceID);
  const facts = factsOf(agent, { Node, ServiceID, InCatalog });
  return jsonResponse(request, JSON.stringify({ ...facts, ...conclusion(facts) }));
}

function factsOf(agent: Agent, about: Pick<Facts, "Node" | "ServiceID" | "InCatalog">): Facts {
  const sameName = (name: string): boolean => name.toLowerCase() === about.Node.toLowerCase();
  const member = agent.members().find(({ Name }) => sameName(Name));
  const status = statusTexts[member?.Status ?? 0] ?? "none";
  const isServer = about.ServiceID === "consul" && member?.Tags["role"] === "consul";
  const Owner = isServer ? "leader" : status === "none" || status === "left" ? "catalog" : "agent";
  const facts = { ...about, Agent: status, Owner } as const;
  if (Owner !== "agent") return { ...facts, Source: "none" };
  if (!sameName(agent.settings.nodeName)) return { ...facts, Source: "unknown" };
  const row = agent.state.services.get(about.ServiceID);
  if (row === undefined || row.deleted) return { ...facts, Source: "none" };
  return { ...facts, Source: row.fromConfig ? "configuration" : "api" };
}

function conclusion(facts: Facts): Pick<Explanation, "ComesBack" | "Why" | "Advice"> {
  const { Node, ServiceID, Agent: status, Owner, Source } = facts;
  const sticky = `PUT /v1/catalog/deregister?sticky with {"Node": ${JSON.stringify(Node)}, "ServiceID": ${JSON.stringify(ServiceID)}}`;
  if (Owner === "leader") {
    return {
      ComesBack: true,
      Why: "the leader registers every server that gossip knows",
      Advice: `let the server leave: run "consul leave" on ${Node}`,
    };
  }
  if (Owner === "catalog") {
    return {
      ComesBack: false,
      Why: `no agent of the name ${Node} is a member: the entry was written into the catalog, and nobody puts it back`,
      Advice: "deregister it from the catalog; if it comes back, some program registers it again",
    };
  }
  if (status === "failed") {
    return {
      ComesBack: true,
      Why: "its agent has failed: when it is back, its sync puts back what it has registered",
      Advice: `deregister it at its agent when that is back, or use ${sticky}`,
    };
  }
  if (Source === "none") {
    return {
      ComesBack: false,
      Why: "its agent lives and does not have it: the next sync takes it out of the catalog",
      Advice: "nothing is to be done",
    };
  }
  const from = Source === "configuration" ? ", from its configuration" : "";
  return {
    ComesBack: true,
    Why: `an agent's registrations are its own truth, and its sync puts back what the catalog lacks${
      Source === "unknown" ? ", if it has this service" : from
    }`,
    Advice:
      Source === "configuration"
        ? "take it out of the agent's configuration and reload"
        : `deregister it at its agent, by PUT /v1/agent/service/deregister/${ServiceID}, or use ${sticky}`,
  };
}
