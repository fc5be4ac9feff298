/** Programs that people put in front of the DNS interface, unmodified: dig, dnsmasq, HAProxy. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { freePortRun } from "../tools/free-ports.ts";
import { startAgent, type AgentProcess } from "./support/agent-process.ts";
import { Daemon, eventually, isInstalled, run } from "./support/programs.ts";

const hasDig = isInstalled("dig");
const hasDnsmasq = hasDig && isInstalled("dnsmasq", ["--version"]);
const hasHaproxy = isInstalled("haproxy");
const timeoutMs = 60_000;

let agent: AgentProcess;

async function put(path: string, body: object): Promise<void> {
  const answer = await fetch(agent.httpUrl + path, { method: "PUT", body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(await answer.text());
}

const instance = (node: string, address: string, service: object): Promise<void> =>
  put("/v1/catalog/register", { Node: node, Address: address, Service: service });

beforeAll(async () => {
  if (!hasDig && !hasHaproxy) return;
  agent = await startAgent(undefined, {
    extra: ["-hcl", 'dns_config { enable_truncate = true service_ttl { few = "7s" } }'],
  });
  await instance("w1", "10.7.0.1", { Service: "few", Port: 8001, Tags: ["v1"] });
  await instance("w2", "10.7.0.2", { Service: "few", Port: 8002 });
  await put("/v1/catalog/register", { Node: "texts", Address: "10.7.0.3", NodeMeta: { a: 'say "hi"' } });
  for (let index = 0; index < 40; index += 1)
    await instance(`m${index}`, `10.7.1.${index}`, { Service: "many", Port: 9000 + index });
}, timeoutMs);

afterAll(async () => {
  if (hasDig || hasHaproxy) await agent[Symbol.asyncDispose]();
});

/** The lines that dig prints, sorted. */
async function dig(port: number, ...argv: readonly string[]): Promise<readonly string[]> {
  const output = await run("dig", ["@127.0.0.1", "-p", String(port), "+tries=1", "+time=5", ...argv]);
  return output
    .split("\n")
    .filter((line) => line !== "")
    .toSorted();
}

describe.skipIf(!hasDig)("dig", () => {
  const few = "few.service.consul";

  test.each([
    { what: "addresses", argv: [few, "+short"], lines: ["10.7.0.1", "10.7.0.2"] },
    { what: "addresses over TCP", argv: [few, "+tcp", "+short"], lines: ["10.7.0.1", "10.7.0.2"] },
    { what: "addresses without EDNS", argv: [few, "+noedns", "+short"], lines: ["10.7.0.1", "10.7.0.2"] },
    {
      what: "addresses with a small buffer",
      argv: [few, "+bufsize=512", "+short"],
      lines: ["10.7.0.1", "10.7.0.2"],
    },
    { what: "those with a tag", argv: [`v1.${few}`, "+short"], lines: ["10.7.0.1"] },
    {
      what: "ports",
      argv: ["_few._tcp.service.consul", "SRV", "+short"],
      lines: ["1 1 8001 w1.node.dc1.consul.", "1 1 8002 w2.node.dc1.consul."],
    },
    { what: "anything", argv: [few, "ANY", "+short"], lines: ["10.7.0.1", "10.7.0.2"] },
    { what: "a text with quotes", argv: ["texts.node.consul", "TXT", "+short"], lines: ['"a=say \\"hi\\""'] },
    { what: "names of addresses", argv: ["-x", "10.7.0.2", "+short"], lines: ["w2.node.dc1.consul."] },
    { what: "nothing of a missing type", argv: [few, "AAAA", "+short"], lines: [] },
    { what: "name servers", argv: ["consul", "NS", "+short"], lines: ["n1.node.dc1.consul."] },
  ])("shows $what", async ({ argv, lines }) => {
    // The second time the answer is a planned one.
    for (let round = 0; round < 3; round += 1) expect(await dig(agent.dnsPort, ...argv)).toEqual([...lines]);
  });

  test("sees names in the letter case that it asked in", async () => {
    const lines = await dig(agent.dnsPort, "+noall", "+answer", "FeW.sErViCe.CoNsUl");
    expect(lines.map((line) => line.split(/\s+/u).slice(0, 4).join(" "))).toEqual(
      Array.from({ length: 2 }, () => "FeW.sErViCe.CoNsUl. 7 IN A"),
    );
  });

  test("finds no warning to give: EDNS, cookies, flags and sections are as they should be", async () => {
    const output = (await dig(agent.dnsPort, "+bufsize=1232", "gone.service.consul")).join("\n");
    expect(output).toContain("status: NXDOMAIN");
    expect(output).toMatch(/EDNS: version: 0, flags:; udp: 1232/u);
    expect(output).toMatch(/hostmaster\.consul\. \d+ 3600 600 86400 0/u);
    // The one warning there is says that nobody recurses here.
    expect(output).not.toMatch(/(?:malformed|extra bytes|mismatch)/iu);
  });

  test("asks again over TCP when an answer was cut, and gets it all", async () => {
    const cut = await dig(agent.dnsPort, "+ignore", "+noedns", "many.service.consul");
    expect(cut.join("\n")).toMatch(/flags: qr aa tc rd/u);
    expect((await dig(agent.dnsPort, "+noedns", "+short", "many.service.consul")).length).toBe(40);
  });
});

describe.skipIf(!hasDnsmasq)("dnsmasq", () => {
  test("forwards our domain, and shows a change at once", async () => {
    const port = await freePortRun(1);
    await using forwarder = new Daemon("dnsmasq", () => [
      "--keep-in-foreground",
      "--conf-file=/dev/null",
      "--no-resolv",
      "--no-hosts",
      "--pid-file=",
      `--port=${port}`,
      "--listen-address=127.0.0.1",
      "--bind-interfaces",
      `--server=/consul/127.0.0.1#${agent.dnsPort}`,
    ]);
    void forwarder;
    const name = "moved.service.consul";
    await instance("mv", "10.7.2.1", { ID: "moved", Service: "moved", Port: 1 });
    const short = (...argv: readonly string[]): Promise<readonly string[]> => dig(port, "+short", ...argv);
    await eventually(
      () => short(name),
      (lines) => lines.join() === "10.7.2.1",
    );
    expect(await short(name, "SRV")).toEqual(["1 1 1 mv.node.dc1.consul."]);
    expect((await short("many.service.consul", "+noedns")).length).toBe(40);
    expect((await dig(port, "gone.service.consul")).join("\n")).toContain("status: NXDOMAIN");
    await instance("mv", "10.7.2.9", { ID: "moved", Service: "moved", Port: 1 });
    expect(await short(name)).toEqual(["10.7.2.9"]);
  }, 60_000);
});

/** The servers in use of HAProxy's backend, as `address:port`. */
function serversOf(socketPath: string): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath);
    let text = "";
    socket.on("data", (piece: Buffer) => void (text += piece.toString()));
    socket.on("error", reject);
    socket.on("close", () => {
      const rows = text.split("\n").filter((line) => /^\d+ few /u.test(line));
      const fields = rows.map((row) => row.split(" "));
      // Column 6: 2 is running; columns 5 and 19: address and port.
      resolve(
        fields
          .filter((row) => row[5] === "2" && row[4] !== "-")
          .map((row) => `${row[4]}:${row[18]}`)
          .toSorted(),
      );
    });
    socket.write("show servers state few\n");
  });
}

describe.skipIf(!hasHaproxy)("HAProxy", () => {
  test("fills its server template from SRV records and follows a change", async () => {
    const frontPort = await freePortRun(1);
    await using proxy = new Daemon("haproxy", (folder) => {
      const file = join(folder, "haproxy.cfg");
      writeFileSync(
        file,
        `global
  stats socket ${join(folder, "haproxy.sock")} level admin
defaults
  mode tcp
  timeout connect 1s
  timeout client 5s
  timeout server 5s
resolvers proconsul
  nameserver one 127.0.0.1:${agent.dnsPort}
  accepted_payload_size 8192
  timeout resolve 200ms
  timeout retry 200ms
  hold valid 200ms
  hold obsolete 0s
frontend front
  bind 127.0.0.1:${frontPort}
  default_backend few
backend few
  server-template web 4 _few._tcp.service.consul resolvers proconsul resolve-prefer ipv4 init-addr none
`,
      );
      return ["-db", "-f", file];
    });
    const servers = (): Promise<readonly string[]> => serversOf(join(proxy.folder, "haproxy.sock"));
    await eventually(servers, (found) => found.join() === "10.7.0.1:8001,10.7.0.2:8002");
    await instance("w3", "10.7.0.33", { Service: "few", Port: 8003 });
    await eventually(servers, (found) => found.join() === "10.7.0.1:8001,10.7.0.2:8002,10.7.0.33:8003");
    await put("/v1/catalog/deregister", { Node: "w3" });
    await eventually(servers, (found) => found.join() === "10.7.0.1:8001,10.7.0.2:8002");
  }, 60_000);
});
