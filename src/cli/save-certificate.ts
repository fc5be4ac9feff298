/** The two files that a certificate is kept in, and what is said about them. */
import { orFail, type CommandContext } from "./command.ts";
import type { CertificatePair } from "./host.ts";
import { writeAtomic } from "./write-atomic.ts";

/** Where a certificate and its key go. */
export interface CertificateNames {
  readonly cert: string;
  readonly key: string;
}

const publicMode = 0o666;
const secretMode = 0o600;

/** Writes both files, the key for its owner's eyes only, and says so. Fails with `CommandFailure`. */
export async function saveCertificate(
  { host, out }: Pick<CommandContext, "host" | "out">,
  pair: CertificatePair,
  names: CertificateNames,
): Promise<void> {
  const save = async (name: string, text: string, mode: number): Promise<void> => {
    await orFail(writeAtomic(host, name, { text, mode }), (why) => why);
    out(`==> Saved ${name}`);
  };
  await save(names.cert, pair.cert, publicMode);
  await save(names.key, pair.key, secretMode);
}
