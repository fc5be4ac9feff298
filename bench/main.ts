/**
 * Measures an agent's hot paths, as ratios against a peer when one is given:
 *
 *     npm run bench -- [--peer "PROGRAM"] [--only TEXT] [--seconds N]
 *
 * PROGRAM is an executable that takes the reference's command line. Both agents run at once, one server
 * each on durable data; each path is measured on one, then on the other. Needs `wrk` (Debian: wrk).
 */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loads, type Load } from "./loads.ts";
import { startTarget, type Target } from "./target.ts";

/** What a program keeps for the next burst is another matter than what it needs: it has this long to let go of it. */
const quietMs = 45_000;

interface Options {
  readonly peer: string | undefined;
  readonly only: string;
  readonly seconds: number;
}

function parseOptions(argv: readonly string[]): Options {
  const value = (name: string): string | undefined => {
    const at = argv.indexOf(name);
    return at < 0 ? undefined : argv[at + 1];
  };
  return { peer: value("--peer"), only: value("--only") ?? "", seconds: Number(value("--seconds") ?? 3) };
}

/** Requests per second as wrk counts them; answers that are no success void the figure. */
function measure(
  target: Target,
  load: Load,
  run: { clients: number; seconds: number; folder: string },
): number {
  const args = ["-t1", `-c${run.clients}`, `-d${run.seconds}s`];
  if (load.script !== undefined) {
    const file = join(run.folder, "load.lua");
    writeFileSync(file, load.script);
    args.push("-s", file);
  }
  const output = execFileSync("wrk", [...args, target.url + load.path], { encoding: "utf8" });
  const failed = /Non-2xx or 3xx responses: (\d+)/.exec(output)?.[1];
  if (failed !== undefined) console.log(`  ${target.name}: ${failed} answers were no success`);
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(output)?.[1] ?? 0);
}

function shown(rate: number): string {
  return rate >= 10_000 ? `${(rate / 1000).toFixed(1)} k` : rate.toFixed(0);
}

async function main(options: Options): Promise<void> {
  if (spawnSync("wrk", ["-v"]).error !== undefined)
    throw new Error("wrk is not installed (Debian: apt-get install wrk)");
  const own = await startTarget("proconsul", join(import.meta.dirname, "../bin/proconsul"));
  const peer = options.peer === undefined ? undefined : await startTarget("peer", options.peer);
  const targets = peer === undefined ? [own] : [own, peer];
  const folder = mkdtempSync(join(tmpdir(), "proconsul-wrk-"));
  try {
    console.log(`| path | clients | ${targets.map(({ name }) => name).join(" | ")} | ratio |`);
    console.log(`|---|---|${targets.map(() => "---|").join("")}---|`);
    row({
      name: "start to first write, ms",
      clients: 1,
      values: targets.map((one) => one.firstWriteMs),
      lessIsBetter: true,
    });
    row({
      name: "memory idle, MiB",
      clients: 0,
      values: targets.map((one) => one.memoryMib()),
      lessIsBetter: true,
    });
    for (const load of loads.filter(({ name }) => name.includes(options.only))) {
      for (const target of targets) await load.prepare?.(target.url);
      for (const clients of load.clients) {
        const values = targets.map((one) =>
          measure(one, load, { clients, seconds: options.seconds, folder }),
        );
        row({ name: load.name, clients, values });
      }
    }
    const memory = (name: string): void =>
      row({ name, clients: 0, values: targets.map((one) => one.memoryMib()), lessIsBetter: true });
    memory("memory after, MiB");
    await new Promise((resolve) => setTimeout(resolve, quietMs));
    memory(`memory ${quietMs / 1_000} s later, MiB`);
  } finally {
    rmSync(folder, { recursive: true });
    for (const target of targets) await target.stop();
  }
}

interface Row {
  readonly name: string;
  /** 0: the figure is of the agent itself. */
  readonly clients: number;
  /** Ours first. */
  readonly values: readonly number[];
  readonly lessIsBetter?: boolean;
}

/** One row; the ratio is ours to the peer's, turned round where less is better. */
function row({ name, clients, values, lessIsBetter = false }: Row): void {
  const [own = 0, peer] = values;
  const ratio = peer === undefined ? "" : `${(lessIsBetter ? peer / own : own / peer).toFixed(1)}×`;
  console.log(`| ${name} | ${clients === 0 ? "" : clients} | ${values.map(shown).join(" | ")} | ${ratio} |`);
}

await main(parseOptions(process.argv.slice(2)));
