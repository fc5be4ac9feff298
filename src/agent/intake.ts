/**
 * Registrations as they arrive over HTTP: checked first, with the reference's texts, then handed on.
 *
 * What is wrong with a definition rejects with `InvalidDefinitionError`; what the agent refuses otherwise with
 * the registrar's `RpcError`.
 */
import { ProconsulError } from "../lib/errors.ts";
import { RpcError } from "../wire/rpc/method.ts";
import { HealthCheck } from "../wire/structs/catalog.ts";
import type { CheckType, NodeService, ServiceDefinition } from "../wire/structs/service.ts";
import { checkProblem, checkStatuses } from "./check-kind.ts";
import { describeOwnCheck, type Registrar } from "./registrar.ts";
import {
  checksOfDefinition,
  checksProblem,
  isAnyAddress,
  metaProblem,
  serviceProblem,
  toNodeService,
  weightsProblem,
} from "./service-rules.ts";
import { sidecarOf, withoutSidecar, type Sidecar } from "./sidecar.ts";

/** The caller's definition cannot be registered. */
export class InvalidDefinitionError extends ProconsulError {
  readonly code = "invalid-definition";
}

/** A check with the service it belongs to; "" for the node. */
export interface CheckIntake {
  readonly type: CheckType;
  readonly serviceId: string;
  readonly token: string;
}
export interface ServiceIntakeOptions {
  readonly token: string;
  /** Checks of the service that the definition does not name are removed. */
  readonly replaceExistingChecks: boolean;
}

export class Intake {
  readonly #registrar: Registrar;
  readonly #nodeName: string;

  constructor(registrar: Registrar, nodeName: string) {
    this.#registrar = registrar;
    this.#nodeName = nodeName;
  }

  /** Registers a service, its checks and its sidecar. */
  async service(definition: ServiceDefinition, options: ServiceIntakeOptions): Promise<void> {
    if (definition.Name === "") throw new InvalidDefinitionError("Missing service name");
    if (isAnyAddress(definition.Address)) throw new InvalidDefinitionError("Invalid service address");
    const service = toNodeService(definition);
    assertService(service);
    const checks = checksOfDefinition(definition);
    assertChecks(checks, "Invalid check");
    const sidecar = sidecarFor(service, definition, options.token);
    const common = {
      persist: true,
      fromConfig: false,
      replaceExistingChecks: options.replaceExistingChecks,
    };
    await this.#registrar.addService({
      ...common,
      service: withoutSidecar(service),
      checks,
      token: options.token,
    });
    if (sidecar !== undefined) await this.#registrar.addService({ ...common, ...sidecar });
  }

  /** Registers a check. */
  async check({ type, serviceId, token }: CheckIntake): Promise<void> {
    if (type.Name === "") throw new InvalidDefinitionError("Missing check name");
    if (type.Status !== "" && !checkStatuses.includes(type.Status)) {
      throw new InvalidDefinitionError("Bad check status");
    }
    const problem = checkProblem(type);
    if (problem !== undefined) throw new InvalidDefinitionError(`Invalid check: ${problem}`);
    const check = HealthCheck.make({ ...describeOwnCheck(type), Node: this.#nodeName, ServiceID: serviceId });
    await this.#registrar.addCheck({ check, type, token, fromConfig: false, persist: true });
  }

  /** Takes the word of a TTL check's owner. As `Registrar.reportTtl`. */
  report(checkId: string, status: string, output: string): Promise<void> | undefined {
    if (!checkStatuses.includes(status))
      throw new InvalidDefinitionError(`Invalid check status: '${status}'`);
    return this.#registrar.reportTtl(checkId, status, output);
  }
}

function assertService(service: NodeService): void {
  const weights = weightsProblem(service.Weights);
  if (weights !== undefined) throw new InvalidDefinitionError(`Invalid Weights: ${weights}`);
  const meta = metaProblem(service.Kind, service.Meta);
  if (meta !== undefined) throw new InvalidDefinitionError(`Invalid Service Meta: ${meta}`);
  const problem = serviceProblem(service);
  if (problem !== undefined) throw new InvalidDefinitionError(problem);
}

function assertChecks(checks: readonly CheckType[], where: string): void {
  const problem = checksProblem(checks);
  if (problem !== undefined) throw new InvalidDefinitionError(`${where}: ${problem}`);
  if (checks.some(({ Status }) => Status !== "" && !checkStatuses.includes(Status))) {
    throw new InvalidDefinitionError("Status for checks must 'passing', 'warning', 'critical'");
  }
}

function sidecarFor(service: NodeService, definition: ServiceDefinition, token: string): Sidecar | undefined {
  const nested = definition.Connect?.SidecarService ?? null;
  if (nested === null) return undefined;
  assertChecks(checksOfDefinition(nested), "Invalid check in sidecar_service");
  let sidecar: Sidecar | undefined;
  try {
    sidecar = sidecarOf(service, token);
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    throw new InvalidDefinitionError(`Invalid SidecarService: ${error.message}`, { cause: error });
  }
  if (sidecar === undefined) return undefined;
  // The port comes later: any will do to see the other problems.
  const problem = serviceProblem({ ...sidecar.service, Port: Math.max(1, sidecar.service.Port) });
  if (problem !== undefined) throw new InvalidDefinitionError(`Failed Validation: ${problem}`);
  return sidecar;
}
