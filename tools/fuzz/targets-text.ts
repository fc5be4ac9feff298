/** Languages: configuration, filters, regular expressions, templates. */
import { parseSource } from "../../src/config/sources.ts";
import { HilTemplate } from "../../src/lib/hil/template.ts";
import { LinearRegexp } from "../../src/lib/regexp/linear-regexp.ts";
import { SubmatchRegexp } from "../../src/lib/regexp/submatch-regexp.ts";
import { compileFilter } from "../../src/wire/filter/compile.ts";
import { parseHcl } from "../../src/wire/hcl/parse.ts";
import { CheckServiceNode, HealthCheck, Node } from "../../src/wire/structs/catalog.ts";
import { NodeService } from "../../src/wire/structs/service.ts";
import { pureText, type FuzzTargetPlan } from "./target.ts";

const hclWords = [
  "service",
  "{",
  "}",
  "[",
  "]",
  "=",
  ":",
  ",",
  '"',
  "\n",
  "<<EOF\n",
  "EOF",
  "<<-X\n",
  "#",
  "//",
  "/*",
  "*/",
  "${",
  "1e9",
  "0x1f",
  "-1",
  "true",
  "check",
  "name",
  "a.b",
  "\\u00e9",
  "\\",
  "ports",
  "server",
];
const hclSeeds = [
  'server = true\nports { http = 8500 dns = -1 }\nservice { name = "web" check { http = "http://x" interval = "10s" } }',
  '{"services":[{"name":"web","port":80,"tags":["a","b"]}],"bootstrap_expect":3}',
  'node_meta { a = "b" }\nencrypt = <<EOF\nabc\nEOF\n',
];
const instance = CheckServiceNode.make({
  Node: Node.make({ Node: "n1", Address: "10.0.0.1", Meta: { a: "b" } }),
  Service: NodeService.make({
    ID: "web-1",
    Service: "web",
    Tags: ["a", "b"],
    Port: 80,
    Meta: { version: "2" },
  }),
  Checks: [HealthCheck.make({ CheckID: "c", Status: "passing" })],
});
const texts = [
  "",
  "web",
  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
  "a\nb",
  "\u{1f600}é",
  "A-1_b.c",
];
const regexpWords = [
  "(",
  ")",
  "[",
  "]",
  "^",
  "$",
  ".",
  "*",
  "+",
  "?",
  "{2,}",
  "{1000}",
  "{0,5}",
  "|",
  "a",
  "\\b",
  "\\d",
  "\\pL",
  "\\x{10ffff}",
  "(?i)",
  "(?P<n>",
  "[[:alpha:]]",
  "[^a-z]",
  "\\Q",
  "\\E",
  "(?:",
  "-",
  "\\A",
  "\\z",
];

/** Whatever people write. */
export const textTargets: readonly FuzzTargetPlan[] = [
  pureText({ name: "hcl", words: hclWords, seeds: hclSeeds }, (input) => void parseHcl(input)),
  pureText(
    { name: "config-hcl", words: hclWords, seeds: hclSeeds },
    (text) => void parseSource({ name: "f.hcl", format: "hcl", text }),
  ),
  pureText(
    { name: "config-json", words: hclWords, seeds: hclSeeds },
    (text) => void parseSource({ name: "f.json", format: "json", text }),
  ),
  pureText(
    {
      name: "filter",
      words: [
        "Node.Node",
        "Service.Tags",
        "Service.Meta.version",
        'Service.Meta["x"]',
        "Checks.Status",
        "==",
        "!=",
        "in",
        "not in",
        "contains",
        "is empty",
        "is not empty",
        "matches",
        "not",
        "and",
        "or",
        "(",
        ")",
        '"web"',
        "`a`",
        "80",
        '"(a+)+$"',
        '"/Service/Port"',
      ],
      seeds: [
        'Service.Service == "web" and "a" in Service.Tags',
        'not (Node.Meta.a == "b") or Service.Port == 80',
        'Service.Meta.version matches "^[0-9]+$"',
      ],
    },
    (input) => void compileFilter(input, CheckServiceNode)(instance),
  ),
  pureText(
    { name: "regexp", words: regexpWords, seeds: ["^(a+)+$", "(?i)[a-z]{1,3}|\\bweb\\b", "^web-(.*)$"] },
    (input) => {
      const plain = LinearRegexp.compile(input);
      const saving = SubmatchRegexp.compile(input);
      for (const text of texts) {
        const isFound = plain instanceof LinearRegexp && plain.test(text);
        const found = saving instanceof SubmatchRegexp ? saving.match(text) : undefined;
        if (
          plain instanceof LinearRegexp &&
          saving instanceof SubmatchRegexp &&
          isFound !== (found !== undefined)
        )
          throw new Error(`both engines differ on ${JSON.stringify(text)}`);
      }
    },
  ),
  pureText(
    {
      name: "hil",
      words: [
        "${",
        "}",
        '"',
        "match(1)",
        "name.full",
        "name.prefix",
        "+",
        "-",
        "*",
        "/",
        "%",
        "?",
        ":",
        "==",
        "<",
        "&&",
        "||",
        "!",
        "(",
        ")",
        "1",
        "9223372036854775807",
        "1.5",
        "true",
        "$$",
        "agent.segment",
      ],
      seeds: ["${name.full}-${match(1)}", 'a ${1 + 2 * 3 == 7 ? "x" : "y"} b', "${match(0)}"],
    },
    (input) => {
      const names = {
        variables: new Set(["name.full", "name.prefix", "name.suffix", "agent.segment"]),
        functions: new Set(["match"]),
      };
      const render = HilTemplate.parse(input).check(names);
      render({ variable: (name) => name, call: (name, argument) => `${name}${argument}` });
    },
  ),
];
