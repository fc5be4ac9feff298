/** Small things that the agent's routes share. */
import { displayText } from "../lib/byte-string.ts";
import { ProconsulError } from "../lib/errors.ts";
import { plainResponse } from "./respond.ts";
import { decodePath, HttpError, type HttpResponse, type RoutedRequest } from "./types.ts";

/** What follows the route's pattern, decoded. */
export function restOf(request: RoutedRequest): string {
  return displayText(decodePath(request.rest));
}

/** 200 without a body. */
export function done(): HttpResponse {
  return plainResponse(200, "");
}

const truths: readonly string[] = ["1", "t", "T", "TRUE", "true", "True"];
const falsehoods: readonly string[] = ["0", "f", "F", "FALSE", "false", "False"];

/** `?enable`, which must be there. Throws `HttpError` 400. */
export function enableParam(request: RoutedRequest): boolean {
  if (!request.query.has("enable")) throw new HttpError(400, "Missing value for enable");
  const text = request.query.get("enable");
  if (truths.includes(text)) return true;
  if (falsehoods.includes(text)) return false;
  throw new HttpError(400, `Invalid value for enable: ${JSON.stringify(text)}`);
}

/** Whether the caller wants one word instead of JSON. */
export function wantsText(request: RoutedRequest): boolean {
  if ((request.header("accept") ?? "").startsWith("text/plain")) return true;
  return request.query.get("format") === "text";
}

/** Runs a registration; what is wrong with the definition becomes 400. */
export async function orBadRequest(register: () => Promise<void> | void): Promise<void> {
  try {
    await register();
  } catch (error) {
    if (error instanceof ProconsulError && error.code === "invalid-definition")
      throw new HttpError(400, error.message);
    throw error;
  }
}
