/** A snapshot's statistics as tables, in the reference's layout. */
import type { SnapshotMeta } from "../client/snapshot-archive.ts";
import type { RecordStats } from "../client/snapshot-stats.ts";
import { renderTabs } from "./columns.ts";

/** What `snapshot inspect` knows; in this form it is also the JSON output. */
export interface SnapshotReport {
  readonly Meta: SnapshotMeta;
  readonly Stats: readonly RecordStats[];
  /** By key prefix; null if keys were not asked for or there are none. */
  readonly StatsKV: readonly RecordStats[] | null;
  readonly TotalSize: number;
  readonly TotalSizeKV: number;
}

const sizeUnits = ["B", "KB", "MB", "GB", "TB"] as const;
const layout = { padding: 6, widthMin: 8 } as const;

/** "1.7KB": at most one decimal, powers of 1024, "0" for nothing. */
export function renderByteSize(bytes: number): string {
  if (bytes === 0) return "0";
  const power = Math.min(Math.floor(Math.log2(bytes) / 10), sizeUnits.length - 1);
  return `${(bytes / 1024 ** power).toFixed(1).replace(/\.0$/u, "")}${sizeUnits[power] ?? ""}`;
}

function table(title: string, stats: readonly RecordStats[], total: number): string {
  const rule = [" ----", "----", "----"];
  const rows = stats.map((one) => [` ${one.Name}`, String(one.Count), renderByteSize(one.Sum)]);
  return renderTabs(
    [[` ${title}`, "Count", "Size"], rule, ...rows, rule, [" Total", "", renderByteSize(total)]],
    layout,
  );
}

/** Renders the tables, without a line end. */
export function renderSnapshot(report: SnapshotReport): string {
  const { Meta: meta } = report;
  const head = renderTabs(
    [
      [" ID", meta.ID],
      [" Size", String(meta.Size)],
      [" Index", String(meta.Index)],
      [" Term", String(meta.Term)],
      [" Version", String(meta.Version)],
    ],
    layout,
  );
  const keys = report.StatsKV === null ? [] : [table("Key Name", report.StatsKV, report.TotalSizeKV)];
  return [head, table("Type", report.Stats, report.TotalSize), ...keys].join("\n\n");
}
