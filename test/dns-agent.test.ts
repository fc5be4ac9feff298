/** DNS of a whole agent: where it listens, and what it takes over while it runs. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { createSocket } from "node:dgram";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { decodeMessage } from "../src/wire/dns/decode.ts";
import { encodeMessage } from "../src/wire/dns/encode.ts";
import { blankQuery, classInternet, dnsType, type DnsMessage } from "../src/wire/dns/message.ts";
import { startAgent, type AgentProcess } from "./support/agent-process.ts";
import { eventually } from "./support/programs.ts";

const slowMs = 60_000;
const hasIpv6 = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ address }) => address === "::1"),
);
const folder = mkdtempSync(join(tmpdir(), "dns-agent-"));
const file = join(folder, "agent.json");
const addresses = { dns: hasIpv6 ? "127.0.0.1 ::1" : "127.0.0.1" };
let agent: AgentProcess;

function configure(settings: object): void {
  writeFileSync(file, JSON.stringify({ addresses, ...settings }));
}

beforeAll(async () => {
  configure({ alt_domain: "alt.example" });
  agent = await startAgent(undefined, { extra: [`-config-file=${file}`] });
  // Who leads is known a little before the leader has registered itself.
  await eventually(
    () => ask("consul.service.consul."),
    ({ answers }) => answers.length === 1,
  );
}, slowMs);

afterAll(async () => {
  await agent[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

async function ask(name: string, host = "127.0.0.1"): Promise<DnsMessage> {
  const question = encodeMessage(
    {
      ...blankQuery,
      id: 7,
      questions: [{ name, type: dnsType.A, class: classInternet }],
      edns: undefined,
    },
    { compress: false },
  );
  const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
  try {
    const answer = new Promise<Uint8Array>((resolve) => socket.once("message", resolve));
    socket.send(question, agent.dnsPort, host);
    return decodeMessage(Uint8Array.from(await answer));
  } finally {
    socket.close();
  }
}

test.skipIf(!hasIpv6)("answers on each of its addresses", async () => {
  for (const host of ["127.0.0.1", "::1"])
    expect((await ask("consul.service.consul.", host)).answers.length).toBe(1);
});

test(
  "takes over everything but its domains",
  async () => {
    expect((await ask("gone.service.consul.")).authority[0]).toMatchObject({ ttl: 0 });
    configure({
      domain: "other.example",
      dns_config: { node_ttl: "9s", service_ttl: { "*": "5s" }, soa: { min_ttl: 7 } },
      recursors: ["127.0.0.1:1"],
    });
    const reloaded = await fetch(`${agent.httpUrl}/v1/agent/reload`, { method: "PUT" });
    expect(reloaded.status).toBe(200);
    for (const domain of ["consul.", "alt.example."]) {
      expect((await ask(`consul.service.${domain}`)).answers).toMatchObject([{ ttl: 5 }]);
      expect((await ask(`n1.node.${domain}`)).answers).toMatchObject([{ ttl: 9 }]);
      const missing = await ask(`gone.service.${domain}`);
      expect(missing.authority).toMatchObject([{ name: domain, ttl: 7 }]);
      expect(missing.recursionAvailable).toBe(true);
    }
    // Not ours, and nobody answers at the recursor.
    expect(await ask("consul.service.other.example.")).toMatchObject({ rcode: 2, recursionAvailable: true });
  },
  slowMs,
);
