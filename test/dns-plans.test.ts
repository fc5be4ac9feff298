/** The composed agent plans its DNS answers: a wrapper around its calls that hid `keep` would switch that off. */
import { expect, test } from "bun:test";
import { createSocket } from "node:dgram";
import { encodeMessage } from "../src/wire/dns/encode.ts";
import { blankQuery, classInternet, dnsType } from "../src/wire/dns/message.ts";
import { startAgent } from "./support/agent-process.ts";
import { eventually } from "./support/programs.ts";

interface Metrics {
  readonly Counters: readonly { readonly Name: string; readonly Count: number }[];
}

test("questions that come again are answered without asking the server again", async () => {
  await using agent = await startAgent();
  // Who leads is known a little before the leader has registered itself.
  await eventually(
    async () => (await fetch(`${agent.httpUrl}/v1/catalog/service/consul`)).text(),
    (text) => text.includes("n1"),
  );
  const question = encodeMessage(
    {
      ...blankQuery,
      id: 7,
      questions: [{ name: "consul.service.consul.", type: dnsType.A, class: classInternet }],
      edns: undefined,
    },
    { compress: false },
  );
  const socket = createSocket("udp4");
  try {
    for (let round = 0; round < 200; round += 1) {
      const answer = new Promise<Uint8Array>((resolve) => socket.once("message", resolve));
      socket.send(question, agent.dnsPort, "127.0.0.1");
      expect((await answer)[7]).toBe(1);
    }
  } finally {
    socket.close();
  }
  const metrics = (await (await fetch(`${agent.httpUrl}/v1/agent/metrics`)).json()) as Metrics;
  const looked = metrics.Counters.filter(({ Name: name }) => name.includes("health.service.query"));
  const count = looked.reduce((sum, one) => sum + one.Count, 0);
  expect(count).toBeGreaterThan(0);
  expect(count).toBeLessThan(100);
}, 60_000);
