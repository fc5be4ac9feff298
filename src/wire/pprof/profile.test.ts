import { expect, test } from "bun:test";
import { encodeProfile } from "./profile.ts";

test("a profile is the bytes of its protobuf message", () => {
  const leaf = { name: "b", file: "f", line: 300 };
  const bytes = encodeProfile({
    valueTypes: [["cpu", "ns"]],
    samples: [
      { stack: [leaf, { name: "a", file: "f", line: 0 }], values: [7] },
      { stack: [leaf], values: [0] },
    ],
    timeNs: 5n,
    durationNs: 0n,
    period: { type: ["cpu", "ns"], value: 200n },
  });
  // Texts: "", cpu, ns, b, f, a. Made by hand from the form's definition.
  expect(Buffer.from(bytes).toString("hex")).toBe(
    [
      "0a0408011002", // sample_type { type: cpu, unit: ns }
      "12070a020102120107", // sample { location_id: [1, 2], value: [7] }
      "12060a0101120100", // sample { location_id: [1], value: [0] }
      "220908012205080110ac02", // location { id: 1, line { function_id: 1, line: 300 } }
      "2206080222020802", // location { id: 2, line { function_id: 2 } }
      "2a080801100318032004", // function { id: 1, name: b, system_name: b, filename: f }
      "2a080802100518052004", // function { id: 2, name: a, … }
      "5a0408011002", // period_type
      "60c801", // period
      "4805", // time_nanos
      "3200", // ""
      "3203637075",
      "32026e73",
      "320162",
      "320166",
      "320161",
    ].join(""),
  );
});
