import description from "../../package.json" with { type: "json" };

/** What this program says about itself. */
export interface BuildInfo {
  /** The product's own version, as in package.json. */
  readonly version: string;
  /** The version of the reference whose behaviour is offered; clients gate features on it. */
  readonly compatibleVersion: string;
  /** The commit that was built, or empty when the sources run as they are. */
  readonly revision: string;
  /** When that commit was made, in RFC 3339, or empty; not when the build ran, so that builds are alike. */
  readonly buildDate: string;
  /** What runs it, for example `bun 1.4.5` or `node 20.20.2`. */
  readonly runtime: string;
}

// Put in by tools/build.ts; absent when the sources run as they are.
declare const PROCONSUL_REVISION: string | undefined;
declare const PROCONSUL_BUILD_DATE: string | undefined;

/** Reads what the build left in the program and which runtime it is on. */
export function buildInfo(): BuildInfo {
  return {
    version: description.version,
    compatibleVersion: "1.16.4",
    revision: typeof PROCONSUL_REVISION === "string" ? PROCONSUL_REVISION : "",
    buildDate: typeof PROCONSUL_BUILD_DATE === "string" ? PROCONSUL_BUILD_DATE : "",
    runtime:
      process.versions.bun === undefined ? `node ${process.versions.node}` : `bun ${process.versions.bun}`,
  };
}
