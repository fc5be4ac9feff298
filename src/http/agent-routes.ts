/** Every route under `/v1/agent`, and those that only say that ACLs are off. */
import type { Agent } from "../agent/agent.ts";
import { aclOffRoutes } from "./agent-acl-off-routes.ts";
import { agentCheckRoutes } from "./agent-check-routes.ts";
import type { FilterCompiler } from "./agent-filter.ts";
import { agentHealthRoutes } from "./agent-health-routes.ts";
import { agentInfoRoutes } from "./agent-info-routes.ts";
import { agentServiceRoutes } from "./agent-service-routes.ts";
import type { Route } from "./types.ts";

export interface AgentRouteOptions {
  /** Compiles `?filter`; without it a filter is refused. */
  readonly filter?: FilterCompiler;
}

/** The routes of one agent. */
export function createAgentRoutes(agent: Agent, options: AgentRouteOptions = {}): readonly Route[] {
  return [
    ...agentInfoRoutes(agent, options.filter),
    ...agentServiceRoutes(agent, options.filter),
    ...agentCheckRoutes(agent, options.filter),
    ...agentHealthRoutes(agent),
    ...(agent.settings.aclEnabled ? [] : aclOffRoutes),
  ];
}
