import { describe, expect, test } from "bun:test";
import { CheckType } from "../wire/structs/service.ts";
import type { CheckIo, CommandResult, GrpcProbe, Http2Probe } from "./check-io.ts";
import { grpcPoll, h2pingPoll, udpPoll } from "./network-polls.ts";
import { osServicePoll } from "./os-service-poll.ts";

const never = new AbortController().signal;
const refuse = (): Promise<never> => Promise.reject(new Error("unexpected"));
const noIo: CheckIo = {
  http: refuse,
  tcp: refuse,
  udp: refuse,
  h2ping: refuse,
  grpc: refuse,
  docker: refuse,
  run: refuse,
};

describe("gRPC checks", () => {
  test.each([
    { target: "host:1", service: "", status: 1, output: "gRPC check host:1: success" },
    { target: "host:1/a.b", service: "a.b", status: 1, output: "gRPC check host:1/a.b: success" },
    {
      target: "host:1/a/b",
      service: "a/b",
      status: 2,
      output: "gRPC host:1/a/b serving status: NOT_SERVING",
    },
    { target: "host:1", service: "", status: 0, output: "gRPC host:1 serving status: UNKNOWN" },
    { target: "host:1", service: "", status: 3, output: "gRPC host:1 serving status: SERVICE_UNKNOWN" },
  ])("$target answers $status", async ({ target, service, status, output }) => {
    const seen: GrpcProbe[] = [];
    const io: CheckIo = {
      ...noIo,
      grpc: (probe) => {
        seen.push(probe);
        return Promise.resolve(status);
      },
    };
    const check = CheckType.make({ GRPC: target });
    expect(await grpcPoll(io, check)(never)).toEqual({
      status: status === 1 ? "passing" : "critical",
      output,
    });
    expect(seen).toEqual([{ address: "host:1", service, timeoutMs: 10_000, tls: undefined }]);
  });

  test("a proxy is asked instead, for the service of the definition", async () => {
    const seen: GrpcProbe[] = [];
    const grpc: CheckIo["grpc"] = (probe) => {
      seen.push(probe);
      return Promise.resolve(1);
    };
    const check = CheckType.make({
      GRPC: "host:1/svc",
      ProxyGRPC: "proxy:2/svc",
      GRPCUseTLS: true,
      TLSServerName: "name",
      Timeout: 2e9,
    });
    expect((await grpcPoll({ ...noIo, grpc }, check)(never)).output).toBe("gRPC check proxy:2/svc: success");
    const tls = { serverName: "name", skipVerify: false };
    expect(seen).toEqual([{ address: "proxy:2", service: "svc", timeoutMs: 2_000, tls }]);
  });
});

test("HTTP/2 pings", async () => {
  const seen: Http2Probe[] = [];
  const h2ping: CheckIo["h2ping"] = (probe) => {
    seen.push(probe);
    return Promise.resolve();
  };
  const check = CheckType.make({ H2PING: "host:1", H2PingUseTLS: true, TLSSkipVerify: true });
  expect(await h2pingPoll({ ...noIo, h2ping }, check)(never)).toEqual({
    status: "passing",
    output: "HTTP2 ping was successful",
  });
  expect(seen[0]?.tls).toEqual({ serverName: "", skipVerify: true });
});

test("UDP checks", async () => {
  const check = CheckType.make({ UDP: "host:1" });
  expect(await udpPoll({ ...noIo, udp: () => Promise.resolve() }, check)(never)).toEqual({
    status: "passing",
    output: "UDP connect host:1: Success",
  });
});

describe("services of the system", () => {
  const utf8 = new TextEncoder();
  const result = (exitCode: number, text: string): CommandResult => ({
    exitCode,
    timedOut: false,
    output: { tail: utf8.encode(text), bytesTotal: text.length },
  });
  test.each([
    { exitCode: 0, text: "active\n", status: "passing", output: 'Service "cron" is healthy' },
    {
      exitCode: 3,
      text: "inactive\n",
      status: "critical",
      output: "service status: inactive - OS Service unhealthy",
    },
    {
      exitCode: 3,
      text: "failed\n",
      status: "critical",
      output: "service status: failed - OS Service unhealthy",
    },
    { exitCode: 3, text: "activating\n", status: "warning", output: "service status: activating" },
    { exitCode: 4, text: "inactive\n", status: "warning", output: "error accessing service: inactive" },
  ])("$text by exit code $exitCode", async ({ exitCode, text, status, output }) => {
    const io: CheckIo = {
      ...noIo,
      run: ({ argv }) => {
        expect(argv).toEqual(["systemctl", "is-active", "--", "cron"]);
        return Promise.resolve(result(exitCode, text));
      },
    };
    expect(await osServicePoll(io, CheckType.make({ OSService: "cron" }))(never)).toEqual({ status, output });
  });

  test("a system without systemd warns", async () => {
    const run: CheckIo["run"] = () => Promise.reject(new Error("not found"));
    expect(await osServicePoll({ ...noIo, run }, CheckType.make({ OSService: "cron" }))(never)).toEqual({
      status: "warning",
      output: "failed to connect to the service manager: not found",
    });
  });
});
