/**
 * Limits of service and node metadata. Source: the reference's ValidateServiceMetadata and
 * ValidateNodeMetadata; texts are what clients see.
 */
const pairsMax = 64;
const keyBytesMax = 128;
const valueBytesMax = 512;
const reservedPrefix = "consul-";
const keyFormat = /^[a-zA-Z0-9_-]+$/;

/** Reserved keys that registrations of these kinds may carry. */
const gatewayKeys = [
  "consul-wan-federation",
  "consul-non-default-partition-name",
  "consul-version",
  "consul-grpc-port",
  "consul-grpc-tls-port",
];

/** What is wrong with a service's metadata, or `undefined`. */
export function serviceMetaProblem(service: {
  readonly Kind: string;
  readonly Meta: Readonly<Record<string, string>> | null;
}): string | undefined {
  const allowed = service.Kind === "mesh-gateway" ? gatewayKeys : [];
  return metaProblem(service.Meta, (key) => allowed.includes(key));
}

/** What is wrong with metadata; `mayUse` tells which reserved keys are allowed. */
export function metaProblem(
  meta: Readonly<Record<string, string>> | null,
  mayUse: (reservedKey: string) => boolean,
): string | undefined {
  if (meta === null) return undefined;
  const pairs = Object.entries(meta);
  if (pairs.length > pairsMax) return `Node metadata cannot contain more than ${pairsMax} key/value pairs`;
  for (const [key, value] of pairs) {
    const problem = pairProblem(key, value, mayUse);
    if (problem !== undefined) return `Couldn't load metadata pair ('${key}', '${value}'): ${problem}`;
  }
  return undefined;
}

function pairProblem(key: string, value: string, mayUse: (key: string) => boolean): string | undefined {
  if (key === "") return "Key cannot be blank";
  if (!keyFormat.test(key)) return "Key contains invalid characters";
  if (key.length > keyBytesMax) return `Key is too long (limit: ${keyBytesMax} characters)`;
  if (key.startsWith(reservedPrefix) && !mayUse(key)) {
    return `Key prefix '${reservedPrefix}' is reserved for internal use`;
  }
  const valueBytes = new TextEncoder().encode(value).length;
  if (valueBytes > valueBytesMax) return `Value is too long (limit: ${valueBytesMax} characters)`;
  return undefined;
}
