import { expect, test } from "bun:test";
import { forgetRuntimeSettings } from "./runtime-settings.ts";

test("what the launcher named is taken out of the environment, and its list with it", () => {
  const environment: NodeJS.ProcessEnv = {
    PATH: "/bin",
    BUN_JSC_useJIT: "1",
    OURS: "1",
    PROCONSUL_RUNTIME_SETTINGS: " OURS",
  };
  forgetRuntimeSettings(environment);
  expect(environment).toEqual({ PATH: "/bin", BUN_JSC_useJIT: "1" });
});

test("an environment without them stays as it is", () => {
  const environment: NodeJS.ProcessEnv = { PATH: "/bin" };
  forgetRuntimeSettings(environment);
  expect(environment).toEqual({ PATH: "/bin" });
});
