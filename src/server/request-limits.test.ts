import { describe, expect, test } from "bun:test";
import { silentLog } from "../lib/log.ts";
import { noMetrics } from "../lib/metrics.ts";
import { ManualClock } from "../lib/manual-clock.ts";
import { RequestLimiter, type RequestLimits } from "./request-limits.ts";

function limiter(limits: RequestLimits, isLeader = false) {
  const clock = new ManualClock();
  const counted: string[] = [];
  const metrics = {
    ...noMetrics,
    count: (name: string, _by?: number, labels: readonly { readonly value: string }[] = []) => {
      counted.push([name, ...labels.map(({ value }) => value)].join(" "));
    },
  };
  const made = new RequestLimiter({ clock, log: silentLog, metrics, isLeader: () => isLeader }, limits);
  const admit = (method: string, times = 1): string => {
    try {
      for (let i = 0; i < times; i += 1) made.admit(method);
      return "admitted";
    } catch (error) {
      return (error as Error).message;
    }
  };
  return { made, admit, counted, clock };
}

const elsewhere = "rate limit exceeded, try again later or against a different server";
const later = "rate limit exceeded for operation that can only be performed by the leader, try again later";

describe("request limits", () => {
  test("reads and writes have their own, ten seconds' worth at once; operators have none", () => {
    const { admit, counted } = limiter({ mode: "enforcing", readRate: 1, writeRate: 2 });
    expect(admit("KVS.Get", 10)).toBe("admitted");
    expect(admit("KVS.Get")).toBe(elsewhere);
    expect(admit("KVS.Apply", 20)).toBe("admitted");
    expect(admit("KVS.Apply")).toBe(elsewhere);
    expect(admit("Status.Leader", 100)).toBe("admitted");
    expect(admit("Operator.RaftGetConfiguration", 100)).toBe("admitted");
    expect(counted).toEqual([
      "rpc.rate_limit.exceeded global/read KVS.Get enforcing",
      "rpc.rate_limit.exceeded global/write KVS.Apply enforcing",
    ]);
  });

  test("a leader's writes go nowhere else", () => {
    const { admit } = limiter({ mode: "enforcing", readRate: 0, writeRate: 0 }, true);
    expect(admit("Txn.Apply")).toBe(later);
    expect(admit("Txn.Read")).toBe(elsewhere);
  });

  test("permissive reports and answers; disabled does nothing", () => {
    const { admit, counted, made } = limiter({ mode: "permissive", readRate: 0, writeRate: undefined });
    expect(admit("KVS.Get")).toBe("admitted");
    expect(counted).toEqual(["rpc.rate_limit.exceeded global/read KVS.Get permissive"]);
    made.configure({ mode: "disabled", readRate: 0, writeRate: 0 });
    expect(made.isOn).toBe(false);
    expect(admit("KVS.Get")).toBe("admitted");
    expect(counted).toHaveLength(1);
  });
});
