import { describe, expect, test } from "bun:test";
import { runFake } from "./fake-host.ts";

async function completions(line: string, point?: number): Promise<readonly string[]> {
  const env = { COMP_LINE: line, ...(point === undefined ? {} : { COMP_POINT: String(point) }) };
  const { exit, stdout } = await runFake(["whatever", "the", "shell", "gives"], { env });
  expect(exit).toBe(0);
  return stdout.split("\n").filter(Boolean);
}

describe("what may follow", () => {
  test.each([
    ["consul operator raft ", ["list-peers", "remove-peer", "transfer-leader"]],
    ["consul operator ra", ["raft"]],
    ["consul kv g", ["get"]],
    ["proconsul relo", ["reload"]],
    ["consul -aut", ["-autocomplete-install", "-autocomplete-uninstall"]],
    ["consul --ver", ["--version"]],
    ["consul kv get -k", ["-keys"]],
    ["consul kv get --rec", ["--recurse"]],
    ["consul kv get -stale some/k", []],
    ["consul kv get some/key ", []],
    ["consul nosuch ", []],
    ["consul nosuch -x", []],
    ["consul keygen ", []],
    ["consul agent -help", ["-help"]],
  ])("%j", async (line, words) => {
    expect(await completions(line)).toEqual(words);
  });

  test("the first word is any command", async () => {
    const words = await completions("consul ");
    expect(words).toContain("lock");
    expect(words.length).toBeGreaterThan(25);
  });

  test("what stands behind the cursor does not count", async () => {
    expect(await completions("consul kv ge some/key", "consul kv ge".length)).toEqual(["get"]);
  });
});

async function install(
  flags: readonly string[],
  files: Readonly<Record<string, string>>,
  folders: readonly string[] = [],
): Promise<{ exit: number; stderr: string; files: Readonly<Record<string, string>> }> {
  const outcome = await runFake(flags, { env: { HOME: "/h" }, files, folders });
  const texts = [...outcome.files].map(([path, bytes]) => [path, new TextDecoder().decode(bytes)]);
  return {
    exit: outcome.exit,
    stderr: outcome.stderr,
    files: Object.fromEntries(texts) as Record<string, string>,
  };
}

describe("-autocomplete-install", () => {
  const bash = "complete -C /usr/bin/proconsul proconsul";
  const zsh = "complete -o nospace -C /usr/bin/proconsul proconsul";
  const setup =
    "(( $+functions[compdef] )) || { autoload -U compinit && compinit -i }\n" +
    "autoload -U +X bashcompinit && bashcompinit\n";

  test("adds a line for each shell that is set up; -autocomplete-uninstall takes it out", async () => {
    const before = { "/h/.bashrc": "a\n", "/h/.profile": "p\n", "/h/.zshrc": "z\n" };
    const installed = await install(["-autocomplete-install"], before, ["/h/.config/fish"]);
    expect(installed).toMatchObject({ exit: 0, stderr: "" });
    const fish = "/h/.config/fish/completions/proconsul.fish";
    expect(installed.files).toEqual({
      "/h/.bashrc": `a\n\n${bash}\n`,
      "/h/.profile": "p\n",
      "/h/.zshrc": `z\n\n${setup}${zsh}\n`,
      [fish]: expect.stringContaining("complete -f -c proconsul -a"),
    } as never);
    const again = await install(["-autocomplete-install"], installed.files);
    expect(again.exit).toBe(1);
    expect(again.stderr).toStartWith("Error executing CLI: already installed in /h/.bashrc; ");
    const removed = await install(["--autocomplete-uninstall"], installed.files);
    expect(removed).toEqual({
      exit: 0,
      stderr: "",
      files: {
        "/h/.bashrc": "a\n\n",
        "/h/.profile": "p\n",
        "/h/.zshrc": `z\n\n${setup}`,
      },
    });
    expect((await install(["-autocomplete-uninstall"], removed.files)).stderr).toBe(
      "Error executing CLI: not installed in /h/.bashrc; not installed in /h/.zshrc\n",
    );
  });

  test.each([
    [
      ["-autocomplete-install", "-autocomplete-uninstall"],
      "Either the autocomplete install or uninstall flag may be specified, but not both.",
    ],
    [["-autocomplete-install"], "Did not find any shells to install"],
  ])("%j fails", async (flags, text) => {
    expect(await install(flags, {})).toMatchObject({ exit: 1, stderr: `Error executing CLI: ${text}\n` });
  });
});
