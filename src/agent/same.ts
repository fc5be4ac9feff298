/** Whether the servers' copy says the same as ours. Raft indexes do not count, nor does nil against empty. */
import { HealthCheckDefinition, type HealthCheck } from "../wire/structs/catalog.ts";
import { NodeService } from "../wire/structs/service.ts";

export function sameService(a: NodeService, b: NodeService): boolean {
  return serviceKey(a) === serviceKey(b);
}

function serviceKey(service: NodeService): string {
  return NodeService.json({
    ...service,
    Tags: service.Tags ?? [],
    Meta: service.Meta ?? {},
    CreateIndex: 0,
    ModifyIndex: 0,
  });
}

export function sameCheck(a: HealthCheck, b: HealthCheck): boolean {
  return checkKey(a) === checkKey(b);
}

function checkKey(check: HealthCheck): string {
  const { Node, CheckID, Name, Status, Notes, Output, ServiceID, ServiceName, ServiceTags, Definition } =
    check;
  const texts = [Node.toLowerCase(), CheckID, Name, Status, Notes, Output, ServiceID, ServiceName];
  return JSON.stringify([texts, ServiceTags ?? [], HealthCheckDefinition.json(Definition)]);
}

/** Equal texts under equal names. */
export function sameRecord(
  a: Readonly<Record<string, string>> | null,
  b: Readonly<Record<string, string>> | null,
): boolean {
  const left = Object.entries(a ?? {});
  return left.length === Object.keys(b ?? {}).length && left.every(([name, value]) => b?.[name] === value);
}
