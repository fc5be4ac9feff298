/**
 * Templates: prepared queries that stand for all names which begin with theirs.
 *
 * Every text of the service part may hold expressions over the name that was asked for. Whatever cannot be read or
 * evaluated for the template's own name, the shortest that it will be asked for, is refused when it is made.
 * Source: the reference's prepared query templates, whose texts these are.
 */
import { must } from "../lib/assert.ts";
import { HilError } from "../lib/hil/parse.ts";
import { HilTemplate, type HilNames, type HilScope } from "../lib/hil/template.ts";
import { SubmatchRegexp } from "../lib/regexp/submatch-regexp.ts";
import type { PreparedQuery, ServiceQuery } from "../wire/structs/prepared-query.ts";

/** Why a template cannot be used. */
export class TemplateProblem {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** A query as it is stored, with its template. */
export interface StoredQuery {
  readonly query: PreparedQuery;
  /** Only queries that are templates have one; one with a problem can only come from a snapshot. */
  readonly template: QueryTemplate | TemplateProblem | undefined;
}

const knownType = "name_prefix_match";
const names: HilNames = {
  variables: new Set(["name.full", "name.prefix", "name.suffix", "agent.segment"]),
  functions: new Set(["match"]),
};

export function isTemplate({ Template }: PreparedQuery): boolean {
  return Template.Type !== "";
}

type Render = (scope: HilScope) => string;

export class QueryTemplate {
  readonly #query: PreparedQuery;
  readonly #regexp: SubmatchRegexp | undefined;
  /** By the path of the text. */
  readonly #renders: ReadonlyMap<string, Render>;

  private constructor(
    query: PreparedQuery,
    regexp: SubmatchRegexp | undefined,
    renders: ReadonlyMap<string, Render>,
  ) {
    this.#query = query;
    this.#regexp = regexp;
    this.#renders = renders;
  }

  /** Reads a query that is a template, and tries it out. */
  static compile(query: PreparedQuery): QueryTemplate | TemplateProblem {
    const { Type, Regexp } = query.Template;
    if (Type !== knownType) return new TemplateProblem(`Bad Template.Type '${Type}'`);
    try {
      const parsed = new Map<string, HilTemplate>();
      mapTexts(query.Service, (path, text) => {
        parsed.set(
          path,
          told(`Bad format '${text}' in Service${path}`, () => HilTemplate.parse(text)),
        );
        return text;
      });
      const regexp = Regexp === "" ? undefined : SubmatchRegexp.compile(Regexp);
      if (regexp !== undefined && "problem" in regexp)
        return new TemplateProblem(`Bad Regexp: ${regexp.problem}`);
      const own = scopeOf({ query, regexp }, query.Name, "");
      const renders = new Map<string, Render>();
      mapTexts(query.Service, (path, text) => {
        const where = `Bad evaluation for '${text}' in Service${path}`;
        const template = must(parsed.get(path), "every text was parsed");
        const evaluate = told(where, () => template.check(names));
        const render: Render = (scope) => told(where, () => evaluate(scope));
        renders.set(path, render);
        // In the order of the fields, a text is tried before the next is checked.
        return render(own);
      });
      return new QueryTemplate(query, regexp, renders);
    } catch (error) {
      return problemOf(error);
    }
  }

  /** The query that a name stands for; `segment` is the asking agent's. */
  render(name: string, segment: string): PreparedQuery | TemplateProblem {
    const query = this.#query;
    const scope = scopeOf({ query, regexp: this.#regexp }, name, segment);
    try {
      const Service = mapTexts(query.Service, (path, text) => this.#renders.get(path)?.(scope) ?? text);
      if (!query.Template.RemoveEmptyTags) return { ...query, Service };
      return { ...query, Service: { ...Service, Tags: (Service.Tags ?? []).filter((tag) => tag !== "") } };
    } catch (error) {
      return problemOf(error);
    }
  }
}

/** What `run` answers; a refusal of it carries `where` before its text. */
function told<T>(where: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof HilError) throw new HilError(`${where}: ${error.message}`);
    throw error;
  }
}

function problemOf(error: unknown): TemplateProblem {
  if (error instanceof HilError) return new TemplateProblem(error.message);
  throw error;
}

function scopeOf(
  { query, regexp }: { readonly query: PreparedQuery; readonly regexp: SubmatchRegexp | undefined },
  name: string,
  segment: string,
): HilScope {
  const prefix = query.Name;
  const variables: Readonly<Record<string, string>> = {
    "name.full": name,
    "name.prefix": prefix,
    // Names are found without regard to case, but only what is spelled alike is cut off.
    "name.suffix": name.startsWith(prefix) ? name.slice(prefix.length) : name,
    "agent.segment": segment,
  };
  let matches: readonly string[] | undefined;
  return {
    variable: (variable) => variables[variable] ?? "",
    call: (_, group) => (matches ??= regexp?.match(name) ?? [])[Number(group)] ?? "",
  };
}

/** The same with each text replaced by what `visit` makes of it, in the order of the fields. */
function mapTexts(service: ServiceQuery, visit: (path: string, text: string) => string): ServiceQuery {
  const each = (path: string, texts: readonly string[] | null): readonly string[] | null =>
    texts?.map((text, index) => visit(`${path}[${index}]`, text)) ?? null;
  const pairs = (path: string, meta: ServiceQuery["NodeMeta"]): ServiceQuery["NodeMeta"] =>
    meta === null
      ? null
      : Object.fromEntries(
          Object.keys(meta)
            .sort()
            .map((key) => [key, visit(`${path}[${key}]`, meta[key] ?? "")]),
        );
  // Evaluated from first to last.
  return {
    ...service,
    Service: visit(".Service", service.Service),
    SamenessGroup: visit(".SamenessGroup", service.SamenessGroup),
    Failover: {
      ...service.Failover,
      Datacenters: each(".Failover.Datacenters", service.Failover.Datacenters),
      Targets:
        service.Failover.Targets?.map((target, index) => ({
          Peer: visit(`.Failover.Targets[${index}].Peer`, target.Peer),
          Datacenter: visit(`.Failover.Targets[${index}].Datacenter`, target.Datacenter),
        })) ?? null,
    },
    IgnoreCheckIDs: each(".IgnoreCheckIDs", service.IgnoreCheckIDs),
    Near: visit(".Near", service.Near),
    Tags: each(".Tags", service.Tags),
    NodeMeta: pairs(".NodeMeta", service.NodeMeta),
    ServiceMeta: pairs(".ServiceMeta", service.ServiceMeta),
    Peer: visit(".Peer", service.Peer),
  };
}
