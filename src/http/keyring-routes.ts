/** `/v1/operator/keyring`: the keys that encrypt gossip, in every pool at once. Source: the reference's HTTP API. */
import { DecodeError } from "../lib/errors.ts";
import { internalKeyringOperation } from "../wire/rpc/gossip-methods.ts";
import { list, ptr } from "../wire/schema/collections.ts";
import { bool, str, uint } from "../wire/schema/scalars.ts";
import { fromJsonValue, struct } from "../wire/schema/struct.ts";
import { KeyringOperationRequest, KeyringResponse } from "../wire/structs/gossip.ts";
import { tokenOf } from "./read-params.ts";
import { assertKnownFields } from "./known-fields.ts";
import { jsonResponse, parseJson, plainResponse, renderJson } from "./respond.ts";
import { HttpError, type HttpContext, type HttpResponse, type Route, type RoutedRequest } from "./types.ts";

const bodyBytesMax = 64 * 1024;
const relayFactorMax = 5;

const KeyringBody = struct("keyringArgs", { Key: str, Token: str, RelayFactor: uint, LocalOnly: bool });

const operations: Readonly<Record<string, string>> = {
  GET: "list",
  POST: "install",
  PUT: "use",
  DELETE: "remove",
};

async function keyring(request: RoutedRequest, context: HttpContext): Promise<HttpResponse> {
  const operation = operations[request.method] ?? "list";
  const body = operation === "list" ? KeyringBody.zero : await bodyOf(request);
  const args = KeyringOperationRequest.make({
    Operation: operation,
    Key: body.Key,
    RelayFactor: relayFactorOf(request) ?? body.RelayFactor,
    LocalOnly: localOnlyOf(request, operation) ?? body.LocalOnly,
    Token: tokenOf(request) || body.Token,
  });
  const { Responses } = await context.rpc.call(internalKeyringOperation, args, request.signal);
  const problems = (Responses ?? []).flatMap((one) => (one === null ? [] : problemsOf(one)));
  if (problems.length > 0) throw new HttpError(500, renderProblems(problems));
  if (operation !== "list") return plainResponse(200, "");
  return jsonResponse(request, renderJson(list(ptr(KeyringResponse)), Responses));
}

async function bodyOf(request: RoutedRequest): Promise<typeof KeyringBody.zero> {
  try {
    const json = parseJson(await request.body(bodyBytesMax));
    assertKnownFields(json, { names: KeyringBody.fieldNames });
    return fromJsonValue(KeyringBody, json);
  } catch (error) {
    if (error instanceof DecodeError) throw new HttpError(400, `Request decode failed: ${error.message}`);
    throw error;
  }
}

function relayFactorOf({ query }: RoutedRequest): number | undefined {
  const text = query.get("relay-factor");
  if (text === "") return undefined;
  if (!/^[+-]?\d+$/.test(text)) {
    const why = `strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`;
    throw new HttpError(400, `Error parsing relay factor: ${why}`);
  }
  const factor = Number(text);
  if (factor < 0 || factor > relayFactorMax)
    throw new HttpError(400, `Invalid relay-factor: Relay factor must be in range: [0, ${relayFactorMax}]`);
  return factor;
}

function localOnlyOf({ query }: RoutedRequest, operation: string): boolean | undefined {
  const text = query.get("local-only");
  if (text === "") return undefined;
  const isTrue = /^(?:1|t|T|true|TRUE|True)$/.test(text);
  if (!isTrue && !/^(?:0|f|F|false|FALSE|False)$/.test(text)) {
    const why = `strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`;
    throw new HttpError(400, `Error parsing local-only: ${why}`);
  }
  if (isTrue && operation !== "list")
    throw new HttpError(400, "Invalid use of local-only: local-only can only be set for list requests");
  return isTrue;
}

/** What went wrong in one pool, and at which nodes. */
function problemsOf({ Error: problem, WAN: wan, Datacenter, Segment, Messages }: KeyringResponse): string[] {
  if (problem === "") return [];
  const pool = wan ? "WAN" : `${Datacenter} (LAN)`;
  const segment = Segment === "" ? "" : ` [segment: ${Segment}]`;
  return [
    `${pool}${segment} error: ${problem}`,
    ...Object.entries(Messages ?? {}).map(([node, message]) => `${node}: ${message}`),
  ];
}

/** Several errors in one text, as clients of the reference know them. */
function renderProblems(problems: readonly string[]): string {
  const count = problems.length === 1 ? "1 error" : `${problems.length} errors`;
  return `${count} occurred:\n${problems.map((one) => `\t* ${one}\n`).join("")}\n`;
}

export const keyringRoutes: readonly Route[] = [
  { pattern: "/v1/operator/keyring", methods: ["GET", "POST", "PUT", "DELETE"], handle: keyring },
];
