import { describe, expect, test } from "bun:test";
import { ManualClock, settled } from "../lib/manual-clock.ts";
import type { Net } from "../lib/net.ts";
import { RpcConnectionError } from "../wire/rpc/error-text.ts";
import { statusLeader } from "../wire/rpc/methods.ts";
import { DCSpecificRequest } from "../wire/structs/common.ts";
import { RpcPool, serverPoolOptions } from "./rpc-pool.ts";
import { answers, openTestDoor } from "./testing.ts";

const request = DCSpecificRequest.make({ Datacenter: "dc1" });
const call = { method: statusLeader, request };
const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => "no failure",
    (error: unknown) => error,
  );

describe("a server that is held for dead", () => {
  test("fails what is under way there at once, and may still be called", async () => {
    let answering = false;
    const door = await openTestDoor({
      methods: [
        answers(statusLeader, () => (answering ? Promise.resolve("here") : new Promise(() => undefined))),
      ],
    });
    const { pool, server } = door;
    const waiting = failure(pool.call(server, call));
    await settled();
    pool.lost({ host: "10.0.0.7", port: 8300 });
    expect(pool.connectionCount).toBe(1);
    pool.lost(server.rpc);
    const error = (await waiting) as RpcConnectionError;
    expect(error).toBeInstanceOf(RpcConnectionError);
    expect([error.mayHaveArrived, pool.connectionCount]).toEqual([true, 0]);
    answering = true;
    expect(await pool.call(server, call)).toBe("here");
  });

  test("is not waited for long, until it is back", async () => {
    const timeouts: number[] = [];
    const net = {
      connect: (_, { timeoutMs }) => {
        timeouts.push(timeoutMs);
        return new Promise(() => undefined);
      },
    } satisfies Pick<Net, "connect"> as unknown as Net;
    const pool = new RpcPool({ net, clock: new ManualClock() }, serverPoolOptions);
    const server = { name: "s1", rpc: { host: "10.0.0.1", port: 8300 } };
    const dialling = failure(pool.call(server, call));
    await settled();
    pool.lost(server.rpc);
    const error = (await dialling) as RpcConnectionError;
    expect(error.message).toBe(
      "rpc error getting client: failed to get conn: dial tcp 10.0.0.1:8300: the server has failed",
    );
    expect(error.mayHaveArrived).toBe(false);
    void failure(pool.call(server, call));
    await settled();
    pool.lost(server.rpc);
    pool.found(server.rpc);
    await settled();
    void failure(pool.call(server, call));
    expect(timeouts).toEqual([10_000, 1_000, 10_000]);
  });
});
