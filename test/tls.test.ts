/** What `tls ca create` and `tls cert create` make, in use: an agent's HTTPS door, and OpenSSL's opinion. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { get } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { freePortRun } from "../tools/free-ports.ts";
import { startAgent } from "./support/agent-process.ts";

const launcher = join(import.meta.dirname, "../bin/proconsul");
const slowMs = 60_000;

let folder = "";

const run = (...args: readonly string[]): string =>
  execFileSync(launcher, args, { encoding: "utf8", cwd: folder });

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "tls-"));
  run("tls", "ca", "create", "-name-constraint", "-cluster-id=abc");
  run("tls", "cert", "create", "-server", "-node=n1");
  run("tls", "cert", "create", "-client");
  run("tls", "cert", "create", "-cli");
}, slowMs);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The body of an answer, `ca` being all that is trusted. */
function fetchTrusting(ca: string, url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get(url, { ca, agent: false }, (response) => resolve(text(response))).on("error", reject);
  });
}

test(
  "an agent serves HTTPS to those who trust the authority, and to nobody else",
  async () => {
    const port = await freePortRun(1);
    const config = join(folder, "tls.json");
    const file = (name: string): string => join(folder, name);
    const https = {
      cert_file: file("dc1-server-consul-0.pem"),
      key_file: file("dc1-server-consul-0-key.pem"),
    };
    writeFileSync(config, JSON.stringify({ ports: { https: port }, tls: { https } }));
    await using agent = await startAgent([launcher], { extra: [`-config-file=${config}`] });
    expect(agent.output()).toContain("Started HTTPS server");
    const ca = readFileSync(file("consul-agent-ca.pem"), "utf8");
    for (const host of ["127.0.0.1", "localhost"]) {
      expect(await fetchTrusting(ca, `https://${host}:${port}/v1/status/leader`)).toMatch(
        /^"127\.0\.0\.1:\d+"\n$/,
      );
    }
    const address = `-http-addr=https://127.0.0.1:${port}`;
    expect(run("kv", "put", address, "-ca-file=consul-agent-ca.pem", "a", "b")).toContain("Success");
    const stranger = mkdtempSync(join(tmpdir(), "tls-other-"));
    try {
      execFileSync(launcher, ["tls", "ca", "create"], { cwd: stranger });
      const other = join(stranger, "consul-agent-ca.pem");
      const refused = spawnSync(launcher, ["kv", "get", address, `-ca-file=${other}`, "a"], {
        encoding: "utf8",
      });
      expect(refused.status).toBe(1);
      expect(refused.stdout).toBe("");
    } finally {
      rmSync(stranger, { recursive: true });
    }
  },
  slowMs,
);

test("keys are for their owner, certificates for all whom the mask lets", () => {
  const modeOf = (name: string): number => statSync(join(folder, name)).mode & 0o777;
  const publicMode = 0o666 & ~process.umask();
  for (const name of ["consul-agent-ca", "dc1-server-consul-0", "dc1-client-consul-0", "dc1-cli-consul-0"]) {
    expect([name, modeOf(`${name}.pem`), modeOf(`${name}-key.pem`)]).toEqual([name, publicMode, 0o600]);
  }
});

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;
if (!hasOpenssl) console.warn("openssl is not here: its opinion of the certificates is not asked");

test.skipIf(!hasOpenssl)("OpenSSL finds them good, by the letter of the standard", () => {
  const leaves = ["server", "client", "cli"].map((kind) => `dc1-${kind}-consul-0.pem`);
  const args = ["verify", "-x509_strict", "-CAfile", "consul-agent-ca.pem", ...leaves];
  const said = execFileSync("openssl", args, { encoding: "utf8", cwd: folder });
  expect(said).toBe(leaves.map((name) => `${name}: OK\n`).join(""));
});
