import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect as connectPlain } from "node:net";
import { connect } from "node:tls";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { plainResponse } from "../http/respond.ts";
import type { TlsProtocolConfig } from "../config/config.ts";
import { createAuthority, createCertificate } from "./certificates.ts";
import { listenHttp, type Listener } from "./http-listener.ts";
import { readHttpsTls, type HttpsTls } from "./https-tls.ts";

const folder = mkdtempSync(join(tmpdir(), "https-"));
const day = { days: 1, nowMs: Date.now() };

interface Party {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** An authority with one certificate for both sides, as files. */
async function party(name: string): Promise<Party> {
  const authority = await createAuthority({ ...day, commonName: "", permittedDnsNames: [], uris: [] });
  const made = await createCertificate({
    ...day,
    authority,
    commonName: name,
    dnsNames: ["localhost"],
    ipAddresses: ["127.0.0.1"],
    roles: ["server", "client"],
  });
  for (const [suffix, text] of Object.entries({ ca: authority.cert, cert: made.cert, key: made.key }))
    writeFileSync(join(folder, `${name}-${suffix}.pem`), text);
  return { ca: authority.cert, ...made };
}

const ours = await party("ours");
const theirs = await party("theirs");
const opened: Listener[] = [];
afterAll(async () => {
  await Promise.all(opened.map((one) => one.close()));
  rmSync(folder, { recursive: true });
});

const plain: TlsProtocolConfig = {
  caFile: undefined,
  caPath: undefined,
  certFile: join(folder, "ours-cert.pem"),
  keyFile: join(folder, "ours-key.pem"),
  minVersion: "TLS_AUTO",
  cipherSuites: [],
  verifyIncoming: false,
  verifyOutgoing: false,
  verifyServerHostname: false,
  useAutoCert: false,
};
const suites = ["ECDSA", "RSA"].flatMap((kind) =>
  [
    "CHACHA20_POLY1305_SHA256",
    "AES_128_CBC_SHA",
    "AES_128_GCM_SHA256",
    "AES_256_CBC_SHA",
    "AES_256_GCM_SHA384",
  ].map((rest) => `TLS_ECDHE_${kind}_WITH_${rest}`),
);

function read(change: Partial<TlsProtocolConfig> = {}): HttpsTls | undefined {
  return readHttpsTls({ ...plain, ...change }, 500);
}

async function listening(tls: HttpsTls | undefined): Promise<Listener> {
  if (tls === undefined) throw new Error("there is a certificate");
  const listener = await listenHttp(
    () => plainResponse(200, "hello"),
    { kind: "tcp", host: "127.0.0.1", port: 0 },
    { tls },
  );
  opened.push(listener);
  return listener;
}

type Wanted = Partial<Party> & { readonly maxVersion?: "TLSv1.2"; readonly ciphers?: string };

/** What a client gets: the answer, or "refused". */
function ask(listener: Listener, wanted: Wanted): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = connect({
    host: "127.0.0.1",
    port: listener.port,
    servername: "localhost",
    ca: ours.ca,
    ...wanted,
  });
  let answer = "";
  socket.on("secureConnect", () => socket.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
  socket.on("data", (bytes) => (answer += String(bytes)));
  socket.on("error", () => resolve("refused"));
  socket.on("close", () => resolve(answer.endsWith("hello") ? "hello" : "refused"));
  return promise;
}

describe("what the door shows and asks for", () => {
  test("clients must show a certificate of the authority where that is wanted", async () => {
    const door = await listening(read({ caFile: join(folder, "ours-ca.pem"), verifyIncoming: true }));
    expect(await ask(door, {})).toBe("refused");
    expect(await ask(door, { cert: theirs.cert, key: theirs.key })).toBe("refused");
    expect(await ask(door, { cert: ours.cert, key: ours.key })).toBe("hello");
  });

  test("the least version holds", async () => {
    expect(await ask(await listening(read()), { maxVersion: "TLSv1.2" })).toBe("hello");
    const door = await listening(read({ minVersion: "TLSv1_3" }));
    expect(await ask(door, { maxVersion: "TLSv1.2" })).toBe("refused");
    expect(await ask(door, {})).toBe("hello");
  });

  test("cipher suites are those that are named", async () => {
    const door = await listening(read({ cipherSuites: ["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"] }));
    const with12 = { maxVersion: "TLSv1.2" } as const;
    expect(await ask(door, { ...with12, ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256" })).toBe("refused");
    expect(await ask(door, { ...with12, ciphers: "ECDHE-ECDSA-AES256-GCM-SHA384" })).toBe("hello");
  });

  test.each(suites)("the runtime knows %s", (suite) => {
    expect(read({ cipherSuites: [suite] })).toMatchObject({ ciphers: expect.any(String) } as never);
  });
});

test("another certificate is shown after a change, and connections stay", async () => {
  const door = await listening(read());
  const { port } = door;
  const socket = connect({ host: "127.0.0.1", port, servername: "localhost", ca: ours.ca });
  await once(socket, "secureConnect");
  const next = read({ certFile: join(folder, "theirs-cert.pem"), keyFile: join(folder, "theirs-key.pem") });
  await door.configure(next === undefined ? {} : { tls: next });
  expect(door.port).toBe(port);
  expect(await ask(door, {})).toBe("refused");
  expect(await ask(door, { ca: theirs.ca })).toBe("hello");
  socket.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  const [bytes] = (await once(socket, "data")) as [Uint8Array];
  expect(new TextDecoder().decode(bytes)).toEndWith("hello");
  socket.destroy();
});

describe("what cannot be", () => {
  test.each<readonly [string, Partial<TlsProtocolConfig>, string]>([
    ["no authority", { verifyIncoming: true }, "VerifyIncoming set but no CA certificates were provided"],
    [
      "no certificate to show",
      { verifyIncoming: true, caFile: join(folder, "ours-ca.pem"), certFile: undefined },
      "VerifyIncoming requires either a Cert and Key pair in the configuration file, or auto_encrypt/auto_config be enabled",
    ],
    ["no such file", { certFile: "/no/such.pem" }, "open /no/such.pem: no such file or directory"],
    ["the key of another", { keyFile: join(folder, "theirs-key.pem") }, "Failed to load cert/key pair: "],
  ])("%s", (_, change, problem) => {
    expect(() => read(change)).toThrow(problem);
  });

  test("without a certificate there is no TLS", () => {
    expect(read({ certFile: undefined, keyFile: undefined })).toBeUndefined();
  });
});

test("who connects and says nothing is closed after the handshake's time", async () => {
  const door = await listening(read());
  const socket = connectPlain({ host: "127.0.0.1", port: door.port });
  await once(socket, "close");
});
