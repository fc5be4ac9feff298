/** The page `docs/configuration.md`, made from the key tables so that it cannot fall behind. */
import { agentFlags } from "./agent-flags.ts";
import { isIdleKey } from "./idle-keys.ts";
import type { KeyRow } from "./key-row.ts";
import { checkFields, proxyFields, serviceFields, type FieldRow } from "./keys-definitions.ts";
import { deprecatedKeys } from "./keys-deprecated.ts";
import { keyGroups } from "./keys.ts";

const introduction = `# Configuration

<!-- Made from src/config by \`UPDATE_DOCS=1 bun test src/config/reference-page.test.ts\`. Do not edit. -->

An agent reads its configuration from files, then from flags. Start one for development, or check files
before a restart:

\`\`\`sh
proconsul agent -dev
proconsul agent -server -bootstrap-expect=3 -data-dir=/var/lib/proconsul -config-dir=/etc/proconsul.d
proconsul validate /etc/proconsul.d
\`\`\`

A file is a JSON object:

\`\`\`json
{
  "node_name": "web-1",
  "data_dir": "/var/lib/proconsul",
  "retry_join": ["10.0.0.1", "10.0.0.2"],
  "service": { "name": "web", "port": 80, "check": { "http": "http://localhost/health", "interval": "10s" } }
}
\`\`\`

## How sources are merged

1. Defaults, and the development preset with \`-dev\`.
2. Lists from flags (\`-retry-join\`, \`-recursor\`, …).
3. Files in the order of \`-config-file\` and \`-config-dir\`; a directory gives its \`.hcl\` and \`.json\` files in
   the order of their names, without those of sub-directories.
4. All other flags.
5. \`-hcl\` fragments.

Later values replace earlier ones; lists are joined; objects are merged key by key. \`service\` and \`check\` are
added to \`services\` and \`checks\`. An empty file counts as \`{}\`, \`null\` as absent. Names are matched without regard to
case. Types are strict: a port is a number, not a text. An unknown key is an error. Durations are texts such as
\`"10s"\`, \`"1h30m"\`. Relative paths start at the working directory. Files are HCL (version 1) or JSON. Keys that take
addresses, and the lists to join, take address templates as well: \`{{ GetPrivateIP }}\`, or
\`{{ GetAllInterfaces | include "network" "10.0.0.0/8" | attr "address" }}\`.

"Reload" tells whether \`proconsul reload\` (or SIGHUP) takes a change over; all other keys wait for a restart.
"Fixed" keys are accepted, as in the reference, but the program sets their values. Keys marked "no effect" are accepted
and checked, and nothing goes by them in this version; an agent that is given one says so in its log.

## The development preset

\`-dev\` starts a server alone in memory: \`bind_addr\` 127.0.0.1, \`ui_config.enabled\`, \`enable_debug\`, \`log_level\` DEBUG,
\`ports.grpc\` 8502, \`performance.raft_multiplier\` 1, quick gossip, and no data directory. Files and flags still
come after it.
`;

function cell(text: string): string {
  return text.replaceAll("|", String.raw`\|`);
}

function defaultText(value: KeyRow[2]): string {
  if (value === undefined || value === "") return "";
  return `\`${typeof value === "string" ? value : JSON.stringify(value)}\``;
}

const reloadTexts = { reload: "yes", restart: "no", internal: "fixed" } as const;

function keyTable(rows: readonly KeyRow[]): string {
  const lines = rows.map(([path, type, value, reload, , help, flag]) => {
    const cells = [
      `\`${path}\``,
      type,
      defaultText(value),
      reload !== "internal" && isIdleKey(path) ? "no effect" : reloadTexts[reload],
      flag === undefined ? "" : `\`-${flag}\``,
      cell(help),
    ];
    return `| ${cells.join(" | ")} |`;
  });
  return `| Key | Type | Default | Reload | Flag | Meaning |\n|---|---|---|---|---|---|\n${lines.join("\n")}\n`;
}

function fieldTable(rows: readonly FieldRow[]): string {
  const lines = rows.map(([path, type, apiName]) => `| \`${path}\` | ${type} | \`${apiName}\` |`);
  return `| Field | Type | In the HTTP API |\n|---|---|---|\n${lines.join("\n")}\n`;
}

function ownFlagTable(): string {
  const withKey = new Set(keyGroups.flatMap((group) => group.rows.map((row) => row[6])));
  const lines = agentFlags
    .filter((flag) => !withKey.has(flag.name))
    .map((flag) => `| \`-${flag.name}\` | ${cell(flag.help)} |`);
  return `| Flag | Meaning |\n|---|---|\n${lines.join("\n")}\n`;
}

/** The whole page. */
export function referencePage(): string {
  const groups = keyGroups.map((group) => `## ${group.title}\n\n${keyTable(group.rows)}`);
  const old = deprecatedKeys.map(([path, , today]) => {
    return `| \`${path}\` | ${today === "" ? "(ignored)" : `\`${today}\``} |`;
  });
  return [
    introduction,
    `## Flags without a key\n\nOne dash or two; \`-flag value\` or \`-flag=value\`; booleans as \`-flag\` or \`-flag=false\`.\n\n${ownFlagTable()}`,
    ...groups,
    `## Services\n\n\`check\` and \`checks\` hold checks, \`connect.sidecar_service\` a service.\n\n${fieldTable(serviceFields)}`,
    `### Proxies of services\n\nBelow \`proxy\`.\n\n${fieldTable(proxyFields)}`,
    `## Checks\n\n${fieldTable(checkFields)}`,
    `## Old names\n\nStill accepted, with a warning.\n\n| Old key | Key of today |\n|---|---|\n${old.join("\n")}\n`,
  ].join("\n");
}
