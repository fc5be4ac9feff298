/** A connection as a stream of Node's kind, for libraries that want one. */
import { Duplex } from "node:stream";
import type { Connection } from "../lib/net.ts";

/** The stream takes the connection over; `rest` was received already. */
export function toDuplex(connection: Connection, rest: Uint8Array): Duplex {
  let drained: (() => void) | undefined;
  const duplex = new Duplex({
    read: () => connection.resume(),
    write: (chunk: Uint8Array, _encoding, done) => {
      if (connection.write(Uint8Array.from(chunk))) done();
      else drained = done;
    },
    final: (done) => {
      connection.end();
      done();
    },
    destroy: (error, done) => {
      connection.destroy();
      done(error);
    },
  });
  const wake = (): void => {
    const waiting = drained;
    drained = undefined;
    waiting?.();
  };
  const push = (bytes: Uint8Array): void => {
    if (!duplex.push(bytes)) connection.pause();
  };
  connection.handle({
    data: push,
    ended: () => void duplex.push(null),
    closed: () => {
      wake();
      duplex.destroy();
    },
    drained: wake,
  });
  if (rest.length > 0) push(rest);
  return duplex;
}
