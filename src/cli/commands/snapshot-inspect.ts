/** Shows what a snapshot holds, without an agent. */
import { parseSnapshotMeta, readSnapshotArchive, type SnapshotMeta } from "../../client/snapshot-archive.ts";
import { SnapshotStatsReader } from "../../client/snapshot-stats.ts";
import { CommandFailure, defineCommand, orFail, takeArgument } from "../command.ts";
import { boolFlag, intFlag, stringFlag } from "../flag-set.ts";
import type { CliHost } from "../host.ts";
import { renderSnapshot, type SnapshotReport } from "../snapshot-text.ts";

/** A server's own snapshot: `state.bin` with `meta.json` beside it, neither packed nor with checksums. */
async function readRaw(host: CliHost, file: string, stats: SnapshotStatsReader): Promise<SnapshotMeta> {
  const folder = file.slice(0, file.lastIndexOf("/") + 1);
  const source = await orFail(host.files.stream(file), (why) => `Error opening snapshot file: ${why}`);
  const metaBytes = await orFail(
    host.files.read(`${folder}meta.json`),
    (why) => `Error reading meta.json from internal snapshot dir: ${why}`,
  );
  const parse = async (): Promise<SnapshotMeta> => parseSnapshotMeta(new TextDecoder().decode(metaBytes));
  const meta = await orFail(parse(), (why) => `Error parsing meta.json from internal snapshot dir: ${why}`);
  const feed = async (): Promise<void> => {
    for await (const chunk of source) stats.push(chunk);
  };
  await orFail(feed(), (why) => `Error extracting snapshot data: ${why}`);
  return meta;
}

async function readArchive(host: CliHost, file: string, stats: SnapshotStatsReader): Promise<SnapshotMeta> {
  const source = await orFail(host.files.stream(file), (why) => `Error opening snapshot file: ${why}`);
  return orFail(
    readSnapshotArchive(source, (chunk) => stats.push(chunk)),
    (why) => `Error reading snapshot: ${why}`,
  );
}

/** `snapshot inspect` */
export const snapshotInspectCommand = defineCommand({
  usage: "snapshot inspect [options] FILE",
  about: `Shows what a snapshot file holds, and how much of each. FILE is one that "{program} snapshot
save" wrote, or a state.bin of a server's own snapshots.

    $ {program} snapshot inspect backup.snap
    $ {program} snapshot inspect -kvdetails -kvdepth=3 backup.snap`,
  flags: {
    kvdetails: boolFlag("Show how much each prefix of keys takes."),
    kvdepth: intFlag("With -kvdetails: how many parts of a key make its prefix.", 2),
    kvfilter: stringFlag("With -kvdetails: only keys that start with this."),
    format: stringFlag("Output format {pretty|json}", { initial: "pretty" }),
  },
  flagErrorLine: (message) => message,
  run: async (context) => {
    const { flags, host } = context;
    const file = takeArgument(context.args, "one", "FILE");
    const stats = new SnapshotStatsReader(
      flags.kvdetails ? { depth: flags.kvdepth, prefix: flags.kvfilter } : undefined,
    );
    const isRaw = /(?:^|\/)state\.bin$/iu.test(file);
    const meta = await (isRaw ? readRaw : readArchive)(host, file, stats);
    const finish = async (): Promise<void> => stats.end();
    await orFail(finish(), (why) => `Error extracting snapshot data: ${why}`);
    const total = (sums: readonly { readonly Sum: number }[]): number =>
      sums.reduce((sum, one) => sum + one.Sum, 0);
    const byKey = stats.byKey();
    const report: SnapshotReport = {
      Meta: meta,
      Stats: stats.byType(),
      StatsKV: byKey.length === 0 ? null : byKey,
      TotalSize: total(stats.byType()),
      TotalSizeKV: total(byKey),
    };
    switch (flags.format) {
      case "pretty":
        context.out(renderSnapshot(report));
        return 0;
      case "json":
        context.out(JSON.stringify(report, null, 3));
        return 0;
      default:
        throw new CommandFailure(`Error outputting enhanced snapshot data: Unknown format: ${flags.format}`);
    }
  },
});
