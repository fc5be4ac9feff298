/**
 * What `bin/proconsul` sets in the environment for the runtime alone is taken out again, so that the programs of
 * checks and watches, and what a command runs, get the environment that the operator gave.
 */
export function forgetRuntimeSettings(environment: NodeJS.ProcessEnv): void {
  for (const name of (environment[ownNames] ?? "").split(" ")) {
    if (name !== "") delete environment[name];
  }
  delete environment[ownNames];
}

/** Names of variables that the launcher has set, with spaces between them. */
const ownNames = "PROCONSUL_RUNTIME_SETTINGS";
