/**
 * The `agent` command: from the command line to a running agent, and back out by signal.
 *
 * Exit codes are the reference's: 0 after a graceful leave, 1 after any other end.
 */
import type { CliHost } from "../cli/host.ts";
import { agentUsage, parseAgentArgs, type AgentArgs } from "../config/agent-flags.ts";
import type { Config } from "../config/config.ts";
import { debugConfig } from "../config/debug-config.ts";
import { idleWarnings } from "../config/idle-keys.ts";
import { loadConfig, type LoadedConfig } from "../config/load.ts";
import { restartWarnings } from "../config/reload.ts";
import { ProconsulError } from "../lib/errors.ts";
import { FlagError } from "../lib/flags.ts";
import type { Log } from "../lib/log.ts";
import { hostPort } from "../lib/net.ts";
import { buildInfo, type BuildInfo } from "../runtime/build-info.ts";
import { systemClock } from "../runtime/clock.ts";
import { claimDataDir, nodeIdOf, writePidFile } from "../runtime/data-dir.ts";
import { watchFiles } from "../runtime/file-watcher.ts";
import { hostNodeId } from "../runtime/host-id.ts";
import { giveBackWhenQuiet } from "../runtime/give-back.ts";
import { openLogFile } from "../runtime/log-file.ts";
import { systemUuid } from "../runtime/random.ts";
import { checkRejoinAge, noteSeen } from "../runtime/rejoin-age.ts";
import { notifyService } from "../runtime/service-notify.ts";
import { openSyslog, type Syslog } from "../runtime/syslog.ts";
import { LogHub, renderJsonLine, renderText } from "../runtime/text-log.ts";
import { levelOf, startAgentProcess, type AgentProcess } from "./agent-process.ts";
import { configHost } from "./config-tools.ts";
import { shown } from "./listeners.ts";

export { agentHelp } from "../config/agent-flags.ts";

/** Runs an agent until a signal, a leave or a failure ends it. Returns the exit code. */
export async function runAgent(argv: readonly string[], host: CliHost): Promise<number> {
  let args: AgentArgs;
  let loaded: LoadedConfig;
  try {
    args = parseAgentArgs(argv);
    loaded = loadConfig({ ...configHost(), args });
  } catch (error) {
    if (error instanceof FlagError) {
      const { message } = error;
      host.stderr.write(`${message}\n${agentUsage()}==> error parsing flags: ${message}\n`);
    } else if (error instanceof ProconsulError) host.stderr.write(`==> ${error.message}\n`);
    else throw error;
    return 1;
  }
  try {
    using session = new Session(args, loaded, host);
    return await session.run();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    host.stderr.write(`==> Error starting agent: ${error.message}\n`);
    if (!(error instanceof ProconsulError) && error.stack !== undefined)
      host.stderr.write(`${error.stack}\n`);
    return 1;
  }
}

/** A leave that takes longer is given up. */
const gracefulTimeoutMs = 15_000;

/** Versions of Consul's protocol that are spoken. */
const protocols = { min: 2, max: 3 } as const;

class ProtocolError extends ProconsulError {
  readonly code = "protocol";
}

/** Throws `ProtocolError` for a version that nobody here speaks; in the reference's words. */
function checkProtocol({ rpcProtocol, server }: Config): void {
  const { min, max } = protocols;
  if (rpcProtocol >= min && rpcProtocol <= max) return;
  const way = rpcProtocol < min ? "low" : "high";
  throw new ProtocolError(
    `Failed to start Consul ${server ? "server" : "client"}: Protocol version '${rpcProtocol}' too ${way}. Must be in range: [${min}, ${max}]`,
  );
}

class StillStartingError extends ProconsulError {
  readonly code = "still-starting";
  constructor() {
    super("the agent is still starting: reload again in a moment");
  }
}

/** One run of an agent, with what must be undone when it ends. */
class Session implements Disposable {
  readonly #args: AgentArgs;
  readonly #loaded: LoadedConfig;
  readonly #host: CliHost;
  readonly #build: BuildInfo = buildInfo();
  readonly #logs = new LogHub(systemClock);
  readonly #log: Log;
  readonly #undo = new DisposableList();
  #process: AgentProcess | undefined;
  #levelSinks: Disposable[] = [];
  #syslog: Syslog | undefined;
  #end: (code: number) => void = () => undefined;

  constructor(args: AgentArgs, loaded: LoadedConfig, host: CliHost) {
    this.#args = args;
    this.#loaded = loaded;
    this.#host = host;
    this.#log = this.#logs.logger("agent");
  }

  [Symbol.dispose](): void {
    this.#undo[Symbol.dispose]();
  }

  async run(): Promise<number> {
    const { config, warnings } = this.#loaded;
    checkProtocol(config);
    const noSyslog = await this.#openSyslog(config);
    this.#openLogs(config);
    if (config.dataDir !== undefined) this.#undo.add(claimDataDir(config.dataDir));
    const makeId = (): string => (config.hostNodeId ? hostNodeId() : undefined) ?? systemUuid();
    const nodeId =
      config.dataDir === undefined
        ? (config.nodeId ?? makeId())
        : nodeIdOf(config.dataDir, config.nodeId, makeId);
    if (config.server && !config.devMode && config.dataDir !== undefined) {
      const limits = { nowMs: systemClock.wallMs(), maxMs: config.join.serverRejoinAgeMaxMs };
      checkRejoinAge(config.dataDir, limits);
      this.#undo.add(noteSeen(config.dataDir, { clock: systemClock, log: this.#log }));
    }
    if (config.pidFile !== undefined) this.#undo.add(writePidFile(config.pidFile));
    const ended = new Promise<number>((resolve) => (this.#end = resolve));
    this.#host.stdout.write(banner(config, nodeId, this.#build));
    for (const warning of [...warnings, ...idleWarnings(config), ...noSyslog]) this.#log.warn(warning);
    // Before anything can be reached: a signal must never meet a half-started agent without an answer.
    this.#onSignals(config);
    this.#process = await startAgentProcess({
      config,
      nodeId,
      build: this.#build,
      debugConfig: debugConfig(config, { nodeId }),
      logs: this.#logs,
      leave: () => this.#leave(),
      reload: () => this.#reload(),
      joined: () => void notifyService("ready"),
      failed: (error) => {
        this.#log.error("the agent cannot go on", {
          error: error instanceof Error ? error.message : String(error),
        });
        this.#end(1);
      },
    });
    this.#undo.add(giveBackWhenQuiet(systemClock));
    this.#log.info("Proconsul agent running!");
    if (config.autoReloadConfig) this.#undo.add(this.#reloadByItself(config));
    const code = await ended;
    await notifyService("stopping");
    await this.#process.stop();
    return code;
  }

  /** Asked for over HTTP: the answer goes out when the agent has left, and then everything ends. */
  async #leave(): Promise<void> {
    if (this.#process === undefined) throw new StillStartingError();
    await this.#process.leave();
    this.#end(0);
  }

  #leaveGracefully(): void {
    this.#log.info("Gracefully shutting down agent...");
    const late = systemClock.after(gracefulTimeoutMs, () => {
      this.#log.info("Timeout on graceful leave. Exiting");
      this.#end(1);
    });
    this.#undo.add(late);
    void (this.#process?.leave() ?? Promise.resolve()).then(() => {
      this.#log.info("Graceful exit completed");
      this.#end(0);
    });
  }

  /** Reads the configuration again and takes over what may change. Rejects when it is not valid. */
  async #reload(): Promise<void> {
    if (this.#process === undefined) throw new StillStartingError();
    await notifyService("reloading");
    try {
      await this.#takeOver(this.#process);
    } finally {
      await notifyService("ready");
    }
  }

  /** Reloads where nobody waits for the outcome. */
  #reloadNow(): void {
    this.#reload().catch((error: unknown) => {
      this.#log.error("Reload failed", { error: error instanceof Error ? error.message : String(error) });
    });
  }

  /** Reloads when a configuration file or a certificate changes. */
  #reloadByItself({ tls }: Config): Disposable {
    const certificates = [tls.https, tls.internalRpc].flatMap(({ certFile, keyFile, caFile }) =>
      [certFile, keyFile, caFile].filter((file) => file !== undefined),
    );
    const changed = (): void => {
      this.#log.info("auto-reload: configuration files have changed");
      this.#reloadNow();
    };
    return watchFiles([...this.#loaded.paths, ...certificates], { clock: systemClock, changed });
  }

  async #takeOver(running: AgentProcess): Promise<void> {
    const next = loadConfig({ ...configHost(), args: this.#args });
    const waiting = restartWarnings(this.#loaded.config, next.config);
    for (const warning of [...next.warnings, ...waiting]) this.#log.warn(warning);
    this.#openLogs(next.config);
    await running.reload(next.config);
    this.#log.info("Configuration reloaded");
  }

  /** Sends log records where the configuration says; on reload with the new level. */
  #openLogs(config: Config): void {
    for (const sink of this.#levelSinks) sink[Symbol.dispose]();
    const level = levelOf(config.log.level);
    const render = config.log.json ? renderJsonLine : renderText;
    const sinks = [this.#logs.subscribe(level, (record) => this.#host.stdout.write(`${render(record)}\n`))];
    if (config.log.file !== undefined) {
      const kept = config.log.rotateFilesMax;
      const append = openLogFile({
        path: config.log.file,
        rotateBytes: config.log.rotateBytes,
        rotateDurationMs: config.log.rotateDurationMs,
        keptMax: kept.kind === "all" ? undefined : kept.kind === "none" ? 0 : kept.count,
      });
      sinks.push(this.#logs.subscribe(level, (record) => append(render(record))));
    }
    const syslog = this.#syslog;
    if (syslog !== undefined) sinks.push(this.#logs.subscribe(level, (record) => syslog.write(record)));
    this.#levelSinks = sinks;
  }

  /** Connects to the system's logger, if that is wanted. Returns what to warn about. */
  async #openSyslog({ log }: Config): Promise<readonly string[]> {
    if (!log.syslog) return [];
    this.#syslog = await openSyslog(log.syslogFacility);
    if (this.#syslog === undefined) return ["Syslog setup error: Unix syslog delivery error"];
    this.#undo.add(this.#syslog);
    return [];
  }

  #onSignals(config: Config): void {
    let isEnding = false;
    const end = (signal: string, graceful: boolean): void => {
      this.#log.info("Caught signal", { signal });
      if (isEnding) {
        this.#log.info("Caught second signal, Exiting", { signal });
        this.#end(1);
        return;
      }
      isEnding = true;
      if (!graceful) {
        this.#log.info("Graceful shutdown disabled. Exiting");
        this.#end(1);
        return;
      }
      this.#leaveGracefully();
    };
    const listeners = [
      ["SIGINT", () => end("interrupt", !config.skipLeaveOnInterrupt)],
      ["SIGTERM", () => end("terminated", config.leaveOnTerminate)],
      [
        "SIGHUP",
        () => {
          this.#log.info("Caught signal", { signal: "hangup" });
          this.#reloadNow();
        },
      ],
    ] as const;
    for (const [signal, listener] of listeners) {
      process.on(signal, listener);
      this.#undo.add({ [Symbol.dispose]: () => void process.off(signal, listener) });
    }
  }
}

/** Disposes what was added, last first. */
class DisposableList implements Disposable {
  readonly #items: Disposable[] = [];
  add(item: Disposable): void {
    this.#items.push(item);
  }
  [Symbol.dispose](): void {
    for (const item of this.#items.reverse()) item[Symbol.dispose]();
  }
}

function banner(config: Config, nodeId: string, build: BuildInfo): string {
  const http = config.addresses.http[0];
  const rows: readonly (readonly [string, string])[] = [
    ["Version", `${build.version} (compatible with Consul ${build.compatibleVersion})`],
    ["Node ID", nodeId],
    ["Node name", config.nodeName],
    ["Datacenter", config.datacenter],
    ["Server", `${config.server} (Bootstrap: ${config.bootstrap})`],
    ["Data", config.dataDir ?? "in memory"],
    ["HTTP", config.addresses.http.map(shown).join(", ") || "off"],
    ["HTTPS", config.addresses.https.map(shown).join(", ") || "off"],
    ["DNS", config.addresses.dns.map(hostPort).join(", ") || "off"],
    [
      "Cluster",
      `${config.addresses.advertiseLan} (LAN: ${config.ports.serfLan}, RPC: ${config.ports.server})`,
    ],
  ];
  const lines = rows.map(([name, value]) => `${name.padStart(14)}: ${value}\n`).join("");
  const tryIt =
    http?.kind === "tcp" ? `==> Try: curl -X PUT -d hello http://${reachable(http)}/v1/kv/greeting\n` : "";
  return `==> Starting Proconsul agent...\n${lines}\n${tryIt}==> Log data will now stream in as it occurs:\n\n`;
}

/** An address that a client on this machine can use for a listener that may be bound to all of them. */
function reachable({ host, port }: { readonly host: string; readonly port: number }): string {
  if (host === "0.0.0.0") return `127.0.0.1:${port}`;
  if (host === "::") return `[::1]:${port}`;
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
