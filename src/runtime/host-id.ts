/**
 * A node ID that belongs to the host, as the reference makes it with `disable_host_node_id = false`: the same for
 * every data directory of one machine.
 *
 * Source: the reference hashes what gopsutil takes for the host's ID (agent/nodeid.go).
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

/** Where the host's ID is looked for, first things first. */
export interface HostIdFiles {
  /** The board's; for root only. */
  readonly product: string;
  /** systemd's: 32 hexadecimal digits. */
  readonly machine: string;
  /** Changes with each boot. */
  readonly boot: string;
}

const linuxFiles: HostIdFiles = {
  product: "/sys/class/dmi/id/product_uuid",
  machine: "/etc/machine-id",
  boot: "/proc/sys/kernel/random/boot_id",
};

/** The ID, in the form of a UUID; `undefined` on a host that tells nothing of itself. */
export function hostNodeId(files: HostIdFiles = linuxFiles): string | undefined {
  const host = hostId(files);
  if (host === undefined) return undefined;
  // Hashed, since the IDs of machines of one make are alike.
  const hex = createHash("sha512").update(host.toLowerCase()).digest("hex");
  return asUuid(hex);
}

function hostId({ product, machine, boot }: HostIdFiles): string | undefined {
  const board = firstLine(product);
  if (board !== "") return board;
  const id = firstLine(machine);
  if (id.length === 32) return asUuid(id);
  const booted = firstLine(boot);
  return booted === "" ? undefined : booted;
}

function asUuid(hex: string): string {
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join(
    "-",
  );
}

function firstLine(path: string): string {
  try {
    return readFileSync(path, "utf8").split("\n", 1)[0] ?? "";
  } catch {
    return "";
  }
}
