import { expect, test } from "bun:test";
import { monotonicMs, wallMs, type Clock } from "../lib/clock.ts";
import type { Connection, ConnectionHandler } from "../lib/net.ts";
import { framed } from "./frames.ts";
import { serveStream, type StreamParts } from "./stream-questions.ts";

const nowhere = { host: "192.0.2.1", port: 1 };

/** A connection whose other side reads when it is told to. */
class FakeConnection implements Connection {
  readonly local = nowhere;
  readonly remote = nowhere;
  readonly written: Uint8Array[] = [];
  readonly acts: string[] = [];
  handler: ConnectionHandler | undefined;
  isReading = true;

  handle(handler: ConnectionHandler): void {
    this.handler = handler;
  }

  write(bytes: Uint8Array): boolean {
    this.written.push(bytes);
    return this.isReading;
  }

  end(): void {
    this.acts.push("end");
  }

  destroy(): void {
    this.acts.push("destroy");
  }

  pause(): void {
    this.acts.push("pause");
  }

  resume(): void {
    this.acts.push("resume");
  }
}

function serve(answer: StreamParts["answer"] = (question) => question): {
  readonly connection: FakeConnection;
  readonly timers: (() => void)[];
} {
  const connection = new FakeConnection();
  const timers: (() => void)[] = [];
  const clock: Clock = {
    monotonicMs: () => monotonicMs(0),
    wallMs: () => wallMs(0),
    after: (_, fn) => {
      timers.push(fn);
      return { [Symbol.dispose]: () => void timers.splice(timers.indexOf(fn), 1) };
    },
  };
  serveStream(connection, { clock, answer, closed: () => undefined });
  return { connection, timers };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const questions = (count: number): Uint8Array =>
  Buffer.concat(Array.from({ length: count }, (_, index) => framed(Uint8Array.of(index))));

test("a client that does not read gets no further answer until it does", async () => {
  const { connection } = serve();
  connection.isReading = false;
  connection.handler?.data(questions(3));
  await settled();
  expect(connection.written.length).toBe(1);
  expect(connection.acts.at(-1)).toBe("pause");
  connection.isReading = true;
  connection.handler?.drained?.();
  await settled();
  expect(connection.written.map((bytes) => bytes[2])).toEqual([0, 1, 2]);
  expect(connection.acts.at(-1)).toBe("resume");
});

test("a client that has asked 128 questions is let go", async () => {
  const { connection } = serve();
  connection.handler?.data(questions(200));
  await settled();
  expect(connection.written.length).toBe(128);
  expect(connection.acts.at(-1)).toBe("end");
});

test("a client that asks nothing is let go, and no timer stays behind", () => {
  const { connection, timers } = serve();
  expect(timers.length).toBe(1);
  timers[0]?.();
  expect(connection.acts).toEqual(["destroy"]);
  connection.handler?.closed(undefined);
  expect(timers.length).toBe(0);
});

test("the time of a question ends, however its bytes come", async () => {
  const { connection, timers } = serve();
  const [first] = timers;
  for (const byte of framed(Uint8Array.of(1, 2, 3)).subarray(0, 4))
    connection.handler?.data(Uint8Array.of(byte));
  expect(timers).toEqual(first === undefined ? [] : [first]);
  connection.handler?.data(Uint8Array.of(3));
  await settled();
  expect(connection.written.length).toBe(1);
  expect(timers.length).toBe(1);
  expect(timers[0]).not.toBe(first as never);
});

test("a client that has asked all it wants to gets every answer", async () => {
  const { promise, resolve } = Promise.withResolvers<Uint8Array>();
  const { connection } = serve(() => promise);
  connection.handler?.data(questions(2));
  connection.handler?.ended();
  await settled();
  expect(connection.acts).toEqual(["pause"]);
  resolve(Uint8Array.of(9));
  await settled();
  expect(connection.written.length).toBe(2);
  expect(connection.acts).toEqual(["pause", "end"]);
});

test("a client that asks nothing and ends is let go at once", () => {
  const { connection } = serve();
  connection.handler?.ended();
  expect(connection.acts).toEqual(["end"]);
});

test("nothing is written, and nothing waited for, once the connection is gone", async () => {
  const { promise, resolve } = Promise.withResolvers<Uint8Array>();
  const { connection, timers } = serve(() => promise);
  connection.handler?.data(questions(2));
  connection.handler?.closed(undefined);
  resolve(Uint8Array.of(9));
  await settled();
  expect(connection.written).toEqual([]);
  expect(timers).toEqual([]);
});
