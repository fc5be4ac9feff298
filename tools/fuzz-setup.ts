/** Loaded before the tests by tools/fuzz.ts: every property that fixes no count of its own runs longer, from a new seed. */
import fc from "fast-check";

const runCount = Number(process.env["FUZZ_RUNS"]);
if (!Number.isSafeInteger(runCount) || runCount < 1) throw new Error("FUZZ_RUNS is a positive whole number");
fc.configureGlobal({ numRuns: runCount });
