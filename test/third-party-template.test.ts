/** consul-template, as published: files that follow keys and services, and several that share the work by a lock. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startAgent, type AgentProcess } from "./support/agent-process.ts";
import { Daemon, eventually, run } from "./support/programs.ts";

const timeoutMs = 120_000;
const folder = mkdtempSync(join(tmpdir(), "template-"));
const program = join(folder, "consul-template");
const missing = build();
if (missing !== undefined) console.warn(`skipped: consul-template: ${missing}`);

let agent: AgentProcess;

/** Why the program cannot be had, or `undefined` when it is built. */
function build(): string | undefined {
  if (spawnSync("go", ["version"]).status !== 0) return "Go is missing";
  const cwd = join(import.meta.dirname, "../interop/consul-template");
  const argv = ["build", "-o", program, "github.com/hashicorp/consul-template"];
  const built = spawnSync("go", argv, { cwd, encoding: "utf8", timeout: 240_000 });
  return built.status === 0 ? undefined : `it cannot be built: ${built.stderr}`;
}

async function put(path: string, body: string | object = ""): Promise<void> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const answer = await fetch(agent.httpUrl + path, { method: "PUT", body: text });
  if (!answer.ok) throw new Error(await answer.text());
}

const instance = (node: string, port: number, status: string): Promise<void> =>
  put("/v1/catalog/register", {
    Node: node,
    Address: "10.8.0.1",
    Service: { ID: node, Service: "web", Port: port, Tags: ["v1"], Meta: { weight: "3" } },
    Check: { CheckID: `c-${node}`, Name: "c", ServiceID: node, Status: status },
  });

/** Writes a template and answers its path with the one of its result. */
function template(name: string, text: string): { readonly argument: string; read(): Promise<string> } {
  const [source, target] = [join(folder, `${name}.tpl`), join(folder, `${name}.txt`)];
  writeFileSync(source, text);
  return {
    argument: `-template=${source}:${target}`,
    read: () => Promise.resolve(readFileSync(target, "utf8")),
  };
}

beforeAll(async () => {
  if (missing !== undefined) return;
  agent = await startAgent();
  await put("/v1/kv/app/name", "shop");
  await put("/v1/kv/app/limits/high", "9");
  await put("/v1/kv/app/limits/low", "1");
  await instance("w1", 8001, "passing");
  await instance("w2", 8002, "critical");
}, timeoutMs);

afterAll(async () => {
  if (missing === undefined) await agent[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

describe.skipIf(missing !== undefined)("consul-template", () => {
  const common = (): readonly string[] => [`-consul-addr=${agent.httpUrl}`, "-consul-retry-attempts=1"];

  test(
    "renders all kinds of data once",
    async () => {
      const page = template(
        "once",
        [
          'name={{ key "app/name" }} {{ keyOrDefault "app/none" "nothing" }} {{ keyExists "app/none" }}',
          '{{ range ls "app/limits" }}{{ .Key }}={{ .Value }} {{ end }}',
          '{{ range tree "app" }}{{ .Path }} {{ end }}',
          '{{ range service "web" }}{{ .ID }}:{{ .Port }} {{ .Status }} {{ .Tags | join "," }} {{ .ServiceMeta.weight }}{{ end }}',
          '{{ range service "web|any" }}{{ .Node }}/{{ .Status }} {{ end }}',
          '{{ range service "v1.web|passing,critical" }}{{ .Node }} {{ end }}',
          "{{ range services }}{{ .Name }}{{ .Tags }} {{ end }}",
          "{{ range nodes }}{{ .Node }} {{ end }}{{ range datacenters }}{{ . }}{{ end }}",
          '{{ with node "w1" }}{{ .Node.Address }} {{ range .Services }}{{ .Service }}{{ end }}{{ end }}',
        ].join("\n"),
      );
      await run(program, [...common(), "-once", page.argument]);
      expect(await page.read()).toBe(
        [
          "name=shop nothing false",
          "high=9 low=1 ",
          "app/limits/high app/limits/low app/name ",
          "w1:8001 passing v1 3",
          "w1/passing w2/critical ",
          "w1 w2 ",
          "consul[] web[v1] ",
          "n1 w1 w2 dc1",
          "10.8.0.1 web",
        ].join("\n"),
      );
    },
    timeoutMs,
  );

  test(
    "follows keys and health",
    async () => {
      const page = template(
        "follow",
        '{{ key "app/name" }} {{ range service "web" }}{{ .Port }} {{ end }}{{ keyOrDefault "app/later" "-" }}',
      );
      await using _follower = new Daemon(program, () => [...common(), page.argument]);
      const becomes = (text: string): Promise<string> => eventually(page.read, (now) => now === text);
      await becomes("shop 8001 -");
      await put("/v1/kv/app/name", "store");
      await becomes("store 8001 -");
      await instance("w2", 8002, "passing");
      await becomes("store 8001 8002 -");
      await put("/v1/kv/app/later", "here");
      await becomes("store 8001 8002 here");
      await put("/v1/catalog/deregister", { Node: "w1" });
      await becomes("store 8002 here");
      await put("/v1/kv/app/name", "shop");
      await becomes("shop 8002 here");
    },
    timeoutMs,
  );

  test(
    "shares the work of several by a lock, and its results by a key",
    async () => {
      await put("/v1/kv/shared/name", "shop");
      const text = '{{ key "shared/name" }} {{ range service "consul" }}{{ .Node }}{{ end }}';
      const pages = ["one", "two"].map((name) => template(name, text));
      // What is shared is found by the text of the template, whatever its file is called.
      await using stack = new AsyncDisposableStack();
      for (const { argument } of pages)
        stack.use(new Daemon(program, () => [...common(), "-dedup", "-max-stale=0s", argument]));
      const becomes = (wanted: string): Promise<readonly string[]> =>
        Promise.all(pages.map(({ read }) => eventually(read, (now) => now === wanted)));
      await becomes("shop n1");
      await put("/v1/kv/shared/name", "kiosk");
      await becomes("kiosk n1");
      const entries = await fetch(`${agent.httpUrl}/v1/kv/consul-template/dedup/?recurse`);
      const held = ((await entries.json()) as readonly { Key: string; Session?: string }[]).filter(
        ({ Session }) => Session !== undefined,
      );
      expect(held).toHaveLength(1);
    },
    timeoutMs,
  );
});
