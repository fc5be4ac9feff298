import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { testLoad } from "../config/testing.ts";
import { CheckCertificates } from "./check-certificates.ts";

test("a reload reads the files again; one that cannot be read changes nothing", () => {
  const folder = mkdtempSync(join(tmpdir(), "check-certificates-"));
  const file = join(folder, "ca.pem");
  const configured = (path: string, isOn = true): ReturnType<typeof testLoad>["config"] =>
    testLoad("-config-file f.json", {
      "f.json": { enable_agent_tls_for_checks: isOn, tls: { internal_rpc: { ca_file: path } } },
    }).config;
  writeFileSync(file, "one");
  const certificates = new CheckCertificates(configured(file));
  expect(certificates.material).toEqual({ ca: ["one"] });
  writeFileSync(file, "two");
  expect(certificates.material).toEqual({ ca: ["one"] });
  certificates.reload(configured(file));
  expect(certificates.material).toEqual({ ca: ["two"] });
  expect(() => certificates.reload(configured(join(folder, "none")))).toThrow("ENOENT");
  expect(certificates.material).toEqual({ ca: ["two"] });
  certificates.reload(configured(file, false));
  expect(certificates.material).toEqual({});
  rmSync(folder, { recursive: true });
});
