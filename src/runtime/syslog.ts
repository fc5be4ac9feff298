/** Log records for the system's logger. Source: RFC 3164 as Go's log/syslog writes it to a local socket. */
import { ProconsulError } from "../lib/errors.ts";
import type { LogLevel } from "../lib/log.ts";
import { renderText, type LogRecord } from "./text-log.ts";
import { openUnixDatagrams } from "./unix-datagram.ts";

/** What log filters on hosts that ran Consul look for. */
const tag = "consul";
const socketPaths = ["/dev/log", "/var/run/syslog", "/var/run/log"];

const facilities: readonly string[] = [
  "KERN",
  "USER",
  "MAIL",
  "DAEMON",
  "AUTH",
  "SYSLOG",
  "LPR",
  "NEWS",
  "UUCP",
  "CRON",
  "AUTHPRIV",
  "FTP",
];
const firstLocalFacility = 16;

/** Severities as the reference gives them to its levels. */
const severities: Readonly<Record<LogLevel, number>> = { trace: 7, debug: 6, info: 5, warn: 4, error: 3 };

/** A facility that syslog does not have. */
export class SyslogError extends ProconsulError {
  readonly code = "syslog";
}

/** The number of a facility by its name. Throws `SyslogError`. */
export function facilityNumber(name: string): number {
  const upper = name.toUpperCase();
  const local = /^LOCAL([0-7])$/u.exec(upper)?.[1];
  const number = local === undefined ? facilities.indexOf(upper) : firstLocalFacility + Number(local);
  if (number < 0) throw new SyslogError(`invalid syslog facility: ${name}`);
  return number;
}

/** One record as a datagram. The logger has a time and a severity of its own, so the text goes without. */
export function syslogLine(record: LogRecord, facility: number): string {
  const priority = facility * 8 + severities[record.level];
  const [, text = ""] = /^.*?\[\w+\]\s+(.*)$/su.exec(renderText(record)) ?? [];
  return `<${priority}>${stamp(new Date(record.wallMs))} ${tag}[${process.pid}]: ${text}\n`;
}

/** "Jan  2 15:04:05", local time. */
function stamp(at: Date): string {
  const month = at.toLocaleString("en-US", { month: "short" });
  const day = String(at.getDate()).padStart(2);
  const time = [at.getHours(), at.getMinutes(), at.getSeconds()].map((part) => String(part).padStart(2, "0"));
  return `${month} ${day} ${time.join(":")}`;
}

/** Where records go. */
export interface Syslog extends Disposable {
  write(record: LogRecord): void;
}

/** The local logger, or `undefined` if this host has none. Throws `SyslogError` for a facility that is none. */
export async function openSyslog(
  facilityName: string,
  paths: readonly string[] = socketPaths,
): Promise<Syslog | undefined> {
  const facility = facilityNumber(facilityName);
  for (const path of paths) {
    const socket = await openUnixDatagrams(path);
    if (socket === undefined) continue;
    return {
      // What a full or restarted logger does not take is lost; there is nowhere to complain.
      write: (record) => void socket.send(syslogLine(record, facility)),
      [Symbol.dispose]: () => socket[Symbol.dispose](),
    };
  }
  return undefined;
}
