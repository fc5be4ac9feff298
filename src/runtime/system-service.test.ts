import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { once } from "node:events";
import { notifyService } from "./service-notify.ts";
import { setOwner } from "./socket-owner.ts";
import { facilityNumber, openSyslog, syslogLine } from "./syslog.ts";
import type { LogRecord } from "./text-log.ts";
import { openUnixDatagrams } from "./unix-datagram.ts";

const folder = mkdtempSync(join(tmpdir(), "system-service-"));
afterAll(() => rmSync(folder, { recursive: true }));

const record: LogRecord = {
  wallMs: new Date(2026, 0, 2, 3, 4, 5).getTime(),
  level: "warn",
  component: "agent.server",
  message: "it is [odd]",
  fields: { n: 1 },
};

describe("syslog lines", () => {
  test("carry priority, time, tag and text", () => {
    expect(syslogLine(record, facilityNumber("LOCAL0"))).toBe(
      `<132>Jan  2 03:04:05 consul[${process.pid}]: agent.server: it is [odd]: n=1\n`,
    );
  });

  test.each([
    ["KERN", 0],
    ["daemon", 3],
    ["LOCAL7", 23],
  ])("facility %s is %d", (name, number) => {
    expect(facilityNumber(name)).toBe(number);
  });

  test("other facilities are refused", () => {
    expect(() => facilityNumber("LOCAL8")).toThrow("invalid syslog facility: LOCAL8");
  });
});

/** Receives datagrams, which this runtime cannot: prints each as JSON. */
const receiver = `
import json, os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
name = sys.argv[1]
s.bind("\\0" + name[1:] if name.startswith("@") else name)
print("bound", flush=True)
while True: print(json.dumps(s.recv(65536).decode()), flush=True)
`;
const hasPython = spawnSync("python3", ["--version"]).status === 0 && process.platform === "linux";
if (!hasPython) console.log("skipped: datagrams to Unix sockets need python3 and Linux");

describe.if(hasPython)("datagrams to Unix sockets", () => {
  const path = join(folder, "log.sock");
  const lines: string[] = [];
  let child: ChildProcess;
  let waiting: (() => void) | undefined;
  const line = async (): Promise<string> => {
    while (lines.length === 0) await new Promise<void>((resolve) => (waiting = resolve));
    return lines.shift() ?? "";
  };
  const start = async (name: string): Promise<void> => {
    child = spawn("python3", ["-c", receiver, name], { stdio: ["ignore", "pipe", "inherit"] });
    child.stdout?.on("data", (chunk: Uint8Array) => {
      const text = Buffer.from(chunk).toString();
      lines.push(...text.split("\n").filter((one) => one !== ""));
      waiting?.();
    });
    expect(await line()).toBe("bound");
  };
  const end = async (): Promise<void> => {
    child.kill();
    await once(child, "exit");
  };
  beforeAll(() => start(path));
  afterAll(end);

  test("syslog records arrive", async () => {
    using syslog = await openSyslog("USER", [join(folder, "none"), path]);
    syslog?.write(record);
    expect(JSON.parse(await line())).toBe(syslogLine(record, 1));
  });

  test("the service manager is told", async () => {
    await notifyService("ready", path);
    expect(JSON.parse(await line())).toBe("READY=1");
    await notifyService("reloading", path);
    expect(JSON.parse(await line())).toMatch(/^RELOADING=1\nMONOTONIC_USEC=\d+$/u);
    await notifyService("stopping", path);
    expect(JSON.parse(await line())).toBe("STOPPING=1");
  });

  test("abstract names are reached", async () => {
    await end();
    const name = `@proconsul-test-${process.pid}`;
    await start(name);
    await notifyService("ready", name);
    expect(JSON.parse(await line())).toBe("READY=1");
  });
});

test("where nobody listens there is no socket, and nothing to do", async () => {
  expect(await openUnixDatagrams(join(folder, "nobody"))).toBeUndefined();
  expect(await openSyslog("USER", [join(folder, "nobody")])).toBeUndefined();
  await notifyService("ready", join(folder, "nobody"));
  await notifyService("ready", "");
});

describe("owners of sockets", () => {
  const path = join(folder, "owned");
  const none = { user: undefined, group: undefined, mode: undefined };
  beforeAll(() => writeFileSync(path, ""));

  test("a mode is octal", () => {
    setOwner(path, { ...none, mode: "0640" });
    expect(statSync(path).mode & 0o777).toBe(0o640);
    expect(() => setOwner(path, { ...none, mode: "rw" })).toThrow("invalid mode specified: rw");
  });

  test("a user is a number or a name, a group a number", () => {
    const { uid, gid } = statSync(path);
    const name = readFileSync("/etc/passwd", "utf8")
      .split("\n")
      .find((row) => row.split(":")[2] === String(uid));
    setOwner(path, { ...none, user: String(uid), group: String(gid) });
    if (name !== undefined) setOwner(path, { ...none, user: name.split(":")[0] });
    expect(statSync(path).uid).toBe(uid);
    expect(() => setOwner(path, { ...none, user: "no such user" })).toThrow(
      "failed to look up user no such user",
    );
    expect(() => setOwner(path, { ...none, group: "wheel" })).toThrow("invalid group specified: wheel");
  });
});
