/**
 * Where the agents of a test cluster live: a network namespace each behind one bridge, or addresses of the loopback.
 *
 * Namespaces need root and iproute2; only there can links be cut. Everything is removed on disposal.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

/** Hosts of one test, by number from 1. */
export interface TestNetwork extends Disposable {
  /** Whether `cut` works. */
  readonly canCut: boolean;
  address(host: number): string;
  /** A command line that runs `argv` on a host. */
  on(host: number, argv: readonly string[]): readonly [string, ...string[]];
  /** Drops everything between the two groups, in both directions. */
  cut(some: readonly number[], others: readonly number[]): void;
  /** Undoes every cut. */
  heal(): void;
}

/** Why namespaces cannot be used here, or `undefined` if they can. */
export function namespacesMissing(): string | undefined {
  if (process.getuid?.() !== 0) return "network namespaces need root";
  if (spawnSync("ip", ["-V"]).status !== 0) return "network namespaces need iproute2 (`ip`)";
  const probe = `proconsul-probe-${process.pid}`;
  if (spawnSync("ip", ["netns", "add", probe]).status !== 0) return "network namespaces are not allowed here";
  spawnSync("ip", ["netns", "del", probe]);
  return undefined;
}

/** Addresses of the loopback, in a part of 127.0.0.0/8 of this test's own: default ports are free there. */
export function loopbackNetwork(hostsMax: number): TestNetwork {
  const first = 1 + Math.floor(Math.random() * 200);
  const second = Math.floor(Math.random() * 250);
  const address = (host: number): string => {
    if (host > hostsMax) throw new RangeError(`this network has ${hostsMax} hosts`);
    return `127.${first}.${second}.${host}`;
  };
  return {
    canCut: false,
    address,
    on: (_host, argv) => argv as readonly [string, ...string[]],
    cut: () => {
      throw new Error("links of the loopback cannot be cut");
    },
    heal: () => undefined,
    [Symbol.dispose]: () => undefined,
  };
}

/** A namespace a host, with a veth pair to one bridge; this process reaches the hosts through the bridge. */
export function namespaceNetwork(hostCount: number): TestNetwork {
  const tag = `p${process.pid.toString(36)}${Math.floor(Math.random() * 1_000).toString(36)}`;
  const net = `10.${100 + Math.floor(Math.random() * 100)}.${Math.floor(Math.random() * 250)}`;
  const bridge = `${tag}br`.slice(0, 15);
  const address = (host: number): string => `${net}.${host}`;
  const name = (host: number): string => `${tag}-${host}`;
  const hosts = Array.from({ length: hostCount }, (_, index) => index + 1);
  const undo = (): void => {
    for (const host of hosts) {
      if (existsSync(`/var/run/netns/${name(host)}`)) spawnSync("ip", ["netns", "del", name(host)]);
    }
    spawnSync("ip", ["link", "del", bridge]);
  };
  const cuts: (readonly [number, string])[] = [];
  try {
    run("ip", "link", "add", bridge, "type", "bridge");
    run("ip", "addr", "add", `${net}.254/24`, "dev", bridge);
    run("ip", "link", "set", bridge, "up");
    for (const host of hosts) {
      const outside = `${tag}h${host}`.slice(0, 15);
      run("ip", "netns", "add", name(host));
      run("ip", "link", "add", outside, "type", "veth", "peer", "name", "eth0", "netns", name(host));
      run("ip", "link", "set", outside, "master", bridge, "up");
      const inside = ["-n", name(host)];
      run("ip", ...inside, "link", "set", "lo", "up");
      run("ip", ...inside, "addr", "add", `${address(host)}/24`, "dev", "eth0");
      run("ip", ...inside, "link", "set", "eth0", "up");
    }
  } catch (error) {
    undo();
    throw error;
  }
  const block = (host: number, other: number): void => {
    run("ip", "-n", name(host), "route", "add", "blackhole", `${address(other)}/32`);
    cuts.push([host, address(other)]);
  };
  return {
    canCut: true,
    address,
    on: (host, argv) => ["ip", "netns", "exec", name(host), ...argv],
    cut: (some, others) => {
      for (const one of some) {
        for (const other of others) {
          block(one, other);
          block(other, one);
        }
      }
    },
    heal: () => {
      for (const [host, other] of cuts.splice(0)) {
        run("ip", "-n", name(host), "route", "del", "blackhole", `${other}/32`);
      }
    },
    [Symbol.dispose]: undo,
  };
}

function run(program: string, ...argv: readonly string[]): void {
  const done = spawnSync(program, argv, { encoding: "utf8" });
  if (done.status !== 0) throw new Error(`${program} ${argv.join(" ")}: ${done.stderr}`);
}
