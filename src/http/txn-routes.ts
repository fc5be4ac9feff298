/** `/v1/txn`: transactions. Those that only read go to the read endpoint, which needs no log entry. */
import { DecodeError } from "../lib/errors.ts";
import { txnApply, txnRead } from "../wire/rpc/methods.ts";
import { kvWriteVerbs } from "../wire/structs/kv.ts";
import { TxnResponse, type TxnOp, type TxnReadResponse } from "../wire/structs/txn.ts";
import { checkBodyLength } from "./kv-params.ts";
import { contactHeaders } from "./read-headers.ts";
import { datacenterOf, readParams, tokenOf } from "./read-params.ts";
import { jsonResponse, parseJson } from "./respond.ts";
import { txnOps } from "./txn-ops.ts";
import { HttpError, type HttpContext, type HttpResponse, type Route, type RoutedRequest } from "./types.ts";

const opsMax = 128;
const limitHelp = "https://www.consul.io/docs/agent/config/config-files#txn_max_req_len";

async function handle(request: RoutedRequest, context: HttpContext): Promise<HttpResponse> {
  const Ops = await givenOps(request, context);
  if (!Ops.some(isWrite)) {
    const params = readParams(request, context);
    const reply = await context.rpc.call(txnRead, { ...params, Ops }, request.signal);
    return answer(request, { reply, json: readJson(reply), headers: contactHeaders(reply) });
  }
  const Datacenter = datacenterOf(request, context);
  const reply = await context.rpc.call(txnApply, { Datacenter, Ops, Token: tokenOf(request) });
  return answer(request, { reply, json: TxnResponse.json(reply), headers: {} });
}

async function givenOps(request: RoutedRequest, context: HttpContext): Promise<readonly TxnOp[]> {
  const bytesMax = Math.max(context.txnBytesMax, context.kvValueBytesMax);
  checkBodyLength(request, bytesMax, limitHelp);
  const body = await request.body(bytesMax);
  try {
    const json = parseJson(body);
    const count = Array.isArray(json) ? json.length : 0;
    if (count > opsMax) {
      throw new HttpError(413, `Transaction contains too many operations (${count} > ${opsMax})`);
    }
    return txnOps(json, context);
  } catch (error) {
    if (error instanceof DecodeError) throw new HttpError(400, `Failed to parse body: ${error.message}`);
    throw error;
  }
}

function isWrite({ KV, Node, Service, Check }: TxnOp): boolean {
  if (KV !== null) return kvWriteVerbs.has(KV.Verb);
  return (Node ?? Service ?? Check)?.Verb !== "get";
}

interface Answer {
  readonly reply: TxnResponse;
  readonly json: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** 409 says that nothing was done. */
function answer(request: RoutedRequest, { reply, json, headers }: Answer): HttpResponse {
  const response = jsonResponse(request, json, headers);
  return (reply.Errors ?? []).length > 0 ? { ...response, status: 409 } : response;
}

/** This reply alone shows its metadata in the body. */
function readJson(reply: TxnReadResponse): string {
  const { Index, LastContact, KnownLeader } = reply;
  const meta = `"Index":${Index},"LastContact":${LastContact},"KnownLeader":${KnownLeader}`;
  return `${TxnResponse.json(reply).slice(0, -1)},${meta},"ConsistencyLevel":"","NotModified":false,"Backend":0,"ResultsFilteredByACLs":false}`;
}

export const txnRoutes: readonly Route[] = [{ pattern: "/v1/txn", methods: ["PUT"], handle }];
