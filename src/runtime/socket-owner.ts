/** Who owns a Unix socket, and who may use it. Source: the reference's setFilePermissions, whose messages these are. */
import { chmodSync, chownSync, readFileSync } from "node:fs";
import { ProconsulError } from "../lib/errors.ts";

/** Texts from the configuration; `undefined` leaves things as they are. */
export interface SocketOwner {
  /** A name or a number. */
  readonly user: string | undefined;
  /** A number. */
  readonly group: string | undefined;
  /** Octal. */
  readonly mode: string | undefined;
}

/** The owner or the mode cannot be had. */
export class SocketOwnerError extends ProconsulError {
  readonly code = "socket-owner";
}

/** Hands the file at `path` over. Throws `SocketOwnerError`. */
export function setOwner(path: string, { user, group, mode }: SocketOwner): void {
  if (user !== undefined || group !== undefined) {
    const userId = user === undefined ? ownId(process.getuid) : userIdOf(user);
    const groupId = group === undefined ? ownId(process.getgid) : groupIdOf(group);
    attempt(`failed setting ownership to ${userId}:${groupId} on ${JSON.stringify(path)}`, () =>
      chownSync(path, userId, groupId),
    );
  }
  if (mode === undefined) return;
  if (!/^[0-7]+$/u.test(mode)) throw new SocketOwnerError(`invalid mode specified: ${mode}`);
  const bits = Number.parseInt(mode, 8);
  attempt(`failed setting permissions to ${bits} on ${JSON.stringify(path)}`, () => chmodSync(path, bits));
}

function ownId(read: (() => number) | undefined): number {
  return read?.() ?? -1;
}

function userIdOf(user: string): number {
  if (/^\d+$/u.test(user)) return Number(user);
  let table = "";
  attempt(`failed to look up user ${user}`, () => {
    table = readFileSync("/etc/passwd", "utf8");
  });
  const row = table.split("\n").find((line) => line.startsWith(`${user}:`));
  const id = row?.split(":")[2];
  if (id === undefined)
    throw new SocketOwnerError(`failed to look up user ${user}: user: unknown user ${user}`);
  return Number(id);
}

function groupIdOf(group: string): number {
  if (!/^\d+$/u.test(group)) throw new SocketOwnerError(`invalid group specified: ${group}`);
  return Number(group);
}

function attempt(what: string, act: () => void): void {
  try {
    act();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SocketOwnerError(`${what}: ${reason}`, { cause: error });
  }
}
