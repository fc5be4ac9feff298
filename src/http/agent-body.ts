/** Bodies of registrations: decoded as Go's strict decoder does, with names in either spelling. */
import { DecodeError } from "../lib/errors.ts";
import type { JsonObject, JsonValue } from "../wire/schema/codec.ts";
import { fromJsonValue } from "../wire/schema/struct.ts";
import { CheckType, ServiceDefinition } from "../wire/structs/service.ts";
import { parseJson } from "./respond.ts";
import { HttpError, type RoutedRequest } from "./types.ts";

/** Definitions are small; this leaves room for many checks. */
const bodyBytesMax = 4 * 1024 * 1024;

const placeNames: readonly string[] = ["locality"];
const checkNames: ReadonlySet<string> = new Set([
  ...CheckType.fieldNames.map((name) => name.toLowerCase()),
  "id",
  "args",
  "serviceid",
  "token",
]);
const serviceNames: ReadonlySet<string> = new Set([
  ...Object.keys(ServiceDefinition.zero).map((name) => name.toLowerCase()),
  ...placeNames,
  "service",
]);

const updateNames: ReadonlySet<string> = new Set(["status", "output"]);

export interface CheckBody {
  readonly type: CheckType;
  readonly serviceId: string;
  readonly token: string;
}

/** A check's definition from a body. Throws `HttpError` 400. */
export async function checkBody(request: RoutedRequest): Promise<CheckBody> {
  return decoded(request, (body) => {
    assertKnown(body, checkNames);
    return {
      type: fromJsonValue(CheckType, withCheckDefaults(body)),
      serviceId: textMember(body, "serviceid"),
      token: textMember(body, "token"),
    };
  });
}

/** A service's definition from a body. Throws `HttpError` 400. */
export async function serviceBody(request: RoutedRequest): Promise<ServiceDefinition> {
  return decoded(request, (body) => {
    assertKnown(body, serviceNames);
    return fromJsonValue(ServiceDefinition, mapMembers(body, checkMember));
  });
}

/** Status and output of a check from a body. Throws `HttpError` 400. */
export async function updateBody(
  request: RoutedRequest,
): Promise<{ readonly status: string; readonly output: string }> {
  return decoded(request, (body) => {
    assertKnown(body, updateNames);
    return { status: textMember(body, "status"), output: textMember(body, "output") };
  });
}

async function decoded<T>(request: RoutedRequest, read: (body: JsonObject) => T): Promise<T> {
  const bytes = await request.body(bodyBytesMax);
  try {
    const body = parseJson(bytes);
    if (body === null) return read({});
    if (!isObject(body)) throw new DecodeError("json: cannot unmarshal the body into a Go struct");
    return read(body);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw new HttpError(400, `Request decode failed: ${error.message}`);
  }
}

/** A member of a service, with what its checks leave out. Throws `DecodeError` for unknown names. */
function checkMember(name: string, member: JsonValue): JsonValue {
  const complete = (check: JsonValue): JsonValue => {
    if (!isObject(check)) return check;
    assertKnown(check, checkNames);
    return withCheckDefaults(check);
  };
  const folded = fold(name);
  if (folded === "check") return complete(member);
  return folded === "checks" && Array.isArray(member) ? member.map(complete) : member;
}

function mapMembers(body: JsonObject, map: (name: string, member: JsonValue) => JsonValue): JsonObject {
  return Object.fromEntries(Object.entries(body).map(([name, member]) => [name, map(name, member)]));
}

/** HTTP/2 pings go over TLS unless the definition says otherwise. */
function withCheckDefaults(check: JsonObject): JsonObject {
  const names = Object.keys(check).map(fold);
  const isPing = textMember(check, "h2ping") !== "";
  return isPing && !names.includes("h2pingusetls") ? { ...check, H2PingUseTLS: true } : check;
}

/** Names are told apart neither by case nor by underscores. */
function fold(name: string): string {
  return name.replaceAll("_", "").toLowerCase();
}

function assertKnown(body: JsonObject, names: ReadonlySet<string>): void {
  for (const name of Object.keys(body)) {
    if (!names.has(fold(name))) throw new DecodeError(`json: unknown field ${JSON.stringify(name)}`);
  }
}

function textMember(body: JsonObject, wanted: string): string {
  for (const [name, value] of Object.entries(body)) {
    if (fold(name) !== wanted || value === null) continue;
    if (typeof value !== "string")
      throw new DecodeError(`json: cannot unmarshal ${name} into Go value of type string`);
    return value;
  }
  return "";
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
