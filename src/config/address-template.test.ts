import { describe, expect, test } from "bun:test";
import type { HostInterface, HostNetwork, InterfaceFlag } from "./address/host-network.ts";
import { noNetwork } from "./address/host-network.ts";
import { expandAddressTemplate } from "./address-template.ts";

const flags: readonly InterfaceFlag[] = ["up", "broadcast", "multicast", "running"];
const interfaces: readonly HostInterface[] = [
  {
    name: "lo",
    index: 1,
    mtu: 65_536,
    hardwareAddress: "",
    flags: ["up", "loopback", "running"],
    addresses: ["127.0.0.1/8", "::1/128"],
  },
  {
    name: "eth0",
    index: 2,
    mtu: 1_500,
    hardwareAddress: "02:00:00:00:00:01",
    flags,
    addresses: ["10.1.2.99/24", "10.1.2.3/16", "fd00::2/64", "fe80::1/64"],
  },
  {
    name: "eth1",
    index: 3,
    mtu: 1_500,
    hardwareAddress: "",
    flags,
    addresses: ["8.8.4.4/24", "2a00::5/64"],
  },
  {
    name: "tun0",
    index: 4,
    mtu: 1_400,
    hardwareAddress: "",
    flags: ["up", "pointtopoint", "running"],
    addresses: ["100.64.0.9/32"],
  },
];
const host: HostNetwork = { interfaces: () => interfaces, defaultInterface: () => "eth0" };

function outcome(template: string, network = host): string {
  try {
    return expandAddressTemplate(template, network);
  } catch (error) {
    return `failed: ${(error as Error).message}`;
  }
}

describe("functions of the host", () => {
  test.each([
    ["{{ GetPrivateIP }}", "10.1.2.3"],
    ["{{ GetPrivateIPs }}", "10.1.2.3 10.1.2.99 100.64.0.9 fd00::2"],
    ["{{ GetPublicIP }}", "8.8.4.4"],
    ["{{ GetPublicIPs }}", "8.8.4.4 2a00::5"],
    ['{{ GetInterfaceIP "eth0" }}', "10.1.2.3"],
    ['{{ GetInterfaceIPs "eth" }}', "10.1.2.3 10.1.2.99 8.8.4.4 fd00::2 fe80::1 2a00::5"],
    ['{{ GetInterfaceIP "lo" }}', ""],
    ['{{ GetInterfaceIP "none" }}', ""],
    ['{{ GetDefaultInterfaces | join "address" " " }}', "10.1.2.99 10.1.2.3 fd00::2 fe80::1"],
    ['{{ GetPrivateInterfaces | join "address" " " }}', "10.1.2.3 10.1.2.99 fd00::2 100.64.0.9"],
    ['{{ GetPublicInterfaces | join "address" " " }}', "8.8.4.4 2a00::5"],
    ['{{ GetAllInterfaces | limit 1 | attr "name" }}:8301', "lo:8301"],
  ])("%s", (template, expected) => {
    expect(outcome(template)).toBe(expected);
  });

  test("a host without a network has no addresses and no default interface", () => {
    expect(outcome("{{ GetPrivateIP }}", noNetwork)).toBe("");
    expect(outcome("{{ GetDefaultInterfaces }}", noNetwork)).toEndWith(
      "error calling GetDefaultInterfaces: No default interface found",
    );
  });

  test("text without a template asks the host nothing", () => {
    const silent: HostNetwork = {
      interfaces: () => {
        throw new Error("asked");
      },
      defaultInterface: () => undefined,
    };
    expect(outcome("10.0.0.1 unix:///tmp/a", silent)).toBe("10.0.0.1 unix:///tmp/a");
  });
});

/** Results that go-sockaddr 1.0.6 gives for the same interfaces. */
describe("as go-sockaddr", () => {
  test.each([
    ['{{ . | include "name" "bad" | join "string" " " }}', ""],
    ['{{ . | include "name" "ipv4" | join "string" " " }}', ""],
    [
      '{{ . | include "flag" "down" | join "string" " " }}',
      "127.0.0.1/8 ::1 10.1.2.99/24 10.1.2.3/16 fd00::2/64 fe80::1/64 8.8.4.4/24 2a00::5/64 100.64.0.9",
    ],
    ['{{ . | include "flag" "loopback" | join "string" " " }}', "127.0.0.1/8 ::1"],
    ['{{ . | include "flag" "link-local unicast" | join "string" " " }}', "fe80::1/64"],
    [
      '{{ . | include "flags" "broadcast" | join "string" " " }}',
      "10.1.2.99/24 10.1.2.3/16 fd00::2/64 fe80::1/64 8.8.4.4/24 2a00::5/64",
    ],
    [
      '{{ . | include "flags" "down" | join "string" " " }}',
      "127.0.0.1/8 ::1 10.1.2.99/24 10.1.2.3/16 fd00::2/64 fe80::1/64 8.8.4.4/24 2a00::5/64 100.64.0.9",
    ],
    [
      '{{ . | include "flag" "multicast" | join "string" " " }}',
      "10.1.2.99/24 10.1.2.3/16 fd00::2/64 fe80::1/64 8.8.4.4/24 2a00::5/64",
    ],
    ['{{ . | include "flags" "unspecified" | join "string" " " }}', ""],
    [
      '{{ . | include "flags" "UP" | join "string" " " }}',
      "127.0.0.1/8 ::1 10.1.2.99/24 10.1.2.3/16 fd00::2/64 fe80::1/64 8.8.4.4/24 2a00::5/64 100.64.0.9",
    ],
    ['{{ . | exclude "flags" "forwardable" | join "string" " " }}', "127.0.0.1/8 ::1 fe80::1/64"],
    ['{{ . | exclude "flags" "UP" | join "string" " " }}', ""],
    [
      '{{ . | include "network" "0.0.0.0/0" | join "string" " " }}',
      "127.0.0.1/8 10.1.2.99/24 10.1.2.3/16 8.8.4.4/24 100.64.0.9",
    ],
    ['{{ . | include "network" "::/0" | join "string" " " }}', "::1 fd00::2/64 fe80::1/64 2a00::5/64"],
    ['{{ . | exclude "network" "0.0.0.0/0" | join "string" " " }}', "::1 fd00::2/64 fe80::1/64 2a00::5/64"],
    [
      '{{ . | include "type" "ipv6" | math "network" "-300" | join "string" " " }}',
      "::1 fd00::ffff:ffff:ffff:fed4/64 fe80::ffff:ffff:ffff:fed4/64 2a00::ffff:ffff:ffff:fed4/64",
    ],
    [
      '{{ . | exclude "rfc" "5735" | join "string" " " }}',
      "127.0.0.1/8 ::1 10.1.2.99/24 10.1.2.3/16 fd00::2/64 fe80::1/64 8.8.4.4/24 2a00::5/64 100.64.0.9",
    ],
    ['{{ . | include "rfc" "1918" | join "string" " " }}', "10.1.2.99/24 10.1.2.3/16"],
    ['{{ . | include "rfcs" "1918" | join "string" " " }}', "10.1.2.99/24 10.1.2.3/16"],
    ['{{ . | include "type" "ipv4" | join "size" "," }}', "16777216,256,65536,256,1"],
    ['{{ . | include "size" "8" | join "string" " " }}', "127.0.0.1/8"],
    [
      '{{ . | include "type" "ipv4" | math "address" "+4294967295" | join "string" " " }}',
      "127.0.0.0/8 10.1.2.98/24 10.1.2.2/16 8.8.4.3/24 100.64.0.8",
    ],
    [
      '{{ . | include "type" "ipv4" | math "network" "-4294967296" | join "string" " " }}',
      "127.0.0.0/8 10.1.2.0/24 10.1.0.0/16 8.8.4.0/24 100.64.0.9",
    ],
    [
      '{{ . | sort "port" | join "string" " " }}',
      "127.0.0.1/8 ::1 10.1.2.99/24 10.1.2.3/16 fd00::2/64 fe80::1/64 8.8.4.4/24 2a00::5/64 100.64.0.9",
    ],
    [
      '{{ . | sort "-default" | join "string" " " }}',
      "127.0.0.1/8 ::1 8.8.4.4/24 2a00::5/64 100.64.0.9 10.1.2.99/24 10.1.2.3/16 fd00::2/64 fe80::1/64",
    ],
    ['{{ sort "name" . | limit 1 | attr "name" }}', "eth0"],
    [
      '{{ . | sort "default" | join "string" " " }}',
      "10.1.2.99/24 10.1.2.3/16 fd00::2/64 fe80::1/64 127.0.0.1/8 ::1 8.8.4.4/24 2a00::5/64 100.64.0.9",
    ],
    [
      '{{ . | sort "size" | join "string" " " }}',
      "127.0.0.1/8 ::1 10.1.2.3/16 10.1.2.99/24 fd00::2/64 fe80::1/64 8.8.4.4/24 2a00::5/64 100.64.0.9",
    ],
    [
      '{{ . | sort "address" | join "string" " " }}',
      "127.0.0.1/8 ::1 10.1.2.3/16 10.1.2.99/24 fd00::2/64 fe80::1/64 8.8.4.4/24 2a00::5/64 100.64.0.9",
    ],
    [
      '{{ . | sort " -Type" | join "string" " " }}',
      "::1 fd00::2/64 fe80::1/64 2a00::5/64 127.0.0.1/8 10.1.2.99/24 10.1.2.3/16 8.8.4.4/24 100.64.0.9",
    ],
    [
      '{{ . | sort "-name" | join "string" " " }}',
      "100.64.0.9 127.0.0.1/8 ::1 8.8.4.4/24 2a00::5/64 10.1.2.99/24 10.1.2.3/16 fd00::2/64 fe80::1/64",
    ],
    [
      '{{ . | sort "type, size" | join "string" " " }}',
      "127.0.0.1/8 10.1.2.3/16 10.1.2.99/24 8.8.4.4/24 100.64.0.9 fd00::2/64 fe80::1/64 2a00::5/64 ::1",
    ],
    ['{{ . | attr "size" }}', "16777216"],
    ['{{. | limit 1 | attr "name"}}', "lo"],
    ['{{ . | attr "type" }}', "IPv4"],
    ['{{ . | attr "port" }}', "0"],
    ['{{ . | attr "hex" }}', "7f000001"],
    [
      '{{ . | include "type" "ipv4" | join "first_usable" "," }}',
      "127.0.0.1,10.1.2.1,10.1.0.1,8.8.4.1,100.64.0.9",
    ],
    ['{{ . | include "type" "ipv6" | join "first_usable" "," }}', "::1,fd00::,fe80::,2a00::"],
    [
      '{{ . | include "type" "ipv4" | math "address" "-1" | join "string" " " }}',
      "127.0.0.0/8 10.1.2.98/24 10.1.2.2/16 8.8.4.3/24 100.64.0.8",
    ],
    [
      '{{ . | include "type" "ipv6" | math "address" "+4294967296" | join "string" " " }}',
      "::1:0:1 fd00::1:0:2/64 fe80::1:0:1/64 2a00::1:0:5/64",
    ],
    [
      '{{ . | include "type" "ipv4" | math "address" "-300" | join "string" " " }}',
      "126.255.254.213/8 10.1.1.55/24 10.1.0.215/16 8.8.2.216/24 100.63.254.221",
    ],
    [
      '{{ . | include "type" "ipv6" | math "address" "-300" | join "string" " " }}',
      "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fed5 fcff:ffff:ffff:ffff:ffff:ffff:ffff:fed6/64 fe7f:ffff:ffff:ffff:ffff:ffff:ffff:fed5/64 29ff:ffff:ffff:ffff:ffff:ffff:ffff:fed9/64",
    ],
    [
      '{{ . | include "type" "ipv4" | math "network" "+256" | join "string" " " }}',
      "127.0.1.0/8 10.1.2.0/24 10.1.1.0/16 8.8.4.0/24 100.64.0.9",
    ],
    [
      '{{ . | include "type" "ipv6" | math "network" "-1" | join "string" " " }}',
      "::1 fd00::ffff:ffff:ffff:ffff/64 fe80::ffff:ffff:ffff:ffff/64 2a00::ffff:ffff:ffff:ffff/64",
    ],
    [
      '{{ . | include "type" "ipv6" | math "network" "+256" | join "string" " " }}',
      "::1 fd00::100/64 fe80::100/64 2a00::100/64",
    ],
    [
      '{{ . | include "type" "ipv6" | math "mask" "64" | join "string" " " }}',
      "::/64 fd00::/64 fe80::/64 2a00::/64",
    ],
    ['{{ . | include "type" "ipv6" | math "mask" "0" | join "string" " " }}', "::/0 ::/0 ::/0 ::/0"],
    ['{{ . | include "type" "ipv6" | math "mask" "1" | join "string" " " }}', "::/1 8000::/1 8000::/1 ::/1"],
    [
      '{{ . | include "type" "ipv4" | math "mask" "8" | join "string" " " }}',
      "127.0.0.0/8 10.0.0.0/8 10.0.0.0/8 8.0.0.0/8 100.0.0.0/8",
    ],
    ["{{. | limit 'a' | len}}", "9"],
    ['{{. | offset -1 | join "name" " "}}', "tun0"],
    ['{{. | offset 1 | join "name" " "}}', "lo eth0 eth0 eth0 eth0 eth1 eth1 tun0"],
    ['{{ . | unique "name" | join "name" " "}}', "lo eth0 eth1 tun0"],
    ['{{. | include "name" "nope" | unique "x"}}', "[]"],
    ["{{ range . }}{{ .Name }} {{ end }}", "lo lo eth0 eth0 eth0 eth0 eth1 eth1 tun0 "],
    ["{{ range 3 }}{{ . }}{{ end }}", "012"],
    [
      "{{ range $i, $e := . }}{{ $i }}{{ $e.Name }} {{ end }}",
      "0lo 1lo 2eth0 3eth0 4eth0 5eth0 6eth1 7eth1 8tun0 ",
    ],
    ['{{ if "" }}a{{ else }}b{{ end }}', "b"],
    ["{{ if false }}a{{ else if true }}b{{ end }}", "b"],
    ["{{ if true }}a{{ else }}b{{ end }}", "a"],
    ["{{ with print }}{{ . }}{{ end }}", ""],
    ['{{ with "" }}{{ . }}{{ else }}none{{ end }}', "none"],
    ['{{ $ | limit 1 | attr "name" }}', "lo"],
    ['{{ . | include "NAME" "^0$" | join "string" " " }}', ""],
    [
      '{{ . | exclude "name" "^0$" | join "string" " " }}',
      "127.0.0.1/8 ::1 10.1.2.99/24 10.1.2.3/16 fd00::2/64 fe80::1/64 8.8.4.4/24 2a00::5/64 100.64.0.9",
    ],
    ["x {{- /* c */ -}} y", "xy"],
    ["x {{/* comment */}} y", "x  y"],
    ["{{ eq 1 1 }}", "true"],
    ['{{ attr "name" (index . 0) }}', "lo"],
    ['{{ . | exclude "port" "" | join "string" " " }}', ""],
    ['{{ . | include "address" "1918" | join "string" " " }}', ""],
  ])("%s", (template, expected) => {
    expect(outcome(template)).toBe(expected);
  });
});

/** Messages that go-sockaddr 1.0.6 gives, after "unable to … TEMPLATE: template: ". */
describe("refused as by go-sockaddr", () => {
  test.each([
    [
      '{{ . | include "type" "ipv6" | math "address" "128" | join "string" " " }}',
      'sockaddr.Parse:1:31: executing "sockaddr.Parse" at <math "address" "128">: error calling math: unable to perform an IPMath operation on ::1 {1 65536 lo  up|loopback|running}: sign (+/-) is required for operation "address"',
    ],
    [
      '{{ . | include "type" "ipv4" | math "bogus" "24" | join "string" " " }}',
      'sockaddr.Parse:1:31: executing "sockaddr.Parse" at <math "bogus" "24">: error calling math: unable to perform an IPMath operation on 127.0.0.1/8 {1 65536 lo  up|loopback|running}: unsupported math operation: "bogus"',
    ],
    [
      '{{ . | include "rfcs" "global unicast" | join "string" " " }}',
      'sockaddr.Parse:1:7: executing "sockaddr.Parse" at <include "rfcs" "global unicast">: error calling include: unable to lookup RFC number "global unicast": unable to parse RFC number "global unicast": strconv.ParseUint: parsing "global unicast": invalid syntax',
    ],
    [
      '{{ . | include "rfc" "8" | join "string" " " }}',
      'sockaddr.Parse:1:7: executing "sockaddr.Parse" at <include "rfc" "8">: error calling include: unable to lookup RFC number "8": unsupported RFC 8',
    ],
    [
      '{{ . | sort "bogus" | join "string" " " }}',
      'sockaddr.Parse:1:7: executing "sockaddr.Parse" at <sort "bogus">: error calling sort: unknown sort type: "bogus"',
    ],
    [
      '{{ attr "name" "x" }}',
      'sockaddr.Parse:1:3: executing "sockaddr.Parse" at <attr "name" "x">: error calling attr: unable to obtain attribute name from type string (x)',
    ],
    [
      '{{ "a" | attr "name" }}',
      'sockaddr.Parse:1:9: executing "sockaddr.Parse" at <attr "name">: error calling attr: unable to obtain attribute name from type string (a)',
    ],
    [
      '{{ . | include "type" "ipv6" | math "bogus" "1" | join "string" " " }}',
      'sockaddr.Parse:1:31: executing "sockaddr.Parse" at <math "bogus" "1">: error calling math: unable to perform an IPMath operation on ::1 {1 65536 lo  up|loopback|running}: unsupported math operation: "bogus"',
    ],
    [
      '{{ . | include "type" "ipv4" | math "network" "-4294967297" | join "string" " " }}',
      'sockaddr.Parse:1:31: executing "sockaddr.Parse" at <math "network" "-4294967297">: error calling math: unable to perform an IPMath operation on 127.0.0.1/8 {1 65536 lo  up|loopback|running}: unable to convert "-4294967297" to int for operation "network": strconv.ParseInt: parsing "-4294967297": value out of range',
    ],
    [
      '{{ . | include "type" "ipv4" | math "bogus" "+4294967296" | join "string" " " }}',
      'sockaddr.Parse:1:31: executing "sockaddr.Parse" at <math "bogus" "+4294967296">: error calling math: unable to perform an IPMath operation on 127.0.0.1/8 {1 65536 lo  up|loopback|running}: unsupported math operation: "bogus"',
    ],
    [
      '{{ . | include "type" "ipv6" | math "address" "x" | join "string" " " }}',
      'sockaddr.Parse:1:31: executing "sockaddr.Parse" at <math "address" "x">: error calling math: unable to perform an IPMath operation on ::1 {1 65536 lo  up|loopback|running}: sign (+/-) is required for operation "address"',
    ],
    [
      "{{. | limit -1}}",
      'sockaddr.Parse:1:12: executing "sockaddr.Parse" at <-1>: expected unsigned integer; found -1',
    ],
    [
      '{{. | limit "1"}}',
      'sockaddr.Parse:1:12: executing "sockaddr.Parse" at <"1">: expected unsigned integer; found "1"',
    ],
    [
      "{{. | offset 1.5}}",
      'sockaddr.Parse:1:13: executing "sockaddr.Parse" at <1.5>: expected integer; found 1.5',
    ],
    [
      '{{. | unique "x"}}',
      'sockaddr.Parse:1:6: executing "sockaddr.Parse" at <unique "x">: error calling unique: unsupported unique constraint "x"',
    ],
    [
      '{{ . | include "rfc" "forwardable" | join "string" " " }}',
      'sockaddr.Parse:1:7: executing "sockaddr.Parse" at <include "rfc" "forwardable">: error calling include: unable to lookup RFC number "forwardable": unable to parse RFC number "forwardable": strconv.ParseUint: parsing "forwardable": invalid syntax',
    ],
    [
      '{{ . | exclude "rfcs" "broadcast" | join "string" " " }}',
      'sockaddr.Parse:1:7: executing "sockaddr.Parse" at <exclude "rfcs" "broadcast">: error calling exclude: unable to lookup RFC number "broadcast": unable to parse RFC number "broadcast": strconv.ParseUint: parsing "broadcast": invalid syntax',
    ],
    [
      '{{ . | include "rfc" "1.2.3.4:80" | join "string" " " }}',
      'sockaddr.Parse:1:7: executing "sockaddr.Parse" at <include "rfc" "1.2.3.4:80">: error calling include: unable to lookup RFC number "1.2.3.4:80": unable to parse RFC number "1.2.3.4:80": strconv.ParseUint: parsing "1.2.3.4:80": invalid syntax',
    ],
    [
      '{{ . | exclude "flag" "ipv4" | join "string" " " }}',
      'sockaddr.Parse:1:7: executing "sockaddr.Parse" at <exclude "flag" "ipv4">: error calling exclude: Unknown interface flag: "ipv4"',
    ],
    [
      '{{ . | exclude "rfc" "IPv4|IPv6" | join "string" " " }}',
      'sockaddr.Parse:1:7: executing "sockaddr.Parse" at <exclude "rfc" "IPv4|IPv6">: error calling exclude: unable to lookup RFC number "IPv4": unable to parse RFC number "IPv4": strconv.ParseUint: parsing "IPv4": invalid syntax',
    ],
    [
      '{{ . | include "type" "ipv6" | math "address" "+99999999999999999999" | join "string" " " }}',
      'sockaddr.Parse:1:31: executing "sockaddr.Parse" at <math "address" "+99999999999999999999">: error calling math: unable to perform an IPMath operation on ::1 {1 65536 lo  up|loopback|running}: unable to convert "+99999999999999999999" to int for operation "address": strconv.ParseInt: parsing "+99999999999999999999": value out of range',
    ],
    [
      '{{ . | exclude "type" "up" | join "string" " " }}',
      'sockaddr.Parse:1:7: executing "sockaddr.Parse" at <exclude "type" "up">: error calling exclude: unsupported type "up" "up"',
    ],
    [
      '{{ . | include "flags" "6890" | join "string" " " }}',
      'sockaddr.Parse:1:7: executing "sockaddr.Parse" at <include "flags" "6890">: error calling include: Unknown interface flag: "6890"',
    ],
    [
      '{{ . | exclude "rfc" "abc" | join "string" " " }}',
      'sockaddr.Parse:1:7: executing "sockaddr.Parse" at <exclude "rfc" "abc">: error calling exclude: unable to lookup RFC number "abc": unable to parse RFC number "abc": strconv.ParseUint: parsing "abc": invalid syntax',
    ],
    [
      '{{ . | exclude "network" "12345" | join "string" " " }}',
      'sockaddr.Parse:1:7: executing "sockaddr.Parse" at <exclude "network" "12345">: error calling exclude: unable to create an IP address from "12345": invalid IPAddr 12345',
    ],
    [
      '{{ . | exclude "size" "multicast" | join "string" " " }}',
      'sockaddr.Parse:1:7: executing "sockaddr.Parse" at <exclude "size" "multicast">: error calling exclude: invalid exclude size argument ("multicast"): strconv.ParseUint: parsing "multicast": invalid syntax',
    ],
    ["{{ := }}", 'sockaddr.Parse:1: unexpected ":=" in command'],
    [
      '{{ . | include "rfcs" "ipv6" | join "string" " " }}',
      'sockaddr.Parse:1:7: executing "sockaddr.Parse" at <include "rfcs" "ipv6">: error calling include: unable to lookup RFC number "ipv6": unable to parse RFC number "ipv6": strconv.ParseUint: parsing "ipv6": invalid syntax',
    ],
    [
      '{{ . | include "type" "ipv4" | math "network" "+4294967296" | join "string" " " }}',
      'sockaddr.Parse:1:31: executing "sockaddr.Parse" at <math "network" "+4294967296">: error calling math: unable to perform an IPMath operation on 127.0.0.1/8 {1 65536 lo  up|loopback|running}: unable to convert "+4294967296" to int for operation "network": strconv.ParseInt: parsing "+4294967296": value out of range',
    ],
    [
      '{{ range "abc" }}{{ . }}{{ end }}',
      'sockaddr.Parse:1:9: executing "sockaddr.Parse" at <"abc">: range can\'t iterate over abc',
    ],
    ["{{ range . }}x", "sockaddr.Parse:1: unexpected EOF"],
    ["{{ range $x, $y, $z := . }}{{end}}", "sockaddr.Parse:1: too many declarations in range"],
    [
      '{{ . | exclude "size" "abc" | join "string" " " }}',
      'sockaddr.Parse:1:7: executing "sockaddr.Parse" at <exclude "size" "abc">: error calling exclude: invalid exclude size argument ("abc"): strconv.ParseUint: parsing "abc": invalid syntax',
    ],
    [
      '{{ . | exclude "flag" "80" | join "string" " " }}',
      'sockaddr.Parse:1:7: executing "sockaddr.Parse" at <exclude "flag" "80">: error calling exclude: Unknown interface flag: "80"',
    ],
  ])("%s", (template, message) => {
    expect(outcome(template).split(": template: ").slice(1).join(": template: ")).toBe(message);
  });
});
