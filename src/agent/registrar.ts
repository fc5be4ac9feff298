/**
 * Registers and removes services and checks: state, runners and files change together.
 *
 * Source: the reference's agent (AddService, AddCheck and what they call). Failures reject with `RpcError`,
 * whose text clients see.
 */
import { renderDuration } from "../lib/duration.ts";
import { RpcError } from "../wire/rpc/method.ts";
import { HealthCheck } from "../wire/structs/catalog.ts";
import type { CheckType, NodeService } from "../wire/structs/service.ts";
import { checkKind, checkProblem, isScript } from "./check-kind.ts";
import { Persistence } from "./persistence.ts";
import { RunnerTable } from "./runner-table.ts";
import type { RunnerDeps } from "./runner.ts";
import { withTaggedAddresses } from "./service-rules.ts";
import type { AgentSettings } from "./settings.ts";
import { sidecarChecks, sidecarId, sidecarPort } from "./sidecar.ts";

const millisecondNs = 1e6;
const nodeMaintenanceId = "_node_maintenance";
const serviceMaintenancePrefix = "_service_maintenance:";

/** Status and output that a check had before, by id. */
export type CheckSnapshot = ReadonlyMap<string, HealthCheck>;

/** Where a registration came from, and whether it is to survive a restart. */
export interface RegistrationOptions {
  readonly token: string;
  readonly fromConfig: boolean;
  readonly persist: boolean;
}
export interface ServiceRegistration extends RegistrationOptions {
  readonly service: NodeService;
  readonly checks: readonly CheckType[];
  readonly replaceExistingChecks: boolean;
  /** Results to keep; by default those of the checks in place. */
  readonly snapshot?: CheckSnapshot;
}
export interface CheckRegistration extends RegistrationOptions {
  readonly check: HealthCheck;
  /** `undefined` for maintenance checks, which nobody runs. */
  readonly type: CheckType | undefined;
}

export interface RegistrarDeps extends RunnerDeps {
  readonly settings: AgentSettings;
  readonly persistence: Persistence;
  readonly userToken: () => string;
}

export class Registrar {
  readonly #deps: RegistrarDeps;
  readonly #runners: RunnerTable;
  /** When a service goes whose check stays critical, by check id. */
  readonly #reapAfterMs = new Map<string, number>();

  constructor(deps: RegistrarDeps) {
    this.#deps = deps;
    this.#runners = new RunnerTable(deps);
  }

  stop(): void {
    this.#runners.stopAll();
  }

  /** Numbers for the agent's statistics. */
  counts(): { readonly monitors: number; readonly ttls: number } {
    return { monitors: this.#runners.count("script"), ttls: this.#runners.count("ttl") };
  }

  snapshot(): CheckSnapshot {
    return new Map(this.#deps.state.allChecks().map((check) => [check.CheckID, check]));
  }

  async addService(registration: ServiceRegistration): Promise<void> {
    const { state, settings, persistence } = this.#deps;
    const { token, fromConfig, persist } = registration;
    const { service, types } = this.#completed(registration);
    const problem = taggedAddressProblem(service);
    if (problem !== undefined) throw new RpcError(problem);
    for (const type of types) this.#assertRunnable(type, fromConfig);
    const before = registration.snapshot ?? this.snapshot();
    const checks = types.map((type, at) =>
      serviceCheck(
        { service, type, before },
        checkIdOf(service, type, { at, count: types.length }),
        settings.nodeName,
      ),
    );
    const previous = state.checksOf(service.ID, false).map(({ CheckID }) => CheckID);
    state.putService(service, { token, fromConfig });
    await Promise.all(
      checks.map((check, at) => this.#startCheck({ check, type: types[at], token, fromConfig, persist })),
    );
    if (persist) {
      await persistence.saveService({
        Token: token,
        Service: service,
        Source: "remote",
        LocallyRegisteredAsSidecar: service.LocallyRegisteredAsSidecar,
      });
    }
    if (!registration.replaceExistingChecks) return;
    const kept = new Set(checks.map(({ CheckID }) => CheckID));
    for (const id of previous) if (!kept.has(id)) await this.removeCheck(id);
  }

  async addCheck(registration: CheckRegistration): Promise<void> {
    const { check, type, fromConfig } = registration;
    if (check.CheckID === "") throw new RpcError("CheckID missing");
    if (type !== undefined) this.#assertRunnable(type, fromConfig);
    if (check.ServiceID === "") return this.#startCheck(registration);
    const service = this.#deps.state.service(check.ServiceID);
    if (service === undefined)
      throw new RpcError(`ServiceID ${JSON.stringify(check.ServiceID)} does not exist`);
    const owned = { ...check, ServiceName: service.Service, ServiceTags: service.Tags };
    return this.#startCheck({ ...registration, check: owned });
  }

  /** Removes a service with its checks and its sidecar. Nothing happens when there is none. */
  async removeService(id: string): Promise<void> {
    if (id === "") throw new RpcError("ServiceID missing");
    const { state, persistence, log } = this.#deps;
    const checkIds = state.checksOf(id, false).map(({ CheckID }) => CheckID);
    if (!state.removeService(id))
      log.warn("failed to deregister service", { service: id, error: "unknown service" });
    const checksGone = Promise.all(checkIds.map((checkId) => this.removeCheck(checkId)));
    await persistence.forgetService(id);
    await checksGone;
    const beside = state.service(sidecarId(id));
    if (beside?.LocallyRegisteredAsSidecar === true) await this.removeService(beside.ID);
  }

  async removeCheck(id: string): Promise<void> {
    if (id === "") throw new RpcError("CheckID missing");
    this.#runners.stop(id);
    this.#reapAfterMs.delete(id);
    this.#deps.state.removeCheck(id);
    await this.#deps.persistence.forgetCheck(id);
  }

  /**
   * Takes the word of a TTL check's owner. A changed status must be in its file (the promise) and in the
   * catalog (`Agent.settled`) before it is acknowledged; a renewal is written behind. Throws `RpcError` when there is
   * no such check.
   */
  reportTtl(checkId: string, status: string, output: string): Promise<void> | undefined {
    const runner = this.#runners.ttl(checkId);
    if (runner === undefined)
      throw new RpcError(`CheckID ${JSON.stringify(checkId)} does not have associated TTL`);
    const before = this.#deps.state.check(checkId)?.Status;
    const kept = runner.report(status, output);
    const expiresMs = this.#deps.clock.wallMs() + runner.ttlMs;
    const saved = this.#deps.persistence.saveState({
      CheckID: checkId,
      Output: kept,
      Status: status,
      Expires: Math.floor(expiresMs / 1000),
    });
    return before === status ? undefined : saved;
  }

  async setNodeMaintenance(enable: boolean, reason: string, token: string): Promise<void> {
    const fallback =
      "Maintenance mode is enabled for this node, but no reason was provided. This is a default message.";
    const check = {
      CheckID: nodeMaintenanceId,
      Name: "Node Maintenance Mode",
      Notes: reason === "" ? fallback : reason,
    };
    await this.#setMaintenance(enable, check, token);
  }

  /** Throws `RpcError` when the service is not registered. */
  async setServiceMaintenance(
    serviceId: string,
    wanted: { readonly enable: boolean; readonly reason: string },
    token: string,
  ): Promise<void> {
    const service = this.#deps.state.service(serviceId);
    if (service === undefined)
      throw new RpcError(`No service registered with ID ${JSON.stringify(serviceId)}`);
    const fallback =
      "Maintenance mode is enabled for this service, but no reason was provided. This is a default message.";
    const check = {
      CheckID: serviceMaintenancePrefix + serviceId,
      Name: "Service Maintenance Mode",
      Notes: wanted.reason === "" ? fallback : wanted.reason,
      ServiceID: service.ID,
      ServiceName: service.Service,
      ServiceTags: service.Tags,
    };
    await this.#setMaintenance(wanted.enable, check, token);
  }

  /** Removes services one of whose checks has been critical for too long. */
  async reap(): Promise<void> {
    const { state, clock, log } = this.#deps;
    const nowMs = clock.monotonicMs();
    const gone = new Set<string>();
    for (const [checkId, afterMs] of this.#reapAfterMs) {
      const row = state.checks.get(checkId);
      const since = row?.criticalSinceMs;
      const serviceId = row?.value?.ServiceID ?? "";
      if (row === undefined || row.deleted || serviceId === "" || since === undefined) continue;
      if (nowMs - since > afterMs) gone.add(serviceId);
    }
    for (const id of gone) {
      log.info("deregistering a service whose health has been critical for too long", { service: id });
      await this.removeService(id);
    }
  }

  async #setMaintenance(enable: boolean, given: Partial<HealthCheck>, token: string): Promise<void> {
    const id = given.CheckID ?? "";
    const exists = this.#deps.state.check(id) !== undefined;
    if (exists === enable) return;
    if (!enable) return this.removeCheck(id);
    const check = HealthCheck.make({
      ...given,
      Node: this.#deps.settings.nodeName,
      Status: "critical",
      Type: "maintenance",
    });
    await this.addCheck({ check, type: undefined, token, fromConfig: false, persist: true });
  }

  /** The service with what the agent fills in, and its checks. */
  #completed({ service: given, checks }: ServiceRegistration): {
    readonly service: NodeService;
    readonly types: readonly CheckType[];
  } {
    let service = given;
    if (service.LocallyRegisteredAsSidecar && service.Port < 1) {
      const { state, settings } = this.#deps;
      service = { ...service, Port: sidecarPort(service.ID, state.allServices(), settings.sidecarPorts) };
    }
    const types = service.LocallyRegisteredAsSidecar && checks.length === 0 ? sidecarChecks(service) : checks;
    const weighted = { ...service, Weights: service.Weights ?? { Passing: 1, Warning: 1 } };
    return { service: withTaggedAddresses(weighted), types };
  }

  async #startCheck({ check, type, token, fromConfig, persist }: CheckRegistration): Promise<void> {
    const { state, settings, persistence, log } = this.#deps;
    state.putCheck(check, { token, fromConfig });
    if (type !== undefined) {
      const syncToken = token === "" ? this.#deps.userToken() : token;
      this.#runners.start({ checkId: check.CheckID, type, token: syncToken });
      const afterMs = type.DeregisterCriticalServiceAfter / millisecondNs;
      if (afterMs > 0) {
        if (afterMs < settings.checks.deregisterMinMs) {
          log.warn("check has deregister interval below minimum", { check: check.CheckID });
        }
        this.#reapAfterMs.set(check.CheckID, Math.max(afterMs, settings.checks.deregisterMinMs));
      } else this.#reapAfterMs.delete(check.CheckID);
      if (type.TTL > 0) await this.#restoreState(check.CheckID);
    }
    if (!persist) return;
    await persistence.saveCheck({ Check: check, ChkType: type ?? null, Token: token, Source: "remote" });
  }

  /** A TTL check comes up as it was, if its time has not run out meanwhile. */
  async #restoreState(checkId: string): Promise<void> {
    const { persistence, clock, state } = this.#deps;
    const saved = await persistence.state(checkId);
    if (saved === undefined || clock.wallMs() / 1000 >= saved.Expires) return;
    state.updateCheck(checkId, saved.Status, saved.Output);
  }

  #assertRunnable(type: CheckType, fromConfig: boolean): void {
    const problem = checkProblem(type);
    if (problem !== undefined) throw new RpcError(`Check is not valid: ${problem}`);
    if (!isScript(type)) return;
    const { enableLocalScripts, enableRemoteScripts } = this.#deps.settings.checks;
    if (fromConfig && !enableLocalScripts) {
      throw new RpcError(
        "Scripts are disabled on this agent; to enable, configure 'enable_script_checks' or 'enable_local_script_checks' to true",
      );
    }
    if (!fromConfig && !enableRemoteScripts) {
      throw new RpcError(
        "Scripts are disabled on this agent from remote calls; to enable, configure 'enable_script_checks' to true",
      );
    }
  }
}

function checkIdOf(
  service: NodeService,
  type: CheckType,
  { at, count }: { readonly at: number; readonly count: number },
): string {
  if (type.CheckID !== "") return type.CheckID;
  return count > 1 ? `service:${service.ID}:${at + 1}` : `service:${service.ID}`;
}

function serviceCheck(
  {
    service,
    type,
    before,
  }: { readonly service: NodeService; readonly type: CheckType; readonly before: CheckSnapshot },
  checkId: string,
  nodeName: string,
): HealthCheck {
  const previous = before.get(checkId);
  return HealthCheck.make({
    ...describeCheck(type),
    Node: nodeName,
    CheckID: checkId,
    Name: type.Name === "" ? `Service '${service.Service}' check` : type.Name,
    ServiceID: service.ID,
    ServiceName: service.Service,
    ServiceTags: service.Tags,
    ...(previous === undefined ? {} : { Status: previous.Status, Output: previous.Output }),
  });
}

/** What a check's definition says about its catalog entry. */
export function describeCheck(type: CheckType): Partial<HealthCheck> {
  return {
    CheckID: type.CheckID === "" ? type.Name : type.CheckID,
    Name: type.Name,
    Status: type.Status === "" ? "critical" : type.Status,
    Notes: type.Notes,
    Type: checkKind(type),
    Interval: type.Interval === 0 ? "" : renderDuration(type.Interval),
    Timeout: type.Timeout === 0 ? "" : renderDuration(type.Timeout),
  };
}

/** The same of a check that is defined by itself: those of a service leave out the times that they do not have. */
export function describeOwnCheck(type: CheckType): Partial<HealthCheck> {
  return {
    ...describeCheck(type),
    Interval: renderDuration(type.Interval),
    Timeout: renderDuration(type.Timeout),
  };
}

const ipv4 = /^(\d{1,3})(\.\d{1,3}){3}$/;
function taggedAddressProblem(service: NodeService): string | undefined {
  for (const [name, { Address }] of Object.entries(service.TaggedAddresses ?? {})) {
    const wantsV4 = name === "lan_ipv4" || name === "wan_ipv4";
    const wantsV6 = name === "lan_ipv6" || name === "wan_ipv6";
    if (wantsV4 && !ipv4.test(Address))
      return `Service tagged address "${name}" must be a valid ipv4 address`;
    if (wantsV6 && !Address.includes(":"))
      return `Service tagged address "${name}" must be a valid ipv6 address`;
  }
  return undefined;
}
