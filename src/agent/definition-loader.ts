/** Brings configured and persisted definitions into the agent, at start and on reload. */
import type { CheckDefinition, ServiceDefinition as ConfiguredService } from "../config/definitions.ts";
import type { Log } from "../lib/log.ts";
import { RpcError } from "../wire/rpc/method.ts";
import type { JsonObject } from "../wire/schema/codec.ts";
import { HealthCheck } from "../wire/structs/catalog.ts";
import { CheckType, ServiceDefinition } from "../wire/structs/service.ts";
import type { LocalState } from "./local-state.ts";
import type { Persistence } from "./persistence.ts";
import { describeOwnCheck, type CheckSnapshot, type Registrar } from "./registrar.ts";
import { checksOfDefinition, toNodeService } from "./service-rules.ts";
import type { AgentDefinitions } from "./settings.ts";
import { sidecarOf, withoutSidecar } from "./sidecar.ts";

export interface DefinitionLoaderDeps {
  readonly registrar: Registrar;
  readonly state: LocalState;
  readonly persistence: Persistence;
  readonly log: Log;
  readonly nodeName: string;
}

export class DefinitionLoader {
  readonly #deps: DefinitionLoaderDeps;

  constructor(deps: DefinitionLoaderDeps) {
    this.#deps = deps;
  }

  async loadConfigured(definitions: AgentDefinitions, snapshot: CheckSnapshot): Promise<void> {
    for (const service of definitions.services) await this.#configuredService(service, snapshot);
    for (const check of definitions.checks) await this.#configuredCheck(check, snapshot);
  }

  /** What came over HTTP before the restart. A definition of the same id in the configuration wins. */
  async loadPersisted(): Promise<void> {
    const { persistence, registrar, state, log } = this.#deps;
    for (const { Service, Token, Source, LocallyRegisteredAsSidecar } of await persistence.services()) {
      if (Service === null) continue;
      if (Source === "local" || state.service(Service.ID) !== undefined) {
        await persistence.forgetService(Service.ID);
        continue;
      }
      const service = { ...Service, LocallyRegisteredAsSidecar: false };
      const options = { token: Token, fromConfig: false, persist: false, replaceExistingChecks: false };
      await registrar.addService({ ...options, service, checks: [] });
      // Set afterwards: its checks are persisted too, so none are to be made up.
      if (LocallyRegisteredAsSidecar) {
        const kept = state.service(service.ID) ?? service;
        state.putService({ ...kept, LocallyRegisteredAsSidecar: true }, { token: Token, fromConfig: false });
      }
    }
    for (const { Check, ChkType, Token, Source } of await persistence.checks()) {
      if (Check === null) continue;
      const orphan = Check.ServiceID !== "" && state.service(Check.ServiceID) === undefined;
      if (Source === "local" || orphan || state.check(Check.CheckID) !== undefined) {
        await persistence.forgetCheck(Check.CheckID);
        continue;
      }
      try {
        const check = { ...Check, Status: "critical" };
        await registrar.addCheck({
          check,
          type: ChkType ?? undefined,
          token: Token,
          fromConfig: false,
          persist: false,
        });
      } catch (error) {
        log.warn("failed to restore check", { check: Check.CheckID, error: String(error) });
        await persistence.forgetCheck(Check.CheckID);
      }
    }
  }

  /** Replaces what came from the configuration; results of checks that stay are kept. */
  async reload(definitions: AgentDefinitions): Promise<void> {
    const { registrar, state } = this.#deps;
    const snapshot = registrar.snapshot();
    const services = [...state.services]
      .filter(([, row]) => row.fromConfig && !row.deleted)
      .map(([id]) => id);
    const checks = [...state.checks].filter(([, row]) => row.fromConfig && !row.deleted).map(([id]) => id);
    const keptServices = new Set(definitions.services.map(({ ID, Name }) => ID ?? Name));
    for (const id of checks) await registrar.removeCheck(id);
    for (const id of services) if (!keptServices.has(id)) await registrar.removeService(id);
    await this.loadConfigured(definitions, snapshot);
  }

  async #configuredService(configured: ConfiguredService, snapshot: CheckSnapshot): Promise<void> {
    const definition = ServiceDefinition.fromJson(plainJson(configured), "");
    const parent = toNodeService(definition);
    const sidecar = sidecarOf(parent, definition.Token);
    const options = { fromConfig: true, persist: false, replaceExistingChecks: false, snapshot };
    try {
      await this.#deps.registrar.addService({
        ...options,
        service: withoutSidecar(parent),
        checks: checksOfDefinition(definition),
        token: definition.Token,
      });
      if (sidecar !== undefined) await this.#deps.registrar.addService({ ...options, ...sidecar });
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      throw new RpcError(`Failed to register service "${definition.Name}": ${error.message}`, {
        cause: error,
      });
    }
  }

  async #configuredCheck(configured: CheckDefinition, snapshot: CheckSnapshot): Promise<void> {
    const type = CheckType.fromJson(plainJson(configured), "");
    const described = describeOwnCheck(type);
    const previous = snapshot.get(described.CheckID ?? "");
    const check = HealthCheck.make({
      ...described,
      Node: this.#deps.nodeName,
      ServiceID: configured.ServiceID ?? "",
      ...(previous === undefined ? {} : { Status: previous.Status, Output: previous.Output }),
    });
    try {
      await this.#deps.registrar.addCheck({
        check,
        type,
        token: configured.Token ?? "",
        fromConfig: true,
        persist: false,
      });
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      throw new RpcError(`Failed to register check '${type.Name}': ${error.message}`, { cause: error });
    }
  }
}

/** A definition as parsed JSON: unset fields are absent. */
function plainJson(value: object): JsonObject {
  return JSON.parse(JSON.stringify(value)) as JsonObject;
}
