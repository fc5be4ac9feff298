import { expect, test } from "bun:test";
import { bindText } from "./bind-text.ts";

test.each([
  { at: ["tcp", "1.2.3.4:80"], errno: "EADDRNOTAVAIL", text: "bind: cannot assign requested address" },
  { at: ["udp", "[::1]:80"], errno: "EADDRINUSE", text: "bind: address already in use" },
  { at: ["unix", "/s"], errno: "EACCES", text: "bind: permission denied" },
  { at: ["tcp", "1.2.3.4:80"], errno: "EODD", text: "odd" },
] as const)("$at: $errno", ({ at, errno, text }) => {
  const [network, address] = at;
  expect(bindText(network, address, { errno, message: "odd" })).toBe(`listen ${network} ${address}: ${text}`);
});
