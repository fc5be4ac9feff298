import { describe, expect, test } from "bun:test";
import { NetworkError } from "../../lib/network-error.ts";
import { MemoryNet } from "../../lib/memory-net.ts";
import { failureOf } from "../../../test/support/gossip-nodes.ts";
import { joinFailures, parseJoinAddress, resolveJoinAddress } from "./join-address.ts";

describe("where to join", () => {
  test.each([
    { text: "10.0.0.1", node: undefined, host: "10.0.0.1", port: 8301 },
    { text: "10.0.0.1:7", node: undefined, host: "10.0.0.1", port: 7 },
    { text: "s1/10.0.0.1:7", node: "s1", host: "10.0.0.1", port: 7 },
    { text: "s1.dc1/server.example", node: "s1.dc1", host: "server.example", port: 8301 },
    { text: "::1", node: undefined, host: "::1", port: 8301 },
    { text: "[::1]", node: undefined, host: "::1", port: 8301 },
    { text: "[::1]:9", node: undefined, host: "::1", port: 9 },
    { text: "n/[fd00::2]:9", node: "n", host: "fd00::2", port: 9 },
  ])("$text", ({ text, ...expected }) => {
    expect(parseJoinAddress(text, 8301)).toEqual(expected);
  });

  test.each([
    { text: "/10.0.0.1", problem: "empty node name provided" },
    { text: "a:b", problem: 'strconv.ParseUint: parsing "b": invalid syntax' },
    { text: "a:70000", problem: 'strconv.ParseUint: parsing "70000": value out of range' },
  ])("is refused: $text", ({ text, problem }) => {
    expect(() => parseJoinAddress(text, 8301)).toThrow(problem);
  });

  test("a name stands for all its addresses, all with the node's name", async () => {
    const net = {
      ...new MemoryNet().host("10.0.0.9"),
      resolve: () => Promise.resolve(["10.0.0.1", "10.0.0.2"]),
    };
    expect(await resolveJoinAddress(net, "s1/servers:5", 8301)).toEqual([
      { to: { host: "10.0.0.1", port: 5 }, node: "s1" },
      { to: { host: "10.0.0.2", port: 5 }, node: "s1" },
    ]);
  });

  test("no name at all is not this host", async () => {
    const net = { ...new MemoryNet().host("10.0.0.9"), resolve: () => Promise.resolve(["127.0.0.1"]) };
    expect(await failureOf(resolveJoinAddress(net, "", 1))).toContain("lookup : no such host");
  });

  test("a name without an address says so", async () => {
    const failure = new NetworkError("getaddrinfo ENOTFOUND x", {
      errno: "ENOTFOUND",
      address: undefined,
      cause: undefined,
    });
    const net = { ...new MemoryNet().host("10.0.0.9"), resolve: () => Promise.reject(failure) };
    expect(await failureOf(resolveJoinAddress(net, "x", 1))).toContain("lookup x: no such host");
  });
});

test("failures are listed in the reference's layout", () => {
  expect(joinFailures(["a"])).toBe("1 error occurred:\n\t* a\n\n");
  expect(joinFailures(["a", "b"])).toBe("2 errors occurred:\n\t* a\n\t* b\n\n");
});
