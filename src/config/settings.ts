/**
 * Merged settings by key path: what files, flags and defaults say, before meaning is given to it.
 */

/** A JSON value as configuration files hold it. */
export type SettingValue =
  | string
  | number
  | boolean
  | null
  | readonly SettingValue[]
  | { readonly [key: string]: SettingValue };

/** A tree of settings in the shape of a configuration file. */
export type SettingTree = { readonly [key: string]: SettingValue };

/** Every accepted key with its merged value; a key that was never set and has no default is absent. */
export interface Settings {
  readonly tree: SettingTree;
}
