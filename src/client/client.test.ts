import { describe, expect, test } from "bun:test";
import { FileError } from "../lib/file-error.ts";
import { NetworkError } from "../lib/network-error.ts";
import { distanceSeconds, type Coordinate } from "./coordinate.ts";
import { StatusError } from "./errors.ts";
import { HttpClient, readAll } from "./http-client.ts";
import { parseAddress, resolveClientSettings, type ClientOptions, type ClientSettings } from "./settings.ts";
import { numberField, textField, textListField, textMapField, toList, toRecord } from "./shape.ts";
import { renderExchangeFailure } from "./transport-text.ts";
import type { HttpEndpoint, HttpReply, HttpRequest, HttpTransport } from "./transport.ts";
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
    ["https://a", { host: "a", port: 443 }],
    [":1", { host: "localhost", port: 1 }],
    ["[::1]:2", { host: "::1", port: 2 }],
    ["::1", { host: "::1", port: 80 }],
  ])("%s is split", (address, expected) => {
    expect(parseAddress(address, false).endpoint).toMatchObject(expected);
  });
});

function pem(text: string): string {
  return `-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----\n`;
}

describe("settings", () => {
  const files: Readonly<Record<string, string>> = {
    f: " from-file \n",
    g: "from-env-file",
    empty: "\n",
    "ca.pem": pem("CA"),
    "no.pem": "text",
    "cas/1": pem("CA 1"),
    "cas/2": pem("CA 2"),
    cert: "CERT",
    key: "KEY",
  };
  const resolve = (
    options: ClientOptions,
    env: Readonly<Record<string, string>> = {},
  ): Promise<ClientSettings> =>
    resolveClientSettings(options, {
      env,
      readText: async (path) => {
        const text = files[path];
        if (text === undefined) throw new FileError(`open ${path}: no such file or directory`);
        return text;
      },
      listFiles: async (path) => [`${path}1`, `${path}2`],
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
    const settings = await resolve(
      {},
      {
        CONSUL_HTTP_ADDR: "a:1",
        CONSUL_HTTP_SSL: "true",
        CONSUL_HTTP_SSL_VERIFY: "false",
        CONSUL_HTTP_AUTH: "me:p:w",
        CONSUL_NAMESPACE: "ns",
        CONSUL_CACERT: "ca.pem",
        CONSUL_TLS_SERVER_NAME: "server.dc1:8501",
      },
    );
    expect(settings).toMatchObject({
      endpoint: { kind: "tcp", secure: true, authority: "a:1" },
      basicAuth: { user: "me", password: "p:w" },
      namespace: "ns",
      tls: { authorities: [pem("CA")], verify: false, serverName: "server.dc1" },
    });
  });

  test("TLS material is read", async () => {
    expect((await resolve({ caPath: "cas/", certFile: "cert", keyFile: "key" })).tls).toEqual({
      authorities: [pem("CA 1"), pem("CA 2")],
      certificate: "CERT",
      key: "KEY",
      serverName: undefined,
      verify: true,
    });
  });

  test.each([
    { options: { certFile: "c" }, problem: "both client cert and client key must be provided" },
    { options: { caFile: "no" }, problem: "Error loading CA File: open no: no such file or directory" },
    { options: { caFile: "no.pem" }, problem: "Error loading CA File: Couldn't parse PEM in: no.pem" },
    {
      options: { tokenFile: "no" },
      problem: "Error loading token file no : open no: no such file or directory",
    },
  ])("$options: $problem", async ({ options, problem }) => {
    const failure = await resolve(options).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "client-settings", message: problem });
  });
});

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  try {
    return { succeeded: await work };
  } catch (error) {
    return error;
  }
}

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
  endpoint: { kind: "tcp", secure: true, authority: "a:1", host: "a", port: 1 },
  pathPrefix: "/p",
  token: "t",
  basicAuth: { user: "me", password: "pw" },
  tls: {
    authorities: undefined,
    certificate: undefined,
    key: undefined,
    serverName: undefined,
    verify: true,
  },
  datacenter: "dc2",
  namespace: undefined,
  partition: undefined,
};

describe("requests", () => {
  test("carry who asks and where", async () => {
    const transport = new FakeTransport(() => ({ text: "[1]" }));
    const client = new HttpClient(transport, settings);
    expect(await client.json({ method: "PUT", path: "/v1/x y", query: { z: "1" }, json: { a: 1 } })).toEqual([
      1,
    ]);
    const [sent] = transport.sent;
    expect(sent).toMatchObject({
      method: "PUT",
      target: "/p/v1/x%20y?dc=dc2&z=1",
      headers: {
        "X-Consul-Token": "t",
        Authorization: "Basic bWU6cHc=",
        "Content-Type": "application/json",
        Host: "a:1",
      },
    });
    expect(new TextDecoder().decode(sent?.body as Uint8Array)).toBe('{"a":1}\n');
  });

  test("a status that is not accepted is an error with the body's text", async () => {
    const client = new HttpClient(
      new FakeTransport(() => ({ status: 500, text: "No cluster leader\n" })),
      settings,
    );
    const failure = await client.send({ method: "GET", path: "/v1/x" }).catch((error: unknown) => error);
    expect(failure).toEqual(new StatusError(500, "No cluster leader"));
    expect(String(failure)).toContain("Unexpected response code: 500 (No cluster leader)");
  });

  test("a transport's failure gets method and address in front", async () => {
    const transport: HttpTransport = {
      send: () =>
        Promise.reject(
          new NetworkError("x", { errno: "ECONNREFUSED", address: "1.2.3.4", cause: undefined }),
        ),
      close: () => undefined,
    };
    expect(
      await failureOf(new HttpClient(transport, settings).send({ method: "DELETE", path: "/v1/x" })),
    ).toMatchObject({
      code: "client-transport",
      message: 'Delete "https://a:1/p/v1/x?dc=dc2": dial tcp 1.2.3.4:1: connect: connection refused',
    });
  });

  test("a body that breaks off is a transport error", async () => {
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield* bytes("half");
      throw new NetworkError("x", { errno: "ECONNRESET", address: undefined, cause: undefined });
    }
    const transport: HttpTransport = {
      send: async () => ({ status: 200, header: () => undefined, body: broken() }),
      close: () => undefined,
    };
    expect(
      await failureOf(new HttpClient(transport, settings).send({ method: "GET", path: "/" })),
    ).toMatchObject({ code: "client-transport", message: "EOF" });
  });

  test.each([
    { status: 307, method: "PUT", location: "/v1/kv/a/b", followed: true },
    { status: 301, method: "GET", location: "/v1/kv/a/b", followed: true },
    { status: 301, method: "PUT", location: "/v1/kv/a/b", followed: false },
    { status: 307, method: "GET", location: "http://evil.example/", followed: false },
    { status: 307, method: "GET", location: "//evil.example/", followed: false },
  ] as const)(
    "$status of a $method to $location: followed $followed",
    async ({ status, method, location, followed }) => {
      const transport = new FakeTransport(({ target }) =>
        target === "/v1/kv/a/b" ? { text: "ok" } : { status, location },
      );
      const outcome = await new HttpClient(transport, settings)
        .send({ method, path: "/x" })
        .catch(() => "failed");
      expect(outcome).toBe(followed ? "ok" : "failed");
    },
  );

  test("redirects do not go on for ever", async () => {
    const transport = new FakeTransport(() => ({ status: 307, location: "/again" }));
    expect(await failureOf(new HttpClient(transport, settings).send({ method: "GET", path: "/x" }))).toEqual(
      new StatusError(307, ""),
    );
    expect(transport.sent.length).toBeLessThan(20);
  });

  test("a reply that is no JSON is an error", async () => {
    const client = new HttpClient(new FakeTransport(() => ({ text: "<html>" })), settings);
    expect(String(await failureOf(client.json({ method: "GET", path: "/" })))).toContain(
      "failed to decode the agent's reply",
    );
  });

  test("a body beyond its limit is refused", async () => {
    expect(String(await failureOf(readAll(bytes("12345"), 4)))).toContain("longer than 4 bytes");
  });
});

describe("failures in Go's words", () => {
  const tcp: HttpEndpoint = {
    kind: "tcp",
    secure: false,
    authority: "c.example:8500",
    host: "c.example",
    port: 8500,
  };
  const unix: HttpEndpoint = { kind: "unix", secure: false, path: "/s" };

  test.each([
    {
      where: tcp,
      errno: "ECONNREFUSED",
      address: "::1",
      text: "dial tcp [::1]:8500: connect: connection refused",
    },
    { where: tcp, errno: "ENOTFOUND", text: "dial tcp: lookup c.example: no such host" },
    { where: { ...tcp, port: 99_999 }, errno: "E?", text: "dial tcp: address 99999: invalid port" },
    { where: tcp, errno: "ECONNRESET", text: "EOF" },
    { where: tcp, errno: "E?", message: "odd", text: "odd" },
    {
      where: tcp,
      errno: "",
      message: "WRONG_VERSION_NUMBER",
      text: "http: server gave HTTP response to HTTPS client",
    },
    {
      where: tcp,
      errno: "DEPTH_ZERO_SELF_SIGNED_CERT",
      text: "tls: failed to verify certificate: x509: certificate signed by unknown authority",
    },
    { where: unix, errno: "ENOENT", text: "dial unix /s: connect: no such file or directory" },
  ])("$errno: $text", ({ where, errno, message = "", address, text }) => {
    const failure = new NetworkError(message, { errno, address, cause: undefined });
    expect(renderExchangeFailure(where, failure)).toBe(text);
  });
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
    expect(() => textField({ Name: 1 }, "Name")).toThrow(
      "json: cannot unmarshal number into Name of type string",
    );
    expect(() => toList({})).toThrow("json: cannot unmarshal object into the whole of type array");
    expect(() => toRecord([])).toThrow("json: cannot unmarshal array into the whole of type object");
  });
});

test("the distance of coordinates adds heights and adjustments, unless those go below zero", () => {
  const at = (x: number, Adjustment: number): Coordinate => ({ Vec: [x, 4], Height: 1, Adjustment });
  expect(distanceSeconds(at(0, 0), at(3, 0.5))).toBeCloseTo(5.5);
  expect(distanceSeconds(at(0, -9), at(3, 0))).toBeCloseTo(5);
});
