/**
 * What must hold of a service and of a check.
 *
 * Source: the reference's ServiceDefinition.Validate, NodeService.Validate and CheckType.Validate; texts
 * measured. Only what a configuration file can say is checked here; the catalog checks again.
 */
import type { CheckDefinition, ServiceDefinition } from "./definitions.ts";
import { metadataProblem } from "./metadata.ts";
import { renderProblemList, type Problems } from "./problems.ts";
import { proxyProblems, proxyValueProblems } from "./check-proxy.ts";
import { readDurationMs } from "./readers.ts";

/** A check with its durations in milliseconds. */
export interface ParsedCheck {
  readonly check: CheckDefinition;
  readonly intervalMs: number;
  readonly ttlMs: number;
}

/** Reads a check's durations; a bad one is on record. */
export function parsedCheck(problems: Problems, check: CheckDefinition): ParsedCheck {
  const read = (text: string | undefined, field: string): number =>
    readDurationMs(problems, text, `check[${check.ID ?? ""}].${field}`);
  const intervalMs = read(check.Interval, "interval");
  read(check.Timeout, "timeout");
  const ttlMs = read(check.TTL, "ttl");
  read(check.DeregisterCriticalServiceAfter, "deregister_critical_service_after");
  return { check, intervalMs, ttlMs };
}

/** The first thing wrong with a check, in the reference's words. */
export function checkProblem({ check, intervalMs, ttlMs }: ParsedCheck): string | undefined {
  const isRun =
    (check.Args ?? []).length > 0 ||
    [check.HTTP, check.TCP, check.UDP, check.GRPC, check.H2PING, check.OSService].some(
      (target) => (target ?? "") !== "",
    );
  const isAlias = (check.AliasNode ?? "") !== "" || (check.AliasService ?? "") !== "";
  if (intervalMs > 0 && ttlMs > 0) return "Interval and TTL cannot both be specified";
  if (isRun && intervalMs <= 0) {
    return "Interval must be > 0 for Script, HTTP, H2PING, TCP, UDP or OSService checks";
  }
  if (isRun && isAlias) return "Interval cannot be set for Alias checks";
  if (isAlias && ttlMs > 0) return "TTL must be not be set for Alias checks";
  if (!isRun && !isAlias && ttlMs <= 0) return "TTL must be > 0 for TTL checks";
  if ((check.OutputMaxSize ?? 0) < 0) return "MaxOutputMaxSize must be positive";
  if ((check.FailuresBeforeWarning ?? 0) > (check.FailuresBeforeCritical ?? 0)) {
    return "FailuresBeforeWarning can't be higher than FailuresBeforeCritical";
  }
  return undefined;
}

function weightsProblem({ Passing, Warning }: ServiceDefinition["Weights"]): string | undefined {
  if (Passing < 1) return "Passing must be greater than 0";
  if (Warning < 0) return "Warning must be greater or equal than 0";
  if (Passing > 65_535 || Warning > 65_535) return "DNS Weight must be between 0 and 65535";
  return undefined;
}

/** What the reference finds while it converts a service: a sidecar's too. */
function checkShape(problems: Problems, service: ServiceDefinition): void {
  const meta = metadataProblem(service.Meta ?? {}, service.Kind);
  if (meta !== undefined) problems.add(`invalid meta for service ${service.Name}: ${meta}`);
  const weights = weightsProblem(service.Weights);
  if (weights !== undefined)
    problems.add(`Invalid weight definition for service ${service.Name}: ${weights}`);
  if (service.SocketPath !== undefined && (service.Port !== undefined || service.Address !== undefined)) {
    problems.add(
      `service ${service.Name} cannot have both socket path ${service.SocketPath} and address/port`,
    );
  }
  for (const problem of proxyValueProblems(service)) problems.add(problem);
  const sidecar = service.Connect?.SidecarService;
  if (sidecar === undefined) return;
  checkShape(problems, sidecar);
  for (const check of sidecar.Checks) parsedCheck(problems, check);
  if ((sidecar.ID ?? "") !== "") problems.add("sidecar_service can't specify an ID");
  if (sidecar.Connect?.SidecarService !== undefined) {
    problems.add("sidecar_service can't have a nested sidecar_service");
  }
}

/** Puts everything wrong with a service, its checks and its sidecar on record. */
export function checkService(problems: Problems, service: ServiceDefinition): void {
  checkShape(problems, service);
  const before = problems.count;
  const parsed = service.Checks.map((check) => parsedCheck(problems, check));
  // A check whose durations could not be read would be blamed a second time.
  if (problems.count > before) return;
  const own = proxyProblems(service);
  if (own.length > 0) problems.stop(`service "${service.Name}": ${renderProblemList(own)}`);
  for (const one of parsed) {
    const problem = checkProblem(one);
    if (problem === undefined) continue;
    problems.stop(`service "${service.Name}": check "${one.check.Name ?? ""}": ${problem}`);
    return;
  }
}
