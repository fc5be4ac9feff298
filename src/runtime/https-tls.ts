/** TLS of the HTTPS door: what it shows, whom it asks for a certificate, which versions and ciphers it speaks. */
import { createSecureContext, type SecureVersion } from "node:tls";
import type { TlsProtocolConfig } from "../config/config.ts";
import { ProconsulError } from "../lib/errors.ts";
import { readTlsMaterial } from "./check-tls.ts";
import { goFileText } from "./go-file-text.ts";

/** A TLS configuration that cannot be used. */
export class TlsSetupError extends ProconsulError {
  readonly code = "tls-setup";
}

/** Options for a server of `node:tls`. */
export interface HttpsTls {
  readonly cert: string;
  readonly key: string;
  /** Authorities of clients' certificates. */
  readonly ca?: string[];
  readonly minVersion: SecureVersion;
  /** In OpenSSL's form; absent: the runtime's own choice. */
  readonly ciphers?: string;
  /** Clients must show a certificate of one of the authorities. */
  readonly requestCert: boolean;
  readonly rejectUnauthorized: boolean;
  /** Connections that are not secure by then are closed. */
  readonly handshakeTimeout: number;
}

const versions: Readonly<Record<TlsProtocolConfig["minVersion"], SecureVersion>> = {
  // The reference's default.
  TLS_AUTO: "TLSv1.2",
  TLSv1_0: "TLSv1",
  TLSv1_1: "TLSv1.1",
  TLSv1_2: "TLSv1.2",
  TLSv1_3: "TLSv1.3",
};

/** A suite's name as OpenSSL writes it: `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256` is `ECDHE-RSA-AES128-GCM-SHA256`. */
export function opensslCipher(suite: string): string {
  return suite
    .replace(/^TLS_/u, "")
    .replace("_WITH_", "_")
    .replace(/AES_(\d+)_CBC/u, "AES$1")
    .replace(/AES_(\d+)/u, "AES$1")
    .replace("CHACHA20_POLY1305_SHA256", "CHACHA20_POLY1305")
    .replaceAll("_", "-");
}

/**
 * Reads certificate, key and authorities. `undefined` without a certificate. Throws `TlsSetupError`, in the
 * reference's words where it has them.
 */
export function readHttpsTls(tls: TlsProtocolConfig, handshakeTimeoutMs: number): HttpsTls | undefined {
  const { cert, key, ca } = readFiles(tls);
  if (tls.verifyIncoming && ca === undefined) {
    throw new TlsSetupError("VerifyIncoming set but no CA certificates were provided");
  }
  if (cert === undefined || key === undefined) {
    if (!tls.verifyIncoming) return undefined;
    throw new TlsSetupError(
      "VerifyIncoming requires either a Cert and Key pair in the configuration file, or auto_encrypt/auto_config be enabled",
    );
  }
  const made: HttpsTls = {
    cert,
    key,
    ...(ca === undefined ? {} : { ca: [...ca] }),
    minVersion: versions[tls.minVersion],
    ...(tls.cipherSuites.length === 0 ? {} : { ciphers: tls.cipherSuites.map(opensslCipher).join(":") }),
    requestCert: tls.verifyIncoming,
    rejectUnauthorized: tls.verifyIncoming,
    handshakeTimeout: handshakeTimeoutMs,
  };
  try {
    createSecureContext(made);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TlsSetupError(`Failed to load cert/key pair: ${reason}`, { cause });
  }
  return made;
}

function readFiles(tls: TlsProtocolConfig): ReturnType<typeof readTlsMaterial> {
  try {
    return readTlsMaterial(tls);
  } catch (cause) {
    throw new TlsSetupError(goFileText("open", (cause as NodeJS.ErrnoException).path ?? "", cause), {
      cause,
    });
  }
}
