/** Which kind of check a definition describes, and whether it may. Texts and order are the reference's. */
import type { CheckType } from "../wire/structs/service.ts";

/** The `Type` of a check; "" for none. */
export type CheckKind =
  | "grpc"
  | "http"
  | "ttl"
  | "tcp"
  | "udp"
  | "alias"
  | "docker"
  | "script"
  | "h2ping"
  | "os_service"
  | "";

export const checkStatuses: readonly string[] = ["passing", "warning", "critical"];

export function isScript(check: CheckType): boolean {
  return (check.ScriptArgs?.length ?? 0) > 0;
}

function isAlias(check: CheckType): boolean {
  return check.AliasNode !== "" || check.AliasService !== "";
}

/** The kind of a check. */
export function checkKind(check: CheckType): CheckKind {
  const polled = check.Interval > 0;
  if (check.GRPC !== "" && polled) return "grpc";
  if (check.HTTP !== "" && polled) return "http";
  if (check.TTL > 0) return "ttl";
  if (check.TCP !== "" && polled) return "tcp";
  if (check.UDP !== "" && polled) return "udp";
  if (isAlias(check)) return "alias";
  if (isScript(check) && check.DockerContainerID !== "" && polled) return "docker";
  if (isScript(check)) return "script";
  if (check.H2PING !== "" && polled) return "h2ping";
  if (check.OSService !== "" && polled) return "os_service";
  return "";
}

/** What is wrong with a check, or `undefined`. */
export function checkProblem(check: CheckType): string | undefined {
  const targets = [check.HTTP, check.TCP, check.UDP, check.GRPC, check.H2PING, check.OSService];
  const polled = isScript(check) || targets.some((target) => target !== "");
  if (check.Interval > 0 && check.TTL > 0) return "Interval and TTL cannot both be specified";
  if (polled && check.Interval <= 0) {
    return "Interval must be > 0 for Script, HTTP, H2PING, TCP, UDP or OSService checks";
  }
  if (polled && isAlias(check)) return "Interval cannot be set for Alias checks";
  if (isAlias(check) && check.TTL > 0) return "TTL must be not be set for Alias checks";
  if (!polled && !isAlias(check) && check.TTL <= 0) return "TTL must be > 0 for TTL checks";
  if (check.OutputMaxSize < 0) return "MaxOutputMaxSize must be positive";
  if (check.FailuresBeforeWarning > check.FailuresBeforeCritical) {
    return "FailuresBeforeWarning can't be higher than FailuresBeforeCritical";
  }
  return undefined;
}
