/**
 * The shape of the key tables (`keys-*.ts`), from which everything about a key derives: the check of
 * configuration files, defaults, flags and their help, reloading, `/v1/agent/self` and the reference page.
 */

/**
 * The JSON form of a key. `duration` is a string with a Go duration, `map` an object of strings, `object`
 * any object, `objects` a list of any objects; `service`, `services`, `check` and `checks` are definitions.
 */
export type KeyType =
  | "string"
  | "duration"
  | "bool"
  | "int"
  | "uint"
  | "float"
  | "strings"
  | "map"
  | "object"
  | "objects"
  | "service"
  | "services"
  | "check"
  | "checks";

/**
 * When a change takes effect: at the next `reload`, at the next `restart`, or never (`internal`: the key is
 * accepted, as the reference does, but the program sets the value).
 */
export type KeyReload = "reload" | "restart" | "internal";

/** No default: the key is absent until someone sets it. */
export const unset = undefined;

/** The default of a key, in the JSON form that a file would use. */
export type KeyDefault =
  | typeof unset
  | string
  | number
  | boolean
  | readonly []
  | Readonly<Record<string, never>>;

/**
 * One key: path, JSON form, default, when a change takes effect, its name in the `DebugConfig` of
 * `/v1/agent/self` ("" if it has none of its own), what it means, and its flag if it has one.
 * In a path `[]` is every element of a list and `<name>` every key of an object.
 */
export type KeyRow = readonly [
  path: string,
  type: KeyType,
  defaultValue: KeyDefault,
  reload: KeyReload,
  debugName: string,
  help: string,
  flag?: string,
];
