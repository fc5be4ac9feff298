/** Why an address cannot be bound, in the words of Go's `net` package, which operators of the reference look for. */

const texts: Readonly<Record<string, string>> = {
  EADDRINUSE: "bind: address already in use",
  EADDRNOTAVAIL: "bind: cannot assign requested address",
  EACCES: "bind: permission denied",
  ENOENT: "bind: no such file or directory",
};

/** `address` as Go writes it, "10.0.0.1:80" or a path; `errno` such as "EADDRINUSE". An unknown one keeps `message`. */
export function bindText(
  network: "tcp" | "udp" | "unix",
  address: string,
  failure: { readonly errno: string; readonly message: string },
): string {
  return `listen ${network} ${address}: ${texts[failure.errno] ?? failure.message}`;
}
