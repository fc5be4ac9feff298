import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { HilError } from "./parse.ts";
import measured from "./testdata/templates-1.16.json";
import { HilTemplate, type HilNames, type HilScope } from "./template.ts";

const names: HilNames = {
  variables: new Set(["name.full", "name.prefix", "name.suffix", "agent.segment"]),
  functions: new Set(["match"]),
};

/** As a template named `t-` with the pattern `^t-(.*)-([^-]+)?$` sees a name. */
function scopeOf(name: string): HilScope {
  const variables: Readonly<Record<string, string>> = {
    "name.full": name,
    "name.prefix": "t-",
    "name.suffix": name.slice(2),
    "agent.segment": "",
  };
  const matches = /^t-(.*)-([^-]+)?$/.exec(name) ?? [];
  return {
    variable: (variable) => variables[variable] ?? "",
    call: (_, argument) => matches[Number(argument)] ?? "",
  };
}

/** A template is tried with its own name when it is made, so what fails then is refused. */
function rendered(template: string, name: string): string {
  const render = HilTemplate.parse(template).check(names);
  render(scopeOf("t-"));
  return render(scopeOf(name));
}

describe("templates answer as those of Consul 1.16.4 do", () => {
  expect(measured.length).toBeGreaterThan(100);
  test.each(measured)("$template", ({ template, text, refused }) => {
    if (refused === undefined) expect(rendered(template, "t-web-1")).toBe(text ?? "");
    else expect(() => rendered(template, "t-web-1")).toThrow(new HilError(refused));
  });

  test.each(measured.filter(({ refused }) => refused !== undefined))(
    "$template can be read: $readable",
    ({ template, readable }) => {
      const read = (): HilTemplate => HilTemplate.parse(template);
      if (readable === true) expect(read()).toBeInstanceOf(HilTemplate);
      else expect(read).toThrow(HilError);
    },
  );
});

// Consul takes these templates, and breaks off the request that uses one.
test.each([
  ['${1 < "2"}', "true"],
  ['${true ? "7" : 1}', "7"],
  ['${"0x10"+0}', "16"],
  ['${"010"+0}', "8"],
  ['${-"3"}', "-3"],
])("%s is %s", (template, text) => {
  expect(rendered(template, "t-web-1")).toBe(text);
});

test("any text is a template or a refusal, never anything else", () => {
  const piece = fc.constantFrom(
    ...'${|}|"|\\|$|(|)|[|]|name.full|match|1|2.5|true| |\n|+|-|*|/|%|?|:|==|!=|<|>=|&&|!|,|.|é|😀'.split(
      "|",
    ),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
      try {
        expect(typeof rendered(`\${${pieces.join("")}`, "t-a-b")).toBe("string");
      } catch (error) {
        expect(error).toBeInstanceOf(HilError);
      }
    }),
    { numRuns: 3_000 },
  );
});

test("a text without dollars is itself", () => {
  fc.assert(
    fc.property(
      fc.string().filter((text) => !text.includes("$")),
      (text) => {
        expect(rendered(text, "t-a-b")).toBe(text);
      },
    ),
  );
});

test("what nests too deeply is refused", () => {
  for (const deep of [
    `\${${"(".repeat(5_000)}1${")".repeat(5_000)}}`,
    `\${${"-".repeat(5_000)}1}`,
    '${"'.repeat(5_000),
  ])
    expect(() => HilTemplate.parse(deep)).toThrow(HilError);
});
