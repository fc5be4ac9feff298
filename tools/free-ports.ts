import { createSocket } from "node:dgram";
import { createServer } from "node:net";

// Below the range from which Linux hands out ports by itself (32768 and up), so that no client gets one meanwhile.
const portMin = 20_000;
const portMax = 32_000;
const attemptsMax = 100;

/**
 * The first of `count` neighbouring ports of 127.0.0.1 that are free for TCP and UDP alike.
 *
 * They were free a moment ago; another process may still be quicker. Throws `Error` if no such run is found.
 */
export async function freePortRun(count: number): Promise<number> {
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const first = portMin + Math.floor(Math.random() * (portMax - portMin - count));
    const ports = Array.from({ length: count }, (_, index) => first + index);
    const free = await Promise.all(ports.flatMap((port) => [isFreeForTcp(port), isFreeForUdp(port)]));
    if (free.every(Boolean)) return first;
  }
  throw new Error(`no ${count} neighbouring free ports in ${attemptsMax} attempts`);
}

function isFreeForTcp(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const server = createServer();
  server.once("error", () => resolve(false));
  server.listen({ port, host: "127.0.0.1" }, () => server.close(() => resolve(true)));
  return promise;
}

function isFreeForUdp(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = createSocket("udp4");
  socket.once("error", () => socket.close(() => resolve(false)));
  socket.bind({ port, address: "127.0.0.1" }, () => socket.close(() => resolve(true)));
  return promise;
}
