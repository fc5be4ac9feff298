/**
 * Hides secrets in the JSON of a configuration. By name, as the reference does: whatever is called a key, a
 * token or a secret, so that a secret added later is hidden before anyone thinks of it.
 */
import type { SettingValue } from "./settings.ts";
import { isList, isTree } from "./go-text.ts";

const hidden = "hidden";

function isSecret(name: string): boolean {
  // A place, a file name and times to live are no secrets themselves.
  if (name === "TokenLocality" || name === "IntroTokenFile" || name.endsWith("TTL")) return false;
  return /key|token|secret/iu.test(name);
}

/** "provider=aws secret_key=x" loses the values of its secret words. */
function redactJoin(text: string): string {
  const words = text.split(/\s+/u).filter((word) => word !== "");
  return words.map((word) => (isSecret(word) ? `${word.split("=", 1)[0]}=${hidden}` : word)).join(" ");
}

/** `value`, found under `name`, with every secret text replaced by "hidden". */
export function redacted(name: string, value: SettingValue): SettingValue {
  if (typeof value === "string") {
    if (/^RetryJoin[LW]AN$/u.test(name)) return redactJoin(value);
    return isSecret(name) ? hidden : value;
  }
  if (isList(value)) {
    if (name === "AddHeaders") {
      return value.map((header) => (isTree(header) ? { ...header, Value: hidden } : hidden));
    }
    return value.map((item) => redacted(name, item));
  }
  if (!isTree(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, redacted(key, item)]));
}
