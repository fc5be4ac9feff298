/** What checks show and trust when they use TLS. */
import { readdirSync, readFileSync } from "node:fs";
import { isIP } from "node:net";
import { join } from "node:path";
import type { CheckTls } from "../agent/check-io.ts";

/** PEM text; what is absent comes from the system. */
export interface TlsMaterial {
  readonly ca?: readonly string[];
  readonly cert?: string;
  readonly key?: string;
}

/** Files of a TLS configuration. */
export interface TlsFiles {
  readonly caFile: string | undefined;
  /** A directory of which every file is read. */
  readonly caPath: string | undefined;
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
}

/** Reads the files. Throws when one of them cannot be read. */
export function readTlsMaterial({ caFile, caPath, certFile, keyFile }: TlsFiles): TlsMaterial {
  const text = (path: string): string => readFileSync(path, "utf8");
  const authorities = [
    ...(caFile === undefined ? [] : [caFile]),
    ...(caFile !== undefined || caPath === undefined
      ? []
      : readdirSync(caPath)
          .sort()
          .map((name) => join(caPath, name))),
  ].map(text);
  return {
    ...(authorities.length === 0 ? {} : { ca: authorities }),
    ...(certFile === undefined || keyFile === undefined ? {} : { cert: text(certFile), key: text(keyFile) }),
  };
}

/** Options for a connection of `node:tls`. */
export interface ConnectionTls {
  readonly rejectUnauthorized: boolean;
  readonly servername?: string;
  readonly ca?: string[];
  readonly cert?: string;
  readonly key?: string;
}

/** The agent's material with what one check chooses. */
export function connectionTls(material: TlsMaterial, { serverName, skipVerify }: CheckTls): ConnectionTls {
  const { ca, cert, key } = material;
  return {
    rejectUnauthorized: !skipVerify,
    // The name of an address is no server name in TLS (RFC 6066, section 3).
    ...(serverName === "" || isIP(serverName) !== 0 ? {} : { servername: serverName }),
    ...(ca === undefined ? {} : { ca: [...ca] }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
  };
}
