/** Reads merged settings into numbers, with a problem on record for each text that is no good. */
import { DecodeError } from "../lib/errors.ts";
import { quoteGo } from "../lib/go-quote.ts";
import { parseGoDurationMs } from "../lib/go-duration.ts";
import { parseCidr, renderCidr } from "../lib/ip.ts";
import type { KeyPath } from "./keys.ts";
import type { Problems } from "./problems.ts";
import type { Settings } from "./settings.ts";
import { expandAddressTemplate } from "./address-template.ts";
import type { HostNetwork } from "./address/host-network.ts";
import { AddressTemplateError } from "./address/template-error.ts";

/** What the builders of the configuration's parts share. */
export interface BuildContext {
  readonly settings: Settings;
  readonly problems: Problems;
  /** Where the values of address templates come from. */
  readonly network: HostNetwork;
}

/** A text with its address templates expanded; `undefined` if that fails, which is then on record. */
export function expandAddress(
  { problems, network }: BuildContext,
  path: string,
  text: string,
): string | undefined {
  try {
    return expandAddressTemplate(text, network);
  } catch (error) {
    if (!(error instanceof AddressTemplateError)) throw error;
    problems.add(`${path}: error parsing ${quoteGo(text)}: ${error.message}`);
    return undefined;
  }
}

/** Names in messages where the reference does not use the key's path. */
const messageNames: Readonly<Record<string, string>> = {
  "telemetry.prometheus_retention_time": "prometheus_retention_time",
  "dns_config.recursor_timeout": "recursor_timeout",
};

function messageName(path: string): string {
  return messageNames[path] ?? path.replace(/^(gossip_[lw]an)\./u, "$1..");
}

/** Milliseconds of a duration text; 0 for one that is absent or bad, which is then on record as `name`. */
export function readDurationMs(problems: Problems, text: string | undefined, name: string): number {
  if (text === undefined) return 0;
  try {
    return parseGoDurationMs(text);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    problems.add(`${name}: invalid duration: ${JSON.stringify(text)}: ${error.message}`);
    return 0;
  }
}

/** Milliseconds of a duration key; 0 if it is unset or bad. */
export function durationMs(context: BuildContext, path: KeyPath<"duration">): number {
  return readDurationMs(context.problems, context.settings.text(path), messageName(path));
}

/** Milliseconds of a duration key, with a problem on record if it is below `minText`. */
export function durationMsFrom(context: BuildContext, path: KeyPath<"duration">, minText: string): number {
  // A text that is no good counts as 0: then both is told, as the reference does.
  const ms = durationMs(context, path);
  if (ms < parseGoDurationMs(minText)) {
    const text = context.settings.text(path) ?? "0s";
    context.problems.add(`${path}: duration '${text}' cannot be less than: ${minText}`);
  }
  return ms;
}

/** The port of a key, or `undefined` if it is switched off (0 or below) or unset. */
export function portAt(context: BuildContext, path: KeyPath<"int">): number | undefined {
  const port = context.settings.number(path) ?? -1;
  if (port <= 0) return undefined;
  if (port > 65_535) context.problems.add(`${path}: invalid port: ${port}`);
  return port;
}

/** Networks in their usual form. `name` is the key as the reference's message has it. */
export function readCidrs(problems: Problems, texts: readonly string[], name: string): readonly string[] {
  return texts.flatMap((text) => {
    const network = parseCidr(text.trim());
    if (network !== undefined) return [renderCidr(network)];
    problems.add(`${name}: invalid cidr: ${text}`);
    return [];
  });
}

/** `undefined` for "" and for an unset text. */
export function filled(text: string | undefined): string | undefined {
  return text === "" ? undefined : text;
}

/** `undefined` for 0 and below, where the reference means "no limit". */
export function limit(value: number | undefined): number | undefined {
  return value === undefined || value <= 0 ? undefined : value;
}

/** `undefined` for a negative rate, where the reference means "no limit". */
export function rate(value: number | undefined): number | undefined {
  return value === undefined || value < 0 ? undefined : value;
}
