import { rejection } from "../lib/rejection.ts";
import { describe, expect, test } from "bun:test";
import { checkBody, serviceBody } from "./agent-body.ts";
import type { RoutedRequest } from "./types.ts";

function asking(body: object): RoutedRequest {
  const bytes = new TextEncoder().encode(JSON.stringify(body));
  // Only the body is read here.
  return { body: () => Promise.resolve(bytes) } as unknown as RoutedRequest;
}

/** Recorded from 1.16.4. */
describe("HTTP/2 pings go over TLS unless told not to", () => {
  test.each([
    { check: { H2PING: "h:1" }, tls: true },
    { check: { h2ping: "h:1" }, tls: true },
    { check: { H2PING: "h:1", H2PingUseTLS: false }, tls: false },
    { check: { H2PING: "h:1", h2ping_use_tls: false }, tls: false },
    { check: { H2PING: "h:1", h2ping_use_tls: true }, tls: true },
    { check: { HTTP: "http://h" }, tls: false },
  ])("$check", async ({ check, tls }) => {
    expect((await checkBody(asking({ Name: "c", ...check }))).type.H2PingUseTLS).toBe(tls);
    const { Check, Checks } = await serviceBody(asking({ Name: "s", Check: check, Checks: [check] }));
    expect([Check, ...(Checks ?? [])].map((one) => one?.H2PingUseTLS)).toEqual([tls, tls]);
  });
});

test("unknown names in a service's checks are refused", async () => {
  expect(await rejection(serviceBody(asking({ Name: "s", Checks: [{ Bogus: 1 }] })))).toThrow(
    'Request decode failed: json: unknown field "Bogus"',
  );
});
