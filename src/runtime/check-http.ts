/** HTTP and HTTPS requests for checks. Errors read as Go's do. */
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest, type RequestOptions as HttpsRequestOptions } from "node:https";
import type { HttpProbe, HttpProbeResult } from "../agent/check-io.ts";
import { TailBuffer, type CapturedOutput } from "../lib/tail-buffer.ts";
import { connectionTls, type TlsMaterial } from "./check-tls.ts";
import { networkWords, noTlsWords } from "./check-words.ts";

/** What the program calls itself in requests. */
const userAgent = "Consul Health Check";
const redirectsMax = 10;
/** What tells another host more than it may know. Source: Go's net/http, `shouldCopyHeaderOnRedirect`. */
const secretHeaders: ReadonlySet<string> = new Set([
  "authorization",
  "cookie",
  "cookie2",
  "www-authenticate",
  "proxy-authorization",
]);

/** Asks, follows redirects as Go does, and keeps the end of the answer. */
export async function probeHttp(
  probe: HttpProbe,
  tls: TlsMaterial,
  signal: AbortSignal,
): Promise<HttpProbeResult> {
  const deadline = AbortSignal.timeout(Math.max(1, Math.ceil(probe.timeoutMs)));
  const either = AbortSignal.any([signal, deadline]);
  let current = probe;
  try {
    for (let hop = 0; ; hop += 1) {
      const answer = await oneRequest(current, tls, either);
      const next = probe.followRedirects ? redirected(current, answer) : undefined;
      if (next === undefined) {
        return {
          status: answer.statusCode ?? 0,
          statusText: answer.statusMessage ?? "",
          output: await readTail(answer, probe.outputBytesMax),
        };
      }
      answer.destroy();
      if (hop >= redirectsMax) throw new Error(`stopped after ${redirectsMax} redirects`);
      current = next;
    }
  } catch (error) {
    if (!URL.canParse(current.url)) throw new Error(urlWords(current.url), { cause: error });
    const verb = current.method[0] + current.method.slice(1).toLowerCase();
    const reason = deadline.aborted
      ? "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
      : httpWords(networkWords(error, addressOf(current.url)));
    throw new Error(`${verb} ${JSON.stringify(current.url)}: ${reason}`, { cause: error });
  }
}

/** Over HTTP, an answer without TLS has words of its own. */
function httpWords(words: string): string {
  return words === noTlsWords ? "http: server gave HTTP response to HTTPS client" : words;
}

/** What is wrong with a URL, as Go says it. */
function urlWords(url: string): string {
  if (!url.includes(":")) return `Get ${JSON.stringify(url)}: unsupported protocol scheme ""`;
  const port = /^[a-z+.-]+:\/\/[^/?#]*?(:[^:\]/?#]*)(?:[/?#]|$)/iu.exec(url)?.[1];
  const reason =
    port === undefined ? "invalid URI for request" : `invalid port ${JSON.stringify(port)} after host`;
  return `parse ${JSON.stringify(url)}: ${reason}`;
}

function addressOf(url: string): string {
  try {
    const { hostname, port, protocol } = new URL(url);
    return `${hostname}:${port === "" ? (protocol === "https:" ? "443" : "80") : port}`;
  } catch {
    return url;
  }
}

function oneRequest(probe: HttpProbe, tls: TlsMaterial, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const url = new URL(probe.url);
    const options: HttpsRequestOptions = {
      method: probe.method,
      headers: headersOf(probe),
      signal,
      agent: false,
    };
    if (url.protocol === "https:") {
      const choice = { serverName: probe.tlsServerName, skipVerify: probe.tlsSkipVerify };
      Object.assign(options, connectionTls(tls, choice));
    } else if (url.protocol !== "http:")
      throw new Error(`unsupported protocol scheme ${JSON.stringify(url.protocol.slice(0, -1))}`);
    const start = url.protocol === "https:" ? httpsRequest : httpRequest;
    const sent = start(url, options, resolve);
    sent.on("error", reject);
    sent.end(probe.body);
  });
}

function headersOf(probe: HttpProbe): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  for (const [name, values] of Object.entries(probe.headers)) {
    headers[name] = values.length === 1 ? (values[0] ?? "") : [...values];
  }
  const has = (wanted: string): boolean => Object.keys(headers).some((name) => name.toLowerCase() === wanted);
  if (!has("user-agent")) headers["User-Agent"] = userAgent;
  if (!has("accept")) headers["Accept"] = "text/plain, text/*, */*";
  if (probe.body !== "") headers["Content-Length"] = String(Buffer.byteLength(probe.body));
  return headers;
}

/** The request that an answer asks for instead, as Go's client follows it. */
function redirected(probe: HttpProbe, answer: IncomingMessage): HttpProbe | undefined {
  const { statusCode } = answer;
  const { location } = answer.headers;
  if (location === undefined || statusCode === undefined) return undefined;
  const url = new URL(location, probe.url).href;
  const next = { ...probe, url, headers: headersAfter(probe, { url, location }) };
  if (statusCode === 307 || statusCode === 308) return next;
  if (statusCode !== 301 && statusCode !== 302 && statusCode !== 303) return undefined;
  return { ...next, method: probe.method === "HEAD" ? "HEAD" : "GET", body: "" };
}

/** Secrets stay within the domain that they were meant for, and the name of the host where none is named anew. */
function headersAfter(
  probe: HttpProbe,
  { url, location }: { readonly url: string; readonly location: string },
): HttpProbe["headers"] {
  const [from, to] = [new URL(probe.url).hostname, new URL(url).hostname];
  const isSame = to === from || to.endsWith(`.${from}`);
  const isNamed = URL.canParse(location);
  const kept = Object.entries(probe.headers).filter(([given]) => {
    const name = given.toLowerCase();
    if (name === "host") return !isNamed;
    return isSame || !secretHeaders.has(name);
  });
  return Object.fromEntries(kept);
}

function readTail(answer: IncomingMessage, bytesMax: number): Promise<CapturedOutput> {
  const tail = new TailBuffer(bytesMax);
  return new Promise((resolve) => {
    // A body that breaks off still tells something.
    const done = (): void => resolve(tail.captured());
    answer.on("data", (chunk: Uint8Array) => tail.write(chunk));
    answer.on("end", done);
    answer.on("error", done);
    answer.on("close", done);
  });
}
