/** Bodies of catalog writes: what they may name, and what the open edition refuses in them. */
import { DecodeError } from "../lib/errors.ts";
import { HttpError, type RoutedRequest } from "./types.ts";
import type { Codec, Infer, JsonValue } from "../wire/schema/codec.ts";
import { fromJsonValue } from "../wire/schema/struct.ts";
import { DeregisterRequest, HealthCheck, RegisterRequest } from "../wire/structs/catalog.ts";
import { CoordinateUpdateRequest } from "../wire/structs/operator.ts";
import { NodeService } from "../wire/structs/service.ts";
import { assertKnownFields, type KnownFields } from "./known-fields.ts";
import { parseJson } from "./respond.ts";

const bodyBytesMax = 16 * 1024 * 1024;
/** Parts of the reference's struct that say nothing here. */
const passedOver = ["PeerName", "Locality"];
/** What of our own struct no client may say. */
const ownOnly: readonly string[] = ["LastTransition"];

const checkFields: KnownFields = {
  names: HealthCheck.fieldNames.filter((name) => !ownOnly.includes(name)),
};
const serviceFields: KnownFields = {
  names: [...NodeService.fieldNames, "tagged_addresses", "socket_path", "enable_tag_override"],
};
const registerFields: KnownFields = {
  names: [...RegisterRequest.fieldNames, ...passedOver],
  inside: { Service: serviceFields, Check: checkFields, Checks: checkFields },
};

/** A registration. Throws `DecodeError`, and `HttpError` 500 for one of a peer. */
export async function registrationIn(request: RoutedRequest): Promise<RegisterRequest> {
  const json = parseJson(await request.body(bodyBytesMax));
  const registration = decode(RegisterRequest, json, registerFields);
  const isImported = Object.entries(json ?? {}).some(
    ([name, value]) => name.toLowerCase() === "peername" && value !== "" && value !== null,
  );
  if (isImported) throw new HttpError(500, "cannot register requests with PeerName in them");
  return registration;
}

/** What is to be taken out. Throws `DecodeError`. */
export async function deregistrationIn(request: RoutedRequest): Promise<DeregisterRequest> {
  const names = [...DeregisterRequest.fieldNames, "PeerName", "Address"];
  return decode(DeregisterRequest, parseJson(await request.body(bodyBytesMax)), { names });
}

/** A coordinate from outside. Throws `DecodeError`. */
export async function coordinateIn(request: RoutedRequest): Promise<Infer<typeof CoordinateUpdateRequest>> {
  const names = [...CoordinateUpdateRequest.fieldNames, "Partition"];
  return decode(CoordinateUpdateRequest, parseJson(await request.body(bodyBytesMax)), { names });
}

function decode<T>(codec: Codec<T>, json: JsonValue, fields: KnownFields): T {
  try {
    assertKnownFields(json, fields);
  } catch (error) {
    if (!(error instanceof DecodeError) || !error.message.endsWith('"Namespace"')) throw error;
    throw new DecodeError(`${error.message} - Namespaces are a Consul Enterprise feature`, { cause: error });
  }
  return fromJsonValue(codec, json);
}
