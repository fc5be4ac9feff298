/**
 * Datagrams to a Unix socket, as system loggers and service managers take them.
 *
 * Neither runtime's `dgram` knows Unix sockets, so this calls the C library, through Bun's FFI. Elsewhere there are
 * no such datagrams.
 */
import { Buffer } from "node:buffer";

const addressFamilyUnix = 1;
const socketDatagram = 2;
/** Do not wait, and do not raise SIGPIPE. Linux's numbers, macOS's. */
const sendFlags = process.platform === "darwin" ? 0x80 : 0x4040;
/** Room for a path in `sockaddr_un`. */
const pathBytesMax = 107;

const libraries: Readonly<Record<string, readonly string[]>> = {
  linux: ["libc.so.6", "libc.so"],
  darwin: ["libSystem.B.dylib"],
};

/** A socket that is connected to one address. */
export interface UnixDatagrams extends Disposable {
  /** Whether the datagram was taken. */
  send(text: string): boolean;
}

/** The socket at `path`, or, with "@" for the first character, of that abstract name; `undefined` if there is none. */
export async function openUnixDatagrams(path: string): Promise<UnixDatagrams | undefined> {
  const names = libraries[process.platform];
  const name = Buffer.from(path.replace(/^@/u, "\0"));
  if (names === undefined || process.versions.bun === undefined || name.length > pathBytesMax)
    return undefined;
  const calls = await loadCalls(names);
  if (calls === undefined) return undefined;
  const descriptor = calls.socket(addressFamilyUnix, socketDatagram, 0);
  if (descriptor < 0) return undefined;
  const address = socketAddress(name);
  if (calls.connect(descriptor, address, address.length) !== 0) {
    calls.close(descriptor);
    return undefined;
  }
  let isOpen = true;
  return {
    send: (text) => {
      const bytes = Buffer.from(text);
      return isOpen && Number(calls.send(descriptor, bytes, bytes.length, sendFlags)) === bytes.length;
    },
    [Symbol.dispose]: () => {
      if (isOpen) calls.close(descriptor);
      isOpen = false;
    },
  };
}

/** The system's monotonic clock in microseconds, which the runtimes' own clocks do not tell; `undefined` if unknown. */
export async function systemMonotonicUs(): Promise<bigint | undefined> {
  const names = libraries[process.platform];
  if (names === undefined || process.versions.bun === undefined) return undefined;
  const time = Buffer.alloc(16);
  const clock = process.platform === "darwin" ? 6 : 1;
  if ((await loadCalls(names))?.clock_gettime(clock, time) !== 0) return undefined;
  return time.readBigInt64LE(0) * 1_000_000n + time.readBigInt64LE(8) / 1_000n;
}

/** `struct sockaddr_un`: Linux begins with two bytes of family, macOS with a length and one of family. */
function socketAddress(name: Uint8Array): Buffer {
  const isAbstract = name[0] === 0;
  const length = 2 + name.length + (isAbstract ? 0 : 1);
  const head = process.platform === "darwin" ? [length, addressFamilyUnix] : [addressFamilyUnix, 0];
  return Buffer.concat([Buffer.from(head), name, Buffer.alloc(isAbstract ? 0 : 1)]);
}

interface Calls {
  socket(family: number, type: number, protocol: number): number;
  connect(descriptor: number, address: Buffer, length: number): number;
  send(descriptor: number, bytes: Buffer, length: number, flags: number): number | bigint;
  close(descriptor: number): number;
  clock_gettime(clock: number, time: Buffer): number;
}

async function loadCalls(names: readonly string[]): Promise<Calls | undefined> {
  const { dlopen } = await import("bun:ffi");
  for (const name of names) {
    try {
      return dlopen(name, {
        socket: { args: ["i32", "i32", "i32"], returns: "i32" },
        connect: { args: ["i32", "ptr", "u32"], returns: "i32" },
        send: { args: ["i32", "ptr", "u64", "i32"], returns: "i64" },
        close: { args: ["i32"], returns: "i32" },
        clock_gettime: { args: ["i32", "ptr"], returns: "i32" },
      }).symbols;
    } catch {
      // Another C library has another name.
    }
  }
  return undefined;
}
