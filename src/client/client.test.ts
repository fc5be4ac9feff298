import { describe, expect, test } from "bun:test";
import { distanceSeconds } from "./coordinate.ts";
import { StatusError, TransportError } from "./errors.ts";
import { HttpClient, readAll } from "./http-client.ts";
import { parseAddress, resolveClientSettings, type ClientOptions, type ClientSettings } from "./settings.ts";
import { numberField, textField, textListField, textMapField, toList, toRecord } from "./shape.ts";
import { renderExchangeFailure, splitAuthority } from "./transport-text.ts";
import type { HttpReply, HttpRequest, HttpTransport } from "./transport.ts";
import { escapePath, renderQuery } from "./url.ts";

describe("escaping as Go does", () => {
  test.each([
    ["/v1/kv/a b?c#d%e", "/v1/kv/a%20b%3Fc%23d%25e"],
    ["/v1/kv/x//y/../z", "/v1/kv/x//y/../z"],
    ["/v1/kv/$&+,:;=@!*'()", "/v1/kv/$&+,:;=@%21%2A%27%28%29"],
    ["/v1/kv/ключ", "/v1/kv/%D0%BA%D0%BB%D1%8E%D1%87"],
  ])("%s", (path, escaped) => expect(escapePath(path)).toBe(escaped));

  test("a query is sorted, repeats lists and leaves out what is absent", () => {
    expect(renderQuery({ b: ["2 3", "&"], a: "", c: undefined })).toBe("a=&b=2+3&b=%26");
  });
});

describe("addresses", () => {
  test.each([
    ["127.0.0.1:8500", { kind: "tcp", secure: false, authority: "127.0.0.1:8500" }, ""],
    ["https://c.example:8501", { kind: "tcp", secure: true, authority: "c.example:8501" }, ""],
    ["http://c.example/consul/", { kind: "tcp", secure: false, authority: "c.example" }, "/consul"],
    ["unix:///run/c.sock", { kind: "unix", secure: false, path: "/run/c.sock" }, ""],
  ])("%s", (address, endpoint, pathPrefix) => {
    expect(parseAddress(address, false)).toMatchObject({ endpoint, pathPrefix });
  });

  test("http:// does not take back a wish for TLS", () => {
    expect(parseAddress("http://a:1", true).endpoint).toMatchObject({ secure: true });
  });

  test("another scheme is refused", () => {
    expect(() => parseAddress("ftp://a", false)).toThrow("Unknown protocol scheme: ftp");
  });

  test.each([
    ["a:1", { host: "a", port: 1 }],
    ["a", { host: "a", port: 80 }],
    [":1", { host: "localhost", port: 1 }],
    ["[::1]:2", { host: "::1", port: 2 }],
    ["::1", { host: "::1", port: 80 }],
  ])("split %s", (authority, expected) => expect(splitAuthority(authority, false)).toEqual(expected));
});

describe("settings", () => {
  const files: Readonly<Record<string, string>> = { f: " from-file \n", g: "from-env-file", empty: "\n" };
  const resolve = (options: ClientOptions, env: Readonly<Record<string, string>> = {}): Promise<ClientSettings> =>
    resolveClientSettings(options, {
      env,
      readText: async (path) => {
        const text = files[path];
        if (text === undefined) throw new Error(`open ${path}: no such file or directory`);
        return text;
      },
      warn: () => undefined,
    });

  test.each([
    { options: {}, env: {}, token: "" },
    { options: {}, env: { CONSUL_HTTP_TOKEN: "e" }, token: "e" },
    { options: {}, env: { CONSUL_HTTP_TOKEN: "e", CONSUL_HTTP_TOKEN_FILE: "g" }, token: "from-env-file" },
    { options: { token: "t" }, env: { CONSUL_HTTP_TOKEN_FILE: "g" }, token: "t" },
    { options: { token: "t", tokenFile: "f" }, env: { CONSUL_HTTP_TOKEN_FILE: "g" }, token: "from-file" },
    { options: { token: "t", tokenFile: "empty" }, env: {}, token: "t" },
  ])("token of $options and $env is $token", async ({ options, env, token }) => {
    expect((await resolve(options, env)).token).toBe(token);
  });

  test("the rest of the environment", async () => {
    const settings = await resolve({}, {
      CONSUL_HTTP_ADDR: "a:1",
      CONSUL_HTTP_SSL: "true",
      CONSUL_HTTP_SSL_VERIFY: "false",
      CONSUL_HTTP_AUTH: "me:p:w",
      CONSUL_NAMESPACE: "ns",
      CONSUL_CACERT: "ca.pem",
      CONSUL_TLS_SERVER_NAME: "server.dc1",
    });
    expect(settings).toMatchObject({
      endpoint: { kind: "tcp", secure: true, authority: "a:1" },
      basicAuth: { user: "me", password: "p:w" },
      namespace: "ns",
      tls: { caFile: "ca.pem", verify: false, serverName: "server.dc1" },
    });
  });

  test("a certificate needs its key, a token file has to exist", async () => {
    await expect(resolve({ certFile: "c" })).rejects.toThrow("both client cert and client key must be provided");
    await expect(resolve({ tokenFile: "no" })).rejects.toThrow(
      "Error loading token file no : open no: no such file or directory",
    );
  });
});

async function* bytes(text: string): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode(text);
}

type Answer = (request: HttpRequest) => {
  readonly status?: number;
  readonly text?: string;
  readonly location?: string;
};

class FakeTransport implements HttpTransport {
  readonly sent: HttpRequest[] = [];
  readonly #answer: Answer;

  constructor(answer: Answer) {
    this.#answer = answer;
  }

  async send(request: HttpRequest): Promise<HttpReply> {
    this.sent.push(request);
    const { status = 200, text = "", location } = this.#answer(request);
    return { status, header: (name) => (name === "location" ? location : undefined), body: bytes(text) };
  }

  close(): void {}
}

const settings: ClientSettings = {
  endpoint: { kind: "tcp", secure: true, authority: "a:1" },
  pathPrefix: "/p",
  token: "t",
  basicAuth: { user: "me", password: "pw" },
  tls: { caFile: undefined, caPath: undefined, certFile: undefined, keyFile: undefined, serverName: undefined, verify: true },
  datacenter: "dc2",
  namespace: undefined,
  partition: undefined,
};

describe("requests", () => {
  test("carry who asks and where", async () => {
    const transport = new FakeTransport(() => ({ text: "[1]" }));
    const client = new HttpClient(transport, settings);
    expect(await client.json({ method: "PUT", path: "/v1/x y", query: { z: "1" }, json: { a: 1 } })).toEqual([1]);
    const [sent] = transport.sent;
    expect(sent).toMatchObject({
      method: "PUT",
      target: "/p/v1/x%20y?dc=dc2&z=1",
      headers: { "X-Consul-Token": "t", Authorization: "Basic bWU6cHc=", "Content-Type": "application/json", Host: "a:1" },
    });
    expect(new TextDecoder().decode(sent?.body as Uint8Array)).toBe('{"a":1}\n');
  });

  test("a status that is not accepted is an error with the body's text", async () => {
    const client = new HttpClient(new FakeTransport(() => ({ status: 500, text: "No cluster leader\n" })), settings);
    const failure = await client.send({ method: "GET", path: "/v1/x" }).catch((error: unknown) => error);
    expect(failure).toEqual(new StatusError(500, "No cluster leader"));
    expect(String(failure)).toContain("Unexpected response code: 500 (No cluster leader)");
  });

  test("a transport's failure gets method and address in front", async () => {
    const transport: HttpTransport = {
      send: () => Promise.reject(new TransportError("dial tcp 1.2.3.4:1: connect: connection refused")),
      close: () => undefined,
    };
    await expect(new HttpClient(transport, settings).send({ method: "DELETE", path: "/v1/x" })).rejects.toThrow(
      'Delete "https://a:1/p/v1/x?dc=dc2": dial tcp 1.2.3.4:1: connect: connection refused',
    );
  });

  test.each([
    { status: 307, method: "PUT", location: "/v1/kv/a/b", followed: true },
    { status: 301, method: "GET", location: "/v1/kv/a/b", followed: true },
    { status: 301, method: "PUT", location: "/v1/kv/a/b", followed: false },
    { status: 307, method: "GET", location: "http://evil.example/", followed: false },
    { status: 307, method: "GET", location: "//evil.example/", followed: false },
  ] as const)("$status of a $method to $location: followed $followed", async ({ status, method, location, followed }) => {
    const transport = new FakeTransport(({ target }) => (target === "/v1/kv/a/b" ? { text: "ok" } : { status, location }));
    const outcome = await new HttpClient(transport, settings).send({ method, path: "/x" }).catch(() => "failed");
    expect(outcome).toBe(followed ? "ok" : "failed");
  });

  test("redirects do not go on for ever", async () => {
    const transport = new FakeTransport(() => ({ status: 307, location: "/again" }));
    await expect(new HttpClient(transport, settings).send({ method: "GET", path: "/x" })).rejects.toThrow("307");
    expect(transport.sent.length).toBeLessThan(20);
  });

  test("a reply that is no JSON is an error", async () => {
    const client = new HttpClient(new FakeTransport(() => ({ text: "<html>" })), settings);
    await expect(client.json({ method: "GET", path: "/" })).rejects.toThrow("failed to decode the agent's reply");
  });

  test("a body beyond its limit is refused", async () => {
    await expect(readAll(bytes("12345"), 4)).rejects.toThrow("longer than 4 bytes");
  });
});

describe("failures in Go's words", () => {
  const tcp = { kind: "tcp", secure: false, authority: "c.example:8500" } as const;
  test.each([
    [tcp, { errno: "ECONNREFUSED", message: "", address: "::1" }, "dial tcp [::1]:8500: connect: connection refused"],
    [tcp, { errno: "ENOTFOUND", message: "", address: undefined }, "dial tcp: lookup c.example: no such host"],
    [tcp, { errno: "ECONNRESET", message: "", address: undefined }, "EOF"],
    [tcp, { errno: "E?", message: "odd", address: undefined }, "odd"],
    [tcp, { errno: "", message: "SSL: WRONG_VERSION_NUMBER", address: undefined }, "http: server gave HTTP response to HTTPS client"],
    [{ kind: "unix", secure: false, path: "/s" }, { errno: "ENOENT", message: "", address: undefined }, "dial unix /s: connect: no such file or directory"],
  ] as const)("%#", (endpoint, failure, text) => expect(renderExchangeFailure(endpoint, failure)).toBe(text));
});

describe("fields of a reply", () => {
  test("absent and null are the zero value", () => {
    expect(textField({ a: null }, "a")).toBe("");
    expect(numberField({}, "a")).toBe(0);
    expect(textListField({ a: null }, "a")).toEqual([]);
    expect(textMapField({}, "a")).toEqual({});
    expect([toRecord(null), toList(null)]).toEqual([{}, []]);
  });

  test("another type is a failure that says where", () => {
    expect(() => textField({ Name: 1 }, "Name")).toThrow("json: cannot unmarshal number into Name of type string");
    expect(() => toList({})).toThrow("json: cannot unmarshal object into the whole of type array");
    expect(() => toRecord([])).toThrow("json: cannot unmarshal array into the whole of type object");
  });
});

test("the distance of coordinates adds heights and adjustments, unless those go below zero", () => {
  const at = (x: number, Adjustment: number): { Vec: number[]; Height: number; Adjustment: number } => ({ Vec: [x, 4], Height: 1, Adjustment });
  expect(distanceSeconds(at(0, 0), at(3, 0.5))).toBeCloseTo(5.5);
  expect(distanceSeconds(at(0, -9), at(3, 0))).toBeCloseTo(5);
});
