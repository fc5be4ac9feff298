import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import type { HostNetwork } from "./address/host-network.ts";
import type { Config } from "./config.ts";
import { ConfigError } from "./problems.ts";
import { validateFiles } from "./load.ts";
import { testHost, testLoad } from "./testing.ts";

/** What was said about a file: [its text, what `validate` of the reference printed]. Recorded from 1.16.4. */
const recorded = JSON.parse(
  readFileSync(new URL("testdata/validate-1.16.json", import.meta.url), "utf8"),
) as readonly (readonly [string, string])[];

function validated(text: string): string {
  const host = testHost(
    { "x.json": text },
    {
      fileDescriptorsMax: 20_000,
      hostAddresses: () => [{ address: "192.0.2.2", internal: false }],
    },
  );
  try {
    return [...validateFiles(host, ["x.json"]), "Configuration is valid!"].join("\n");
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return `Config validation failed: ${error.message}`;
  }
}

/** Warnings and verdict were recorded from two streams, so their order says nothing. */
function lines(text: string): readonly string[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .toSorted();
}

describe("says what the reference says", () => {
  expect(recorded.length).toBeGreaterThan(180);
  test.each(recorded.map(([text, printed]) => ({ text, printed })))("$text", ({ text, printed }) => {
    expect(lines(validated(text))).toEqual(lines(printed));
  });
});

// Texts measured: what the reference's `agent` prints after "==> ".
describe("refused flags", () => {
  test.each([
    ["-bootstrap", "'bootstrap = true' requires 'server = true'"],
    [
      "-server -bootstrap -bootstrap-expect=3",
      "'bootstrap_expect > 0' and 'bootstrap = true' are mutually exclusive",
    ],
    ["-bootstrap-expect=3", "'bootstrap_expect > 0' requires 'server = true'"],
    ["-server -bootstrap-expect=-1", "bootstrap_expect cannot be -1. Must be greater than or equal to zero"],
    ["-dev -bootstrap-expect=3", "'bootstrap_expect > 0' not allowed in dev mode"],
    ["-bind unix:///x", "bind_addr cannot be a unix socket"],
    ["-advertise 0.0.0.0", "Advertise address cannot be 0.0.0.0, :: or [::]"],
    ["-client unix:///x", "1 error occurred:\n\t* client_addr cannot be a unix socket\n\n"],
    [
      "-datacenter A.b",
      'datacenter can only contain lowercase alphanumeric, - or _ characters. received: "a.b"',
    ],
    ["-config-file nope.json", "config: Open failed on nope.json. open nope.json: no such file or directory"],
    [
      "-config-file a.txt",
      "file a.txt has unknown extension; must be .hcl or .json, or config format must be set",
    ],
    ["-server-port=0", "server-port must be greater than zero"],
    ["-http-port 99999", "1 error occurred:\n\t* ports.http: invalid port: 99999\n\n"],
    ["-raft-protocol=2", "raft_protocol version 2 is not supported by this version of Consul"],
    ["-node-meta :x", "node_meta invalid: Couldn't load metadata pair ('', 'x'): Key cannot be blank"],
    ["-encrypt xx", "encrypt has invalid key: illegal base64 data at input byte 0"],
    ["-recursor unix://x", "DNS Recursors cannot be unix sockets: unix://x"],
    ["-alt-domain service.x", "alt_domain cannot start with {service,connect,node,query,addr,dc1}"],
    ["-ui-content-path=a!", 'ui-content-path can only contain alphanumeric, -, _, or /. received: "/a!/"'],
    ["-serf-lan-allowed-cidrs 1.2", "serf_lan_allowed_cidrs: 1 error occurred:\n\t* invalid cidr: 1.2\n\n"],
    ["-allow-write-http-from x", "1 error occurred:\n\t* allow_write_http_from: invalid cidr: x\n\n"],
    ["-bind ::", "No public IPv6 address found"],
    ["-log-level=foo", "Invalid log level: foo. Valid log levels are: [TRACE DEBUG INFO WARN ERR ERROR]"],
    ["-node-id=abc", "failed to setup node ID: specified NodeID is invalid: uuid string is wrong length"],
    [
      "-retry-interval=5x",
      '1 error occurred:\n\t* retry_interval: invalid duration: "5x": time: unknown unit "x" in duration "5x"\n\n',
    ],
    ['-hcl {"foo":1}', "failed to parse flags-0.hcl: 1 error occurred:\n\t* invalid config key foo\n\n"],
    ["-data-dir=", "data_dir cannot be empty"],
    ["-data-dir=a.txt", 'data_dir "a.txt" is not a directory'],
    [
      "-bind {{Nothing}}",
      '1 error occurred:\n\t* bind_addr: error parsing "{{Nothing}}": unable to parse template "{{Nothing}}": template: sockaddr.Parse:1: function "Nothing" not defined\n\n',
    ],
    ["-config-file a.hcl", "failed to parse a.hcl: At 1:10: Unknown token: 1:10 IDENT yes"],
  ])("%s", (line, message) => {
    const files = { "a.txt": "", "a.hcl": "server = yes" };
    expect(() => testLoad(line, files)).toThrow(new ConfigError(message));
  });

  test("all problems are told at once", () => {
    expect(() => testLoad("-bootstrap -datacenter A! -http-port 70000")).toThrow(
      new ConfigError(
        "3 errors occurred:\n\t* ports.http: invalid port: 70000\n\t* datacenter can only contain lowercase alphanumeric, - or _ characters. received: \"a!\"\n\t* 'bootstrap = true' requires 'server = true'\n\n",
      ),
    );
  });
});

describe("addresses", () => {
  const address = (address: string, internal = false): { address: string; internal: boolean } => ({
    address,
    internal,
  });

  test.each([
    {
      label: "the only private one",
      found: [address("127.0.0.1", true), address("8.8.8.8"), address("10.0.0.7")],
      expected: "10.0.0.7",
    },
    {
      label: "the loopback of a host that has nothing else",
      found: [address("127.0.0.1", true)],
      expected: "127.0.0.1",
    },
  ])("$label is advertised", ({ found, expected }) => {
    const { addresses } = testLoad("", {}, { hostAddresses: () => found }).config;
    expect([addresses.bind, addresses.advertiseLan, addresses.advertiseWan]).toEqual([
      "0.0.0.0",
      expected,
      expected,
    ]);
    expect(addresses.tagged).toEqual({
      lan: expected,
      lan_ipv4: expected,
      wan: expected,
      wan_ipv4: expected,
    });
  });

  test("a public IPv6 address is advertised for [::]", () => {
    const hostAddresses = () => [address("fe80::1%eth0"), address("2a00::5"), address("10.0.0.7")];
    expect(testLoad("-bind [::]", {}, { hostAddresses }).config.addresses.advertiseLan).toBe("2a00::5");
  });

  test.each([
    { found: [address("8.8.8.8")], message: "No private IPv4 address found" },
    {
      found: [address("10.0.0.1"), address("10.0.0.2")],
      message: "Multiple private IPv4 addresses found. Please configure one with 'bind' and/or 'advertise'.",
    },
  ])("$message", ({ found, message }) => {
    expect(() => testLoad("", {}, { hostAddresses: () => found })).toThrow(new ConfigError(message));
  });

  test("a bound address is not looked for", () => {
    const hostAddresses = (): never => {
      throw new Error("asked");
    };
    expect(testLoad("-bind 10.9.9.9", {}, { hostAddresses }).config.addresses.advertiseLan).toBe("10.9.9.9");
  });

  test("listeners take client_addr, their own addresses, and unix sockets", () => {
    const config = testLoad("-client ::1", {}, {}).config;
    expect(config.addresses.http).toEqual([{ kind: "tcp", host: "::1", port: 8500 }]);
    const own = testLoad('-hcl {"addresses":{"http":"unix:///run/http.sock\\t10.0.0.5"}}').config;
    expect(own.addresses.http).toEqual([
      { kind: "unix", path: "/run/http.sock" },
      { kind: "tcp", host: "10.0.0.5", port: 8500 },
    ]);
    expect(own.addresses.dns).toEqual([{ host: "127.0.0.1", port: 8600 }]);
    expect([own.addresses.https, own.ports.https, own.ports.grpcTls]).toEqual([[], undefined, undefined]);
  });
});

describe("address templates", () => {
  const network: HostNetwork = {
    interfaces: () => [
      {
        name: "eth0",
        index: 1,
        mtu: 1_500,
        hardwareAddress: "",
        flags: ["up"],
        addresses: ["10.1.2.3/16", "10.1.2.4/16"],
      },
    ],
    defaultInterface: () => "eth0",
  };
  const load = (settings: object): Config =>
    testLoad("-config-file a.json", { "a.json": { bind_addr: "127.0.0.1", ...settings } }, { network })
      .config;

  test("make addresses of every kind", () => {
    const first = "{{ GetPrivateIP }}";
    const config = load({
      bind_addr: first,
      advertise_addr: '{{ GetInterfaceIP "eth0" }}',
      client_addr: "127.0.0.1 {{ GetPrivateIPs }}",
      addresses: { https: "unix:///tmp/{{ print 1 }}.sock", dns: first },
      ports: { https: 8501 },
      retry_join: ["{{ GetPrivateIPs }}", "provider=aws tag_key=a", "b.example"],
      recursors: [first],
    });
    expect(config.addresses).toMatchObject({
      bind: "10.1.2.3",
      advertiseLan: "10.1.2.3",
      client: ["127.0.0.1", "10.1.2.3", "10.1.2.4"],
      https: [{ kind: "unix", path: "/tmp/1.sock" }],
      dns: [{ host: "10.1.2.3", port: 8600 }],
    });
    expect(config.join.retryLan).toEqual(["10.1.2.3", "10.1.2.4", "provider=aws tag_key=a", "b.example"]);
    expect(config.dns.recursors).toEqual(["10.1.2.3"]);
  });

  test("several addresses for a key of one are refused", () => {
    expect(() => load({ advertise_addr: "{{ GetPrivateIPs }}" })).toThrow(
      new ConfigError(
        "1 error occurred:\n\t* advertise_addr: multiple addresses found: 10.1.2.3 10.1.2.4\n\n",
      ),
    );
  });

  test("a bad template of a recursor", () => {
    expect(() => load({ recursors: ["{{ X }}"] })).toThrow(
      new ConfigError(
        'Invalid DNS recursor template "{{ X }}": unable to parse template "{{ X }}": template: sockaddr.Parse:1: function "X" not defined',
      ),
    );
  });
});

describe("presets", () => {
  test("development mode", () => {
    const { config, warnings } = testLoad("-dev");
    expect(warnings).toEqual([]);
    expect(config).toMatchObject({
      devMode: true,
      dataDir: undefined,
      server: true,
      bootstrap: false,
      debug: true,
      leaveOnTerminate: false,
      skipLeaveOnInterrupt: true,
      addresses: { bind: "127.0.0.1", advertiseLan: "127.0.0.1" },
      ports: { grpc: 8502, grpcTls: 8503 },
      ui: { enabled: true, contentPath: "/ui/" },
      log: { level: "DEBUG" },
      raft: { multiplier: 1, electionTimeoutMs: 52, heartbeatTimeoutMs: 35, leaderLeaseTimeoutMs: 20 },
    });
  });

  test("a client's defaults", () => {
    const { config } = testLoad("");
    expect(config).toMatchObject({
      nodeName: "host-1",
      nodeId: undefined,
      datacenter: "dc1",
      primaryDatacenter: "dc1",
      server: false,
      leaveOnTerminate: true,
      skipLeaveOnInterrupt: false,
      sessionTtlMinMs: 0,
      queryTimes: { defaultMs: 300_000, maxMs: 600_000, discoveryMaxStaleMs: undefined },
      raft: {
        multiplier: 5,
        electionTimeoutMs: 5_000,
        heartbeatTimeoutMs: 5_000,
        leaderLeaseTimeoutMs: 2_500,
      },
      limits: { httpMaxConnsPerClient: 200, kvMaxValueSize: 524_288, rpcRate: undefined },
      dns: { domain: "consul.", soa: { refresh: 3600, retry: 600, expire: 86_400, minTtl: 0 } },
      log: { level: "INFO", rotateDurationMs: 86_400_000, rotateFilesMax: { kind: "all" } },
      acl: { enabled: false, defaultPolicy: "allow", downPolicy: "extend-cache" },
      checksConfig: { outputMaxSize: 4096, updateIntervalMs: 300_000, enableLocalScriptChecks: false },
    });
    expect(Object.isFrozen(config.addresses.client)).toBe(true);
  });

  test.each([
    {
      line: "-server -bootstrap-expect=1",
      bootstrap: true,
      bootstrapExpect: 0,
      warnings: [
        "BootstrapExpect is set to 1; this is the same as Bootstrap mode.",
        "bootstrap = true: do not enable unless necessary",
      ],
    },
    {
      line: "-server -bootstrap",
      bootstrap: true,
      bootstrapExpect: 0,
      warnings: ["bootstrap = true: do not enable unless necessary"],
    },
    {
      line: "-server -bootstrap-expect=3",
      bootstrap: false,
      bootstrapExpect: 3,
      warnings: ["bootstrap_expect > 0: expecting 3 servers"],
    },
  ])("$line", ({ line, warnings, ...expected }) => {
    const loaded = testLoad(line);
    expect(loaded.config).toMatchObject(expected);
    expect(loaded.warnings).toEqual(warnings);
  });
});

describe("sources", () => {
  test("a directory gives its files by name, without sub-directories and foreign files", () => {
    const loaded = testLoad("-config-dir d -node-meta who:flag", {
      "d/b.json": { datacenter: "b", retry_join: ["b"], node_meta: { who: "b", b: "1" } },
      "d/a.json": { datacenter: "a", retry_join: ["a"], node_meta: { who: "a", a: "1" } },
      "d/readme.md": "text",
      "d/sub/c.json": { datacenter: "c" },
      "d/empty.json": "",
    });
    expect(loaded.config.datacenter).toBe("b");
    expect(loaded.config.join.retryLan).toEqual(["a", "b"]);
    expect(loaded.config.nodeMeta).toEqual({ who: "flag", a: "1", b: "1" });
    expect(loaded.warnings).toEqual([
      "skipping file d/readme.md, extension must be .hcl or .json, or config format must be set",
    ]);
  });

  test("-config-format reads whatever the name ends in", () => {
    const files = { "agent.conf": { node_name: "n" }, "x.hcl": { datacenter: "dc9" } };
    const { config } = testLoad("-config-format json -config-file agent.conf -config-file x.hcl", files);
    expect([config.nodeName, config.datacenter]).toEqual(["n", "dc9"]);
  });

  test("a file named .hcl that holds JSON is read, as HCL includes JSON", () => {
    expect(testLoad("-config-file x.hcl", { "x.hcl": ' {"node_name":"n"}' }).config.nodeName).toBe("n");
  });

  test("lists of flags come before those of files, values after, fragments last", () => {
    const { config, warnings } = testLoad(
      '-retry-join flag -join old -node flag -config-file f.json -hcl {"domain":"frag"} -domain flag',
      {
        "f.json": { retry_join: ["file"], node_name: "file" },
      },
    );
    expect(config.join.retryLan).toEqual(["flag", "old", "file"]);
    expect([config.nodeName, config.dns.domain]).toEqual(["flag", "frag."]);
    expect(warnings).toEqual(["The flag '-join' is deprecated. Use the '-retry-join' flag instead."]);
  });

  test("flags of the Enterprise edition are told to have no effect, as keys in files are", () => {
    const text = '"read_replica (or the deprecated non_voting_server)" is a Consul Enterprise configuration';
    for (const flag of ["-read-replica", "-non-voting-server"]) {
      expect(testLoad(`${flag} -server`).warnings).toEqual([`${text} and will have no effect`]);
    }
  });

  test("what only the program may set is not taken from files", () => {
    const { config } = testLoad("-config-file f.json", { "f.json": { ae_interval: "1s", version: "9" } });
    expect([config.antiEntropyIntervalMs, config.settings.text("version")]).toEqual([60_000, "1.16.4"]);
  });

  test("the introduction token comes from the environment first", () => {
    const { config, warnings } = testLoad(
      "-config-file f.json",
      { "f.json": { auto_config: { intro_token: "a" } } },
      { env: { CONSUL_INTRO_TOKEN: "b" } },
    );
    expect(config.settings.text("auto_config.intro_token")).toBe("b");
    expect(warnings).toEqual([
      "Both auto_config.intro_token and the CONSUL_INTRO_TOKEN environment variable are set. Using the value from the environment variable",
    ]);
  });
});
