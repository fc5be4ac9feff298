/**
 * Tells the user's shells to ask this program for completions, and takes it back.
 *
 * bash and zsh get a line at the end of their startup file, fish a file of its own; only shells that the
 * user has set up are touched. A shell that is open keeps what it knows.
 */
import { FileError } from "../lib/file-error.ts";
import type { CliHost } from "./host.ts";

/** One shell that can be told. */
interface Shell {
  /** The file that is changed. */
  readonly path: string;
  readonly isInstalled: () => Promise<boolean>;
  readonly install: () => Promise<void>;
  readonly uninstall: () => Promise<void>;
}

const bashFiles = [".bashrc", ".bash_profile", ".bash_login", ".profile"];
/** zsh imitates bash's `complete` by its own completion, which a bare zsh has not loaded. */
const zshSetup = [
  "(( $+functions[compdef] )) || { autoload -U compinit && compinit -i }",
  "autoload -U +X bashcompinit && bashcompinit",
];
const plainPath = /^[\w@%+=:,./-]+$/u;

/** Installs or uninstalls. Returns the exit code. */
export async function changeCompletion(
  host: CliHost,
  wanted: { readonly install: boolean; readonly uninstall: boolean },
): Promise<number> {
  const fail = (text: string): number => {
    host.stderr.write(`Error executing CLI: ${text}\n`);
    return 1;
  };
  if (wanted.install && wanted.uninstall) {
    return fail("Either the autocomplete install or uninstall flag may be specified, but not both.");
  }
  const shells = await findShells(host);
  if (shells.length === 0) {
    return fail(`Did not find any shells to ${wanted.install ? "install" : "uninstall"}`);
  }
  const problems: string[] = [];
  for (const shell of shells) {
    const problem = await changeShell(shell, wanted.install);
    if (problem !== undefined) problems.push(problem);
  }
  return problems.length === 0 ? 0 : fail(problems.join("; "));
}

async function changeShell(shell: Shell, install: boolean): Promise<string | undefined> {
  try {
    const isInstalled = await shell.isInstalled();
    if (install && isInstalled) return `already installed in ${shell.path}`;
    if (!install && !isInstalled) return `not installed in ${shell.path}`;
    await (install ? shell.install() : shell.uninstall());
    return undefined;
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    return error.message;
  }
}

async function findShells(host: CliHost): Promise<readonly Shell[]> {
  const home = host.env["HOME"] ?? "";
  if (home === "") return [];
  const { files, programName: name } = host;
  const program = plainPath.test(host.programPath)
    ? host.programPath
    : `'${host.programPath.replaceAll("'", `'\\''`)}'`;
  const shells: Shell[] = [];
  for (const file of bashFiles) {
    const path = `${home}/${file}`;
    if (!(await files.exists(path))) continue;
    shells.push(startupFile(host, { path, line: `complete -C ${program} ${name}`, setup: [] }));
    break;
  }
  const zshPath = `${home}/.zshrc`;
  if (await files.exists(zshPath)) {
    const line = `complete -o nospace -C ${program} ${name}`;
    shells.push(startupFile(host, { path: zshPath, line, setup: zshSetup }));
  }
  const configured = host.env["XDG_CONFIG_HOME"] ?? "";
  const fishFolder = `${configured === "" ? `${home}/.config` : configured}/fish`;
  if (await files.exists(fishFolder)) shells.push(fish(host, fishFolder, program));
  return shells;
}

function startupFile(
  { files }: CliHost,
  change: { readonly path: string; readonly line: string; readonly setup: readonly string[] },
): Shell {
  const { path, line, setup } = change;
  const lines = async (): Promise<readonly string[]> =>
    new TextDecoder().decode(await files.read(path)).split("\n");
  return {
    path,
    isInstalled: async () => (await lines()).includes(line),
    install: async () => {
      const there = await lines();
      const missing = setup.filter((one) => !there.includes(one));
      await files.append(path, `\n${[...missing, line].join("\n")}\n`);
    },
    uninstall: async () => {
      const kept = (await lines()).filter((one) => one !== line);
      await files.write(path, chunk(kept.join("\n")));
    },
  };
}

/** A function that asks with the line up to the cursor; a blank at its end means that a new word begins. */
function fish({ files, programName: name }: CliHost, folder: string, program: string): Shell {
  const path = `${folder}/completions/${name}.fish`;
  const script = `function __complete_${name}
    set -lx COMP_LINE (commandline -cp)
    test -z (commandline -ct)
    and set COMP_LINE "$COMP_LINE "
    ${program}
end
complete -f -c ${name} -a "(__complete_${name})"
`;
  return {
    path,
    isInstalled: () => files.exists(path),
    install: async () => {
      await files.makeFolder(`${folder}/completions`);
      await files.write(path, chunk(script));
    },
    uninstall: () => files.remove(path),
  };
}

async function* chunk(text: string): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode(text);
}
