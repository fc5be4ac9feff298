/**
 * What a leader checks and completes in a registration before it is logged.
 *
 * Source: the reference's Catalog.Register.
 */
import type { Authorizer } from "../acl/authorizer.ts";
import { getNode, getService } from "../state/catalog.ts";
import type { StateStore } from "../state/store.ts";
import { PermissionDeniedError, RpcError } from "../wire/rpc/method.ts";
import type { HealthCheck, RegisterRequest } from "../wire/structs/catalog.ts";
import type { NodeService } from "../wire/structs/service.ts";
import { serviceProblem } from "./service-rules.ts";

const uuidLength = 36;
const uuidForm = /^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/;
/** The service that servers register for themselves. */
export const consulService = "consul";

/** The registration with a time on its checks, which counts for those whose status changes. */
export function stamped(request: RegisterRequest, nowMs: number): RegisterRequest {
  const stamp = (check: HealthCheck | null): HealthCheck | null =>
    check === null ? null : { ...check, LastTransition: nowMs };
  const Checks = request.Checks === null ? null : request.Checks.map(stamp);
  return { ...request, Check: stamp(request.Check), Checks };
}

/** The registration to log. Throws `RpcError` with the reference's text. */
export function completeRegistration(request: RegisterRequest, datacenter: string): RegisterRequest {
  if (request.Node === "") throw new RpcError("Must provide node");
  if (request.ID !== "") checkUuid(request.ID);
  if (request.Address === "" && !request.SkipNodeUpdate) {
    throw new RpcError("Must provide address if SkipNodeUpdate is not set");
  }
  const checks = [...(request.Checks ?? []), request.Check].filter((check) => check !== null);
  return {
    ...request,
    Datacenter: request.Datacenter === "" ? datacenter : request.Datacenter,
    Service: request.Service === null ? null : completeService(request.Service),
    Check: null,
    Checks: checks.length === 0 ? null : checks.map((check) => completeCheck(check, request.Node)),
  };
}

function checkUuid(text: string): void {
  if (text.length !== uuidLength) throw new RpcError("Bad node ID: uuid string is wrong length");
  if (!uuidForm.test(text)) throw new RpcError("Bad node ID: uuid is improperly formatted");
}

function completeService(service: NodeService): NodeService {
  const problem = serviceProblem(service);
  if (problem !== undefined) throw new RpcError(problem);
  const id = service.ID === "" ? service.Service : service.ID;
  if (service.Service === "") {
    throw new RpcError(id === "" ? "Must provide service name" : "Must provide service name with ID");
  }
  if (["0.0.0.0", "::", "[::]"].includes(service.Address)) throw new RpcError("Invalid service address");
  return { ...service, ID: id };
}

function completeCheck(check: HealthCheck, node: string): HealthCheck {
  return {
    ...check,
    Node: check.Node === "" ? node : check.Node,
    CheckID: check.CheckID === "" ? check.Name : check.CheckID,
    Type: check.Type === "" ? typeOfCheck(check.Definition) : check.Type,
  };
}

/** How a definition is run, by the reference's names; "" for a check that someone else sets. */
function typeOfCheck(definition: HealthCheck["Definition"]): string {
  const periodic = definition.Interval > 0;
  const script = (definition.ScriptArgs ?? []).length > 0;
  if (definition.GRPC !== "" && periodic) return "grpc";
  if (definition.HTTP !== "" && periodic) return "http";
  if (definition.TTL > 0) return "ttl";
  if (definition.TCP !== "" && periodic) return "tcp";
  if (definition.UDP !== "" && periodic) return "udp";
  if (definition.AliasNode !== "" || definition.AliasService !== "") return "alias";
  if (script && definition.DockerContainerID !== "" && periodic) return "docker";
  if (script) return "script";
  if (definition.H2PING !== "" && periodic) return "h2ping";
  return definition.OSService !== "" && periodic ? "os_service" : "";
}

/** Throws `PermissionDeniedError` unless the caller may write all that the registration changes. */
export function authorizeRegistration(
  store: StateStore,
  authorizer: Authorizer,
  request: RegisterRequest,
): void {
  const node = getNode(store, request.Node);
  const changesNode =
    node === undefined ||
    (!request.SkipNodeUpdate && (node.ID !== request.ID || node.Address !== request.Address));
  const nodeChecks = (request.Checks ?? []).some((check) => check?.ServiceID === "");
  if ((changesNode || nodeChecks) && !authorizer.nodeWrite(request.Node)) throw new PermissionDeniedError();
  const services = new Set<string>();
  if (request.Service !== null) {
    services.add(request.Service.Service);
    if (request.Service.Kind === "connect-proxy") services.add(request.Service.Proxy.DestinationServiceName);
    const replaced = getService(store, request.Node, request.Service.ID);
    if (replaced !== undefined) services.add(replaced.Service);
  }
  for (const check of request.Checks ?? []) {
    const concerned = check === null ? undefined : getService(store, request.Node, check.ServiceID);
    if (concerned !== undefined) services.add(concerned.Service);
  }
  for (const service of services) {
    if (service !== "" && !authorizer.serviceWrite(service)) throw new PermissionDeniedError();
  }
}
