/** `tls ca create` and `tls cert create`. */
import { describe, expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { createAuthority, createCertificate } from "../../runtime/certificates.ts";
import { runFake, type FakeOutcome, type FakeWorld } from "../fake-host.ts";

const certificates = { createAuthority, createCertificate };
const authority = await runFake(["tls", "ca", "create"], { certificates });
const world: FakeWorld = { certificates, files: Object.fromEntries(authority.files) };

function certificate(outcome: FakeOutcome, name: string): X509Certificate {
  return new X509Certificate(outcome.files.get(name) ?? "");
}

const warning = `==> WARNING: Server Certificates grants authority to become a
    server and access all state in the cluster including root keys
    and all ACL tokens. Do not distribute them to production hosts
    that are not server nodes. Store them as securely as CA keys.
`;

describe("tls ca create", () => {
  test("writes a certificate for all and a key for its owner", () => {
    expect(authority).toMatchObject({
      exit: 0,
      stdout: "==> Saved consul-agent-ca.pem\n==> Saved consul-agent-ca-key.pem\n",
      stderr: "",
    });
    expect([...authority.modes]).toEqual([
      ["consul-agent-ca.pem", 0o666],
      ["consul-agent-ca-key.pem", 0o600],
    ]);
    expect([...authority.files.keys()]).toEqual(["consul-agent-ca.pem", "consul-agent-ca-key.pem"]);
  });

  test.each(["consul-agent-ca.pem", "consul-agent-ca-key.pem"])("leaves %s alone", async (name) => {
    const outcome = await runFake(["tls", "ca", "create"], { certificates, files: { [name]: "" } });
    expect(outcome).toMatchObject({ exit: 1, stdout: "", stderr: `${name} already exists.\n` });
    expect(outcome.files.size).toBe(1);
  });

  test("takes a name, a domain and an ID", async () => {
    const argv = [
      "tls",
      "ca",
      "create",
      "-domain=foo.com",
      "-common-name=mine",
      "-cluster-id=A b",
      "-days=1",
    ];
    const outcome = await runFake(argv, { certificates });
    const read = certificate(outcome, "foo.com-agent-ca.pem");
    expect(read.subject).toBe("O=Proconsul\nCN=mine");
    expect(read.subjectAltName).toBe("URI:spiffe://a%20b.foo.com");
    expect(read.validTo).toBe("Jan  2 00:00:00 1970 GMT");
  });

  test("with limits, only names within get a certificate", async () => {
    const argv = ["tls", "ca", "create", "-name-constraint", "-additional-name-constraint=bar.org"];
    const made = await runFake(argv, { certificates });
    const files = Object.fromEntries(made.files);
    const create = (name: string): Promise<FakeOutcome> =>
      runFake(["tls", "cert", "create", "-server", `-additional-dnsname=${name}`], { certificates, files });
    expect((await create("x.bar.org")).exit).toBe(0);
    expect(await create("bad.org")).toMatchObject({
      exit: 1,
      stderr:
        'x509: a root or intermediate certificate is not authorized to sign for this name: DNS name "bad.org" is not permitted by any constraint\n',
    });
  });
});

describe("tls cert create", () => {
  test.each([
    {
      argv: ["-server", "-node=n1", "-additional-dnsname= foo ", "-additional-dnsname="],
      said: `${warning}==> Using consul-agent-ca.pem and consul-agent-ca-key.pem\n`,
      prefix: "dc1-server-consul-0",
      names: "DNS:foo, DNS:n1.server.dc1.consul, DNS:server.dc1.consul, DNS:localhost, IP Address:127.0.0.1",
      usages: ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"],
    },
    {
      argv: ["-client", "-dc=dc2", "-additional-ipaddress=10.0.0.1"],
      said: "==> Using consul-agent-ca.pem and consul-agent-ca-key.pem\n",
      prefix: "dc2-client-consul-0",
      names: "DNS:client.dc2.consul, DNS:localhost, IP Address:10.0.0.1, IP Address:127.0.0.1",
      usages: ["1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.1"],
    },
    {
      argv: ["-cli", "-additional-dnsname=dropped"],
      said: "==> Using consul-agent-ca.pem and consul-agent-ca-key.pem\n",
      prefix: "dc1-cli-consul-0",
      names: "DNS:cli.dc1.consul, DNS:localhost",
      usages: undefined,
    },
  ])("$argv", async ({ argv, said, prefix, names, usages }) => {
    const outcome = await runFake(["tls", "cert", "create", ...argv], world);
    expect(outcome).toMatchObject({
      exit: 0,
      stdout: `${said}==> Saved ${prefix}.pem\n==> Saved ${prefix}-key.pem\n`,
      stderr: "",
    });
    expect(outcome.modes.get(`${prefix}-key.pem`)).toBe(0o600);
    const read = certificate(outcome, `${prefix}.pem`);
    expect(read.subjectAltName).toBe(names);
    expect(read.keyUsage).toEqual(usages as never);
    expect(read.verify(certificate(authority, "consul-agent-ca.pem").publicKey)).toBe(true);
  });

  test("takes the next free number", async () => {
    const taken = { "dc1-client-consul-0.pem": "", "dc1-client-consul-1-key.pem": "" };
    const outcome = await runFake(["tls", "cert", "create", "-client"], {
      ...world,
      files: { ...world.files, ...taken },
    });
    expect(outcome.stdout).toEndWith(
      "==> Saved dc1-client-consul-2.pem\n==> Saved dc1-client-consul-2-key.pem\n",
    );
  });

  test.each([
    [[], "Please provide either -server, -client, or -cli\n"],
    [["-server", "-cli"], "Please provide either -server, -client, or -cli\n"],
    [["-client", "-node=n"], "-node requires -server\n"],
    [["-client", "-ca="], "Please provide the ca\n"],
    [["-client", "-key="], "Please provide the key\n"],
    [["-client", "-domain=foo"], "Error reading CA: open foo-agent-ca.pem: no such file or directory\n"],
    [["-client", "-key=k"], "Error reading CA key: open k: no such file or directory\n"],
  ])("%j fails", async (argv, stderr) => {
    expect(await runFake(["tls", "cert", "create", ...argv], world)).toMatchObject({
      exit: 1,
      stdout: "",
      stderr,
    });
  });

  test("a flag that nobody knows", async () => {
    const outcome = await runFake(["tls", "cert", "create", "-nope"], world);
    expect(outcome.exit).toBe(1);
    expect(outcome.stderr).toStartWith("flag provided but not defined: -nope\nUsage:\n");
    expect(outcome.stderr).toEndWith("\nFailed to parse args: flag provided but not defined: -nope\n");
  });
});

test.each([
  ["tls", "ca"],
  ["tls ca", "create"],
  ["tls cert", "create"],
])("%s alone lists what follows", async (words, child) => {
  const outcome = await runFake(words.split(" "));
  expect(outcome.exit).toBe(1);
  expect(outcome.stderr).toContain(`\nSubcommands:\n    ${child}`);
});
