import { expect, test } from "bun:test";
import fc from "fast-check";
import { CheckServiceNode, HealthCheck, Node } from "../structs/catalog.ts";
import { NodeService } from "../structs/service.ts";
import { compileFilter } from "./compile.ts";
import { FilterError } from "./filter-error.ts";

const node = Node.make({ Node: "web-1", Address: "10.0.0.1", Meta: { rack: "left", "a-b": "" } });
const service = NodeService.make({
  ID: "web",
  Service: "web",
  Tags: ["v1", "blue"],
  Port: 80,
  Weights: { Passing: 1, Warning: 2 },
  TaggedAddresses: { lan: { Address: "10.0.0.1", Port: 8080 } },
});
const checks = ["passing", "critical"].map((Status) => HealthCheck.make({ Status, CheckID: Status }));
const row = CheckServiceNode.make({ Node: node, Service: service, Checks: checks });

const judged: readonly (readonly [text: string, holds: boolean])[] = [
  ["Service.Port == 80", true],
  ['Service.Port == "0x50"', true],
  ["Service.Port != 81", true],
  ['Service.Port == "9007199254740993"', false],
  ["Service.EnableTagOverride == f", true],
  ["Node.Node == `web-1`", true],
  ["Node.Node == WEB", false],
  ["web in Node.Node", true],
  ["Node.Node matches `^web-[0-9]$`", true],
  ["Node.Node not matches `^web-[0-9]$`", false],
  ["v1 in Service.Tags", true],
  ["Service.Tags not contains green", true],
  ["Service.Tags is empty", false],
  ["Service.Meta is empty", true],
  ["Node.Meta contains rack", true],
  [`"__proto__" in Node.Meta`, false],
  ["Node.Meta.rack == left", true],
  ['Node.Meta["a-b"] == ""', true],
  ["Service.TaggedAddresses.lan.Port == 8080", true],
  ["Service.Weights.Warning == 2", true],
  // Any element will do, so a comparison and its opposite may both hold.
  ["Checks.Status == critical", true],
  ["Checks.Status != critical", true],
  ["Checks.Status == warning", false],
  ["Checks is not empty", true],
  // A key that is missing.
  ["Node.Meta.none == x", false],
  ["Node.Meta.none != x", true],
  ["x in Node.Meta.none", false],
  ["x not in Node.Meta.none", true],
  ["Node.Meta.none matches x", true],
  ["Node.Meta.none not matches x", true],
  ["not Node.Meta.rack == left", false],
  ["Service.Port == 1 or Service.Port == 80 and Node.Node == `web-1`", true],
  ["(Service.Port == 80 or Service.Port == 1) and Node.Node == x", false],
];

test.each(judged)("%s is %p", (text, holds) => {
  expect(compileFilter(text, CheckServiceNode)(row)).toBe(holds);
});

const refused: readonly (readonly [text: string, why: string])[] = [
  ["Nope == x", 'Selector "Nope" is not valid'],
  ["Node.Nope.More == x", 'Selector "Node.Nope" is not valid'],
  ["Node.Node.More == x", 'Selector "Node.Node.More" is not valid'],
  ["Node.CreateIndex == 1", 'Selector "Node.CreateIndex" is not valid'],
  ["Checks.Definition.HTTP == x", 'Selector "Checks.Definition" is not valid'],
  ["Service.Proxy.Config is empty", 'Selector "Service.Proxy.Config" is not valid'],
  ["Service.Tags.x == x", 'Selector "Service.Tags.x" is not valid'],
  ["Node == x", 'Invalid match operator "Equal" for selector "Node"'],
  ["Service.Tags == x", 'Invalid match operator "Equal" for selector "Service.Tags"'],
  ["Service.Port is not empty", 'Invalid match operator "Is Not Empty" for selector "Service.Port"'],
  ["Service.Port not matches x", 'Invalid match operator "Not Matches" for selector "Service.Port"'],
  ["1 in Service.Port", 'Invalid match operator "In" for selector "Service.Port"'],
  [
    "Service.Port == web",
    'Failed to coerce value "web" for selector "Service.Port": strconv.ParseInt: parsing "web": invalid syntax',
  ],
  ["Service.Port == 9223372036854775808", "value out of range"],
  ["Service.EnableTagOverride == yes", 'strconv.ParseBool: parsing "yes": invalid syntax'],
  ["Node.Node matches `(`", 'Failed to compile regular expression "(": error parsing regexp:'],
];

test.each(refused)("refuses %s", (text, why) => {
  expect(() => compileFilter(text, CheckServiceNode)).toThrow(why);
});

test("a missing struct satisfies what a missing key does", () => {
  const bare = NodeService.make({ Weights: null });
  expect(compileFilter("Weights.Passing == 1", NodeService)(bare)).toBe(false);
  expect(compileFilter("Weights.Passing != 1", NodeService)(bare)).toBe(true);
});

const selectors = [
  "Node.Node",
  "Node.Meta.rack",
  "Service.Port",
  "Service.Tags",
  "Checks.Status",
  "Checks",
  "Nope",
];
const operators = [
  "==",
  "!=",
  "contains",
  "not contains",
  "matches",
  "not matches",
  "is empty",
  "is not empty",
];
const likely = fc
  .tuple(fc.constantFrom(...selectors), fc.constantFrom(...operators), fc.string())
  .map(([selector, operator, value]) => `${selector} ${operator} \`${value}\``);

test("any text gives a predicate or a FilterError", () => {
  fc.assert(
    fc.property(fc.oneof(likely, fc.string()), (text) => {
      try {
        expect(typeof compileFilter(text, CheckServiceNode)(row)).toBe("boolean");
      } catch (error) {
        expect(error).toBeInstanceOf(FilterError);
      }
    }),
    { numRuns: 2000 },
  );
});
