/**
 * What the command line needs from the world. `runtime/cli-host.ts` is the real one; tests pass a
 * literal object. Commands touch nothing else: no `process`, no files, no clock of their own.
 */
import type { Environment } from "../client/settings.ts";
import type { TransportOpener } from "../client/transport.ts";
import type { ServiceDefinition } from "../config/definitions.ts";
import type { Clock } from "../lib/clock.ts";

/** Where text and bytes go. Nothing is added, no line end either. */
export interface OutputSink {
  write(data: string | Uint8Array): void;
}

/** How a file comes to be. */
export interface WriteOptions {
  /** Permission bits of a new file, less those that the process's mask takes away. */
  readonly mode: number;
}

/** Files by path, relative to the working directory. Everything rejects with `FileError`. */
export interface CliFiles {
  read(path: string): Promise<Uint8Array>;
  /** Paths of all files below a folder, sorted. */
  listTree(path: string): Promise<readonly string[]>;
  /** Opens for reading in chunks; the file is known to exist when this resolves. */
  stream(path: string): Promise<AsyncIterable<Uint8Array>>;
  /** Writes a new or emptied file, readable by its owner only unless `options` say so, and syncs it. */
  write(path: string, chunks: AsyncIterable<Uint8Array>, options?: WriteOptions): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Deletes a file; nothing happens if there is none. */
  remove(path: string): Promise<void>;
  /** Adds to the end of a file that is there. */
  append(path: string, text: string): Promise<void>;
  /** Whether there is a file or folder of this name. */
  exists(path: string): Promise<boolean>;
  /** Makes a folder, and those that it lies in, if there is none. */
  makeFolder(path: string): Promise<void>;
  /** Deletes a folder with all that is in it; nothing happens if there is none. */
  removeTree(path: string): Promise<void>;
}

/** What asks a command to end. */
export type InterruptSignal = "SIGINT" | "SIGTERM";

/** A program to run, with this process's standard output and error. */
export interface ChildSpec {
  /** Program and arguments; no shell. */
  readonly argv: readonly string[];
  /** Added to this process's environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly stdin:
    | { readonly kind: "none" }
    /** This process's own. */
    | { readonly kind: "inherit" }
    | { readonly kind: "bytes"; readonly bytes: Uint8Array };
}

/** How a child ended; `signal` by Go's name for it, such as "killed". */
export type ChildEnd =
  | { readonly kind: "exit"; readonly code: number }
  | { readonly kind: "signal"; readonly signal: string };

/** A child that was started. */
export interface RunningChild {
  readonly pid: number;
  readonly ended: Promise<ChildEnd>;
  /** Sends a signal to the child alone; nothing happens once it has ended. */
  signal(name: InterruptSignal | "SIGKILL"): void;
}

/** Versions to report. */
export interface CliBuild {
  /** Of this program, such as "0.1.0". */
  readonly version: string;
  /** Of the reference whose behaviour it has, such as "1.16.4". */
  readonly compatibleVersion: string;
  /** Source revision; "" if unknown. */
  readonly revision: string;
  /** RFC 3339; "" if unknown. */
  readonly buildDate: string;
}

/** The agent, provided by the composition root. */
export interface AgentCommand {
  /** The help page for `-help`. */
  help(): string | Promise<string>;
  /** Runs until the agent has stopped; `argv` is what follows the word "agent". Returns the exit code. */
  run(argv: readonly string[], host: CliHost): Promise<number>;
}

/** What a check of configuration files found. */
export type ConfigVerdict =
  | { readonly kind: "valid"; readonly warnings: readonly string[] }
  | { readonly kind: "invalid"; readonly problem: string };

/** The services that configuration files define. */
export type ServiceFiles =
  | {
      readonly kind: "valid";
      readonly services: readonly ServiceDefinition[];
      readonly warnings: readonly string[];
    }
  | { readonly kind: "invalid"; readonly problem: string };

/** Configuration files, as the agent reads them; provided by the composition root. */
export interface ConfigTools {
  /** Checks files and folders together. `format` is "json", "hcl", or "" to go by file names. */
  validate(paths: readonly string[], format: string): Promise<ConfigVerdict>;
  /** Reads files and folders for the services they define, in order; all else in them is left alone. */
  services(paths: readonly string[]): Promise<ServiceFiles>;
}

/** A certificate and its key, in PEM. */
export interface CertificatePair {
  readonly cert: string;
  readonly key: string;
}

/** What a new authority is like. */
export interface AuthorityRequest {
  /** "" for one made of its serial number. */
  readonly commonName: string;
  /** How long it is valid from now on. */
  readonly days: number;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
  /** Domains outside of which it signs nothing; empty for no such limit. */
  readonly permittedDnsNames: readonly string[];
  /** Names of its own, as URIs. */
  readonly uris: readonly string[];
}

/** What a new certificate is like, and who signs it. */
export interface CertificateRequest {
  /** The signing authority's certificate and key, in PEM. */
  readonly authority: CertificatePair;
  readonly commonName: string;
  readonly days: number;
  readonly nowMs: number;
  readonly dnsNames: readonly string[];
  /** In text, as the user gave them. */
  readonly ipAddresses: readonly string[];
  /** Sides of a connection that it is for, first things first; empty for every purpose. */
  readonly roles: readonly ("server" | "client")[];
}

/** Makes certificates with new keys. Both reject with `CertificateError`. */
export interface CertificateTools {
  createAuthority(request: AuthorityRequest): Promise<CertificatePair>;
  /** What it makes is checked as a client would. */
  createCertificate(request: CertificateRequest): Promise<CertificatePair>;
}

/** The world as the command line sees it. */
export interface CliHost {
  /** Name of the program in its own texts. */
  readonly programName: string;
  /** What to run to run this program again. */
  readonly programPath: string;
  readonly build: CliBuild;
  readonly env: Environment;
  readonly stdout: OutputSink;
  readonly stderr: OutputSink;
  /** Resolves once everything written has left this process, or its reader is gone. */
  flush(): Promise<void>;
  /** Everything on standard input. */
  readStdin(): Promise<Uint8Array>;
  readonly files: CliFiles;
  readonly certificates: CertificateTools;
  readonly transports: TransportOpener;
  readonly clock: Clock;
  /** Bytes fit for secrets. */
  randomBytes(count: number): Uint8Array;
  /** Calls `fn` for each interrupt until disposed; meanwhile they do not end the program. */
  onInterrupt(fn: (signal: InterruptSignal) => void): Disposable;
  /** Starts a program. Rejects with `ChildError`. */
  spawn(spec: ChildSpec): Promise<RunningChild>;
  /** Whether a TCP connection comes about in time. */
  canConnect(to: { readonly host: string; readonly port: number }, timeoutMs: number): Promise<boolean>;
  readonly agent: AgentCommand;
  readonly config: ConfigTools;
}
