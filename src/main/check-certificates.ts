/** What an agent's checks show and trust in TLS: what it shows to servers, if its configuration says so. */
import type { Config } from "../config/config.ts";
import { readTlsMaterial, type TlsMaterial } from "../runtime/check-tls.ts";

export class CheckCertificates {
  #material: TlsMaterial;

  /** Throws when a file cannot be read. */
  constructor(config: Config) {
    this.#material = read(config);
  }

  /** What checks go by from now on; otherwise the system's authorities. */
  get material(): TlsMaterial {
    return this.#material;
  }

  /** Reads the files again. Throws, and changes nothing, when one cannot be read. */
  reload(config: Config): void {
    this.#material = read(config);
  }
}

function read({ tls }: Config): TlsMaterial {
  return tls.enableAgentTlsForChecks ? readTlsMaterial(tls.internalRpc) : {};
}
