import { describe, expect, test } from "bun:test";
import { BlockList, isIP } from "node:net";
import fc from "fast-check";
import { isIpv4, networkContains, parseCidr, parseIp, renderCidr, renderHostPort, renderIp } from "./ip.ts";

describe("addresses", () => {
  // Right column measured: Go's net.ParseIP(x).String().
  test.each([
    ["127.0.0.1", "127.0.0.1"],
    ["::", "::"],
    ["::1", "::1"],
    ["2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"],
    ["1:0:3:4:5:6:7:8", "1:0:3:4:5:6:7:8"],
    ["fe80::", "fe80::"],
    ["::ffff:1.2.3.4", "1.2.3.4"],
    ["64:ff9b::1.2.3.4", "64:ff9b::102:304"],
  ])("%s is %s", (text, rendered) => {
    const ip = parseIp(text);
    expect(ip === undefined ? undefined : renderIp(ip)).toBe(rendered);
  });

  test.each([
    "",
    "1.2.3",
    "1.2.3.4.5",
    "01.2.3.4",
    "256.1.1.1",
    "a",
    ":::",
    "1::2::3",
    "::1%eth0",
    "[::1]",
    "1:2:3",
    "1.2.3.4::",
    "12345::",
  ])("%p is none", (text) => {
    expect(parseIp(text)).toBeUndefined();
  });

  test("reads what the runtime reads", () => {
    const part = fc.oneof(
      fc.nat(999).map(String),
      fc.string({ unit: fc.constantFrom(...Array.from("0123456789abcdefF")), maxLength: 5 }),
      fc.constant(""),
    );
    const address = fc
      .array(part, { maxLength: 9 })
      .chain((parts) => fc.constantFrom(parts.join("."), parts.join(":")));
    fc.assert(fc.property(address, (text) => (parseIp(text) !== undefined) === isIP(text) > 0));
  });

  test("what is written reads back", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (ip) => {
        expect(parseIp(renderIp(ip))).toEqual(ip);
      }),
    );
  });
});

describe("networks", () => {
  test.each([
    ["10.1.2.3/8", "10.0.0.0/8"],
    ["0.0.0.0/0", "0.0.0.0/0"],
    ["192.168.1.129/25", "192.168.1.128/25"],
    ["::1/128", "::1/128"],
    ["2001:db8::1/33", "2001:db8::/33"],
  ])("%s is %s", (text, rendered) => {
    const network = parseCidr(text);
    expect(network === undefined ? undefined : renderCidr(network)).toBe(rendered);
  });

  test.each(["1.2", "1.2.3.4", "1.2.3.4/33", "::1/129", "x/8", "1.2.3.4/", "1.2.3.4/8/9"])(
    "%p is none",
    (text) => {
      expect(parseCidr(text)).toBeUndefined();
    },
  );

  test("contains what the runtime's list says", () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.ipV4(), fc.nat(32), (a, b, bits) => {
        const list = new BlockList();
        list.addSubnet(a, bits, "ipv4");
        const network = parseCidr(`${a}/${bits}`);
        const ip = parseIp(b);
        if (network === undefined || ip === undefined) throw new Error("both read");
        expect(networkContains(network, ip)).toBe(list.check(b, "ipv4"));
      }),
    );
  });
});

test("hosts with colons get brackets", () => {
  expect([renderHostPort("::1", 80), renderHostPort("10.0.0.1", 80)]).toEqual(["[::1]:80", "10.0.0.1:80"]);
  expect(isIpv4(parseIp("::ffff:1.2.3.4") ?? new Uint8Array(16))).toBe(true);
});
