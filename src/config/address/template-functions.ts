/** The functions of address templates: those of go-sockaddr, and what of Go's own is of use with them. */
import { quoteGoAscii } from "../../lib/go-quote.ts";
import {
  allInterfaces,
  defaultInterfaces,
  firstAddress,
  interfaceIp,
  interfaceIps,
  privateInterfaces,
  privateIps,
  publicInterfaces,
  publicIps,
} from "./host-addresses.ts";
import type { HostNetwork } from "./host-network.ts";
import { ifAttribute, type IfAddr } from "./if-addr.ts";
import { ifSelector } from "./if-filters.ts";
import { ifMath } from "./if-math.ts";
import { sortIfs } from "./if-sort.ts";
import { renderSocketAddress } from "./socket-address.ts";
import { AddressTemplateError } from "./template-error.ts";
import {
  attributeOf,
  isList,
  isTrue,
  renderValue,
  typeName,
  type TemplateFunction,
  type Value,
} from "./template-values.ts";

function text(value: Value): string {
  return typeof value === "string" ? value : "";
}
function list(value: Value): readonly IfAddr[] {
  return isList(value) ? value : [];
}
function integer(value: Value): number {
  return typeof value === "number" ? value : 0;
}

function uniqueBy(selector: string, sorted: readonly IfAddr[]): readonly IfAddr[] {
  const name = selector.toLowerCase();
  if (name !== "address" && name !== "name") {
    // The reference looks at the name only when there is something to compare.
    if (sorted.length === 0) return sorted;
    throw new AddressTemplateError(`unsupported unique constraint ${quoteGoAscii(selector)}`);
  }
  const key = ({ socket, interface: own }: IfAddr): string =>
    name === "name" ? own.name : renderSocketAddress(socket);
  return sorted.filter((one, at) => {
    const previous = sorted[at - 1];
    return previous === undefined || key(previous) !== key(one);
  });
}

function offset(by: number, addresses: readonly IfAddr[]): readonly IfAddr[] {
  if (Math.abs(by) > addresses.length) {
    throw new AddressTemplateError(
      `unable to seek past the end of the interface array: offset (${Math.abs(by)}) exceeds the number of interfaces (${addresses.length})`,
    );
  }
  return by < 0 ? addresses.slice(addresses.length + by) : addresses.slice(by);
}

type Functions = Readonly<Record<string, TemplateFunction>>;

function sources(host: HostNetwork): Functions {
  const none = (run: () => Value): TemplateFunction => ({ parameters: [], run });
  const byName = (run: (name: string) => Value): TemplateFunction => ({
    parameters: ["string"],
    run: ([name]) => run(text(name)),
  });
  return {
    GetAllInterfaces: none(() => allInterfaces(host)),
    GetDefaultInterfaces: none(() => defaultInterfaces(host)),
    GetPrivateInterfaces: none(() => privateInterfaces(host)),
    GetPublicInterfaces: none(() => publicInterfaces(host)),
    GetPrivateIP: none(() => firstAddress(privateInterfaces(host))),
    GetPrivateIPs: none(() => privateIps(host)),
    GetPublicIP: none(() => firstAddress(publicInterfaces(host))),
    GetPublicIPs: none(() => publicIps(host)),
    GetInterfaceIP: byName((name) => interfaceIp(host, name)),
    GetInterfaceIPs: byName((name) => interfaceIps(host, name)),
  };
}

function listFunctions(host: HostNetwork): Functions {
  return {
    include: {
      parameters: ["string", "string", "addresses"],
      run: ([name, parameter, from]) =>
        ifSelector("include", text(name))(text(parameter), list(from)).matched,
    },
    exclude: {
      parameters: ["string", "string", "addresses"],
      run: ([name, parameter, from]) => ifSelector("exclude", text(name))(text(parameter), list(from)).rest,
    },
    sort: {
      parameters: ["string", "addresses"],
      run: ([by, from]) => sortIfs(text(by), list(from), host),
    },
    unique: {
      parameters: ["string", "addresses"],
      run: ([by, from]) => uniqueBy(text(by), list(from)),
    },
    limit: {
      parameters: ["uint", "addresses"],
      run: ([count, from]) => list(from).slice(0, integer(count)),
    },
    offset: { parameters: ["int", "addresses"], run: ([by, from]) => offset(integer(by), list(from)) },
    join: {
      parameters: ["string", "string", "addresses"],
      run: ([selector, by, from]) =>
        list(from)
          .map((one) => ifAttribute(one, text(selector)))
          .join(text(by)),
    },
    attr: { parameters: ["string", "any"], run: ([selector, from]) => attributeOf(text(selector), from) },
    math: {
      parameters: ["string", "string", "addresses"],
      run: ([name, value, from]) => ifMath({ name: text(name), value: text(value) }, list(from)),
    },
  };
}

function lengthOf(value: Value): number {
  if (isList(value)) return value.length;
  if (typeof value === "string") return new TextEncoder().encode(value).length;
  throw new AddressTemplateError(`len of type ${typeName(value)}`);
}

function element(of: Value, at: number): Value {
  if (!isList(of)) throw new AddressTemplateError(`can't index item of type ${typeName(of)}`);
  if (at < 0 || at >= of.length) throw new AddressTemplateError(`index out of range: ${at}`);
  return of[at];
}

function isEqual(a: Value, b: Value): boolean {
  if (typeName(a) !== typeName(b)) {
    throw new AddressTemplateError(`incompatible types for comparison: ${typeName(a)} and ${typeName(b)}`);
  }
  if (typeof a === "object") throw new AddressTemplateError("non-comparable types for comparison");
  return a === b;
}

const builtins: Functions = {
  and: {
    parameters: ["any"],
    rest: "any",
    run: (values) => values.find((one) => !isTrue(one)) ?? values.at(-1),
  },
  or: { parameters: ["any"], rest: "any", run: (values) => values.find(isTrue) ?? values.at(-1) },
  not: { parameters: ["any"], run: ([value]) => !isTrue(value) },
  len: { parameters: ["any"], run: ([value]) => lengthOf(value) },
  index: { parameters: ["any", "int"], run: ([of, at]) => element(of, integer(at)) },
  eq: {
    parameters: ["any", "any"],
    rest: "any",
    run: ([first, ...others]) => others.some((one) => isEqual(first, one)),
  },
  ne: { parameters: ["any", "any"], run: ([a, b]) => !isEqual(a, b) },
  print: { parameters: [], rest: "any", run: (values) => values.map(renderValue).join("") },
};

/** Every function, for a host. */
export function templateFunctions(host: HostNetwork): ReadonlyMap<string, TemplateFunction> {
  return new Map(Object.entries({ ...builtins, ...sources(host), ...listFunctions(host) }));
}
