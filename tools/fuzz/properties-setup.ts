/** Loaded before the tests by properties.ts: properties that fix no count of their own run longer, from new seeds. */
import fc from "fast-check";

const runCount = Number(process.env["FUZZ_RUNS"]);
if (!Number.isSafeInteger(runCount) || runCount < 1) throw new Error("FUZZ_RUNS is a positive whole number");
fc.configureGlobal({ numRuns: runCount });
