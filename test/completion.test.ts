/** `-autocomplete-install`, and then real shells that complete: bash and zsh on a terminal, fish by its own command. */
import { expect, test } from "bun:test";
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const launcher = join(import.meta.dirname, "../bin/proconsul");
const slowMs = 60_000;

/** Whether all programs are there; tells what is skipped otherwise. */
function have(...programs: readonly string[]): boolean {
  const missing = programs.filter((name) => Bun.which(name) === null);
  if (missing.length > 0) console.log(`skipped: ${missing.join(", ")} not found`);
  return missing.length === 0;
}

interface Home extends Disposable {
  readonly env: Readonly<Record<string, string>>;
}

/** A home folder in which the three shells are set up and told of this program. */
function installedHome(): Home {
  const home = mkdtempSync(join(tmpdir(), "completion-"));
  for (const file of [".bashrc", ".zshrc"]) writeFileSync(join(home, file), "");
  mkdirSync(join(home, ".config/fish"), { recursive: true });
  const path = `${dirname(launcher)}:${process.env["PATH"] ?? ""}`;
  const env = { HOME: home, ZDOTDIR: home, XDG_CONFIG_HOME: "", PATH: path, TERM: "dumb" };
  execFileSync(launcher, ["-autocomplete-install"], { env });
  return { env, [Symbol.dispose]: () => rmSync(home, { recursive: true, force: true }) };
}

/** A shell on a terminal of its own. */
class Terminal implements Disposable {
  readonly #child: ReturnType<typeof spawn>;
  #text = "";
  #changed: () => void = () => undefined;

  constructor(command: string, env: Readonly<Record<string, string>>) {
    this.#child = spawn("script", ["-qfec", command, "/dev/null"], { env: { ...env }, stdio: "pipe" });
    this.#child.stdout?.setEncoding("utf8").on("data", (piece: string) => {
      this.#text += piece;
      this.#changed();
    });
  }

  type(keys: string): void {
    this.#child.stdin?.write(keys);
  }

  /** Settles when `pattern` has appeared since the last call; the test's own limit ends it otherwise. */
  async until(pattern: RegExp): Promise<void> {
    for (;;) {
      const found = pattern.exec(this.#text);
      if (found !== null) {
        this.#text = this.#text.slice(found.index + found[0].length);
        return;
      }
      await new Promise<void>((resolve) => (this.#changed = resolve));
    }
  }

  [Symbol.dispose](): void {
    this.#child.kill("SIGKILL");
  }
}

const clearLine = "\x15";
const tab = "\t";

test.skipIf(!have("script")).each([
  ["bash", "bash --noprofile -i"],
  ["zsh", "zsh -i"],
])(
  "%s",
  async (shell, command) => {
    if (!have(shell)) return;
    using home = installedHome();
    using terminal = new Terminal(command, home.env);
    terminal.type("echo rea''dy\n");
    await terminal.until(/\nready/u);
    terminal.type(`proconsul operator ra${tab}`);
    await terminal.until(/operator raft/u);
    terminal.type(`${clearLine}proconsul relo${tab}`);
    await terminal.until(/proconsul reload/u);
    terminal.type(`${clearLine}proconsul kv ${tab}${tab}`);
    await terminal.until(/delete +export +get +import +put/u);
    terminal.type(`${clearLine}proconsul kv get -rec${tab}`);
    await terminal.until(/get -recurse/u);
  },
  slowMs,
);

test.skipIf(!have("fish"))(
  "fish",
  () => {
    using home = installedHome();
    const words = (line: string): readonly string[] =>
      execFileSync("fish", ["-c", `complete -C '${line}'`], { env: home.env, encoding: "utf8" })
        .split("\n")
        .filter(Boolean);
    expect(words("proconsul operator ra")).toEqual(["raft"]);
    expect(words("proconsul kv ")).toEqual(["delete", "export", "get", "import", "put"]);
    expect(words("proconsul kv get -rec")).toEqual(["-recurse"]);
    expect(words("proconsul nosuch ")).toEqual([]);
  },
  slowMs,
);
