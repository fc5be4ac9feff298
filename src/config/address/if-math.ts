/** Arithmetic on addresses: `math`. Source: go-sockaddr, IfAddrMath. */
import { quoteGo } from "../../lib/go-quote.ts";
import { parseGoInt, parseGoUint } from "./go-numbers.ts";
import { renderIfAddr, type IfAddr } from "./if-addr.ts";
import { allOnes, lastAddress, maskOf, networkAddress, type SocketAddress } from "./socket-address.ts";
import { AddressTemplateError } from "./template-error.ts";

interface Operation {
  readonly name: string;
  readonly value: string;
}

/** Integers that IPv4 takes have one bit more than an address. */
const ipv4IntegerBits = 33;

function signed({ name, value }: Operation, socket: SocketAddress): bigint {
  if (!/^\s*[+-]/u.test(value)) {
    throw new AddressTemplateError(`sign (+/-) is required for operation ${quoteGo(name)}`);
  }
  const wrap = (problem: string): string =>
    `unable to convert ${quoteGo(value)} to int for operation ${quoteGo(name)}: ${problem}`;
  return parseGoInt(value, socket.width === 32 ? ipv4IntegerBits : 64, wrap);
}

/** Moves the address, also beyond its network. */
function moveAddress(operation: Operation, socket: SocketAddress): SocketAddress {
  const by = signed(operation, socket);
  return { ...socket, port: 0, address: (socket.address + by) & allOnes(socket.width) };
}

/** Counts from the start of the network, or back from its end; never leaves it. */
function moveInNetwork(operation: Operation, socket: SocketAddress): SocketAddress {
  const by = signed(operation, socket);
  const { width, mask } = socket;
  const hosts = allOnes(width) ^ mask;
  const base = networkAddress(socket);
  if (width === 32) {
    const offset = by >= 0n ? by : 1n + by + hosts;
    return { ...socket, port: 0, address: base + (offset & hosts) };
  }
  // In IPv6 a sum of 0 counts back as well, to one before the end. The reference's arithmetic, to the bit.
  const address = by > 0n ? base + (by & ~mask) : lastAddress(socket) - ((-by - 1n) & ~mask);
  return { ...socket, port: 0, address: address & allOnes(width) };
}

/** Keeps the leading bits; the network grows if the new one is larger. */
function maskAddress({ name, value }: Operation, socket: SocketAddress): SocketAddress {
  const { width } = socket;
  const wrap = (problem: string): string =>
    `unable to convert ${quoteGo(value)} to int for operation ${quoteGo(name)}: ${problem}`;
  const bits = parseGoUint(value, 32, wrap);
  if (bits > width) {
    const family =
      width === 32 ? "ipv4 addresses must be between 0 and 32" : "ipv6 addresses must be between 0 and 64";
    throw new AddressTemplateError(`parameter for operation ${quoteGo(name)} on ${family}`);
  }
  const mask = maskOf(bits, width);
  return {
    width,
    port: 0,
    address: socket.address & mask,
    mask: mask < socket.mask ? mask : socket.mask,
  };
}

const operations: Readonly<Record<string, (operation: Operation, socket: SocketAddress) => SocketAddress>> = {
  address: moveAddress,
  network: moveInNetwork,
  mask: maskAddress,
};

/** The operation on every address. Throws `AddressTemplateError` with the first that fails. */
export function ifMath(operation: Operation, list: readonly IfAddr[]): readonly IfAddr[] {
  const lower = operation.name.toLowerCase();
  return list.map((one) => {
    try {
      const run = Object.hasOwn(operations, lower) ? operations[lower] : undefined;
      if (run === undefined)
        throw new AddressTemplateError(`unsupported math operation: ${quoteGo(operation.name)}`);
      return { ...one, socket: run(operation, one.socket) };
    } catch (error) {
      if (!(error instanceof AddressTemplateError)) throw error;
      throw new AddressTemplateError(
        `unable to perform an IPMath operation on ${renderIfAddr(one)}: ${error.message}`,
        { cause: error },
      );
    }
  });
}
