/** Services that configuration files define, for the `services` commands. */
import type { CheckDefinition, ServiceDefinition } from "../config/definitions.ts";
import type { JsonRecord } from "../client/shape.ts";
import { unreachable } from "../lib/assert.ts";
import { CommandFailure, type CommandContext } from "./command.ts";

/** Reads the services of `paths`; warnings are told. Fails if a file is no good. */
export async function readServiceFiles(
  context: Pick<CommandContext, "host" | "err">,
  paths: readonly string[],
): Promise<readonly ServiceDefinition[]> {
  const found = await context.host.config.services(paths);
  switch (found.kind) {
    case "valid":
      for (const warning of found.warnings) context.err(warning);
      return found.services;
    case "invalid":
      throw new CommandFailure(`Error: ${found.problem}`);
    default:
      return unreachable(found);
  }
}

/** A check inside a service: the API calls its ID `CheckID` there. */
function toServiceCheck(check: CheckDefinition): JsonRecord {
  const { ID, ...rest } = check;
  return ID === undefined ? rest : { ...rest, CheckID: ID };
}

/** A definition as the agent's registration endpoint takes it. */
export function toRegistration(service: ServiceDefinition): JsonRecord {
  return { ...service, Checks: service.Checks.map(toServiceCheck) };
}
