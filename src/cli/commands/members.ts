/** Lists the members of the gossip pool. */
import { agentMembers, type AgentMember } from "../../client/agent.ts";
import { clientFlags, connect, partitionFlag } from "../client-flags.ts";
import { renderTable } from "../columns.ts";
import { defineCommand, orFail } from "../command.ts";
import { boolFlag, stringFlag } from "../flag-set.ts";
import { compileRegexp } from "../go-regexp.ts";

/** Asks for the members of every segment. */
const allSegments = "_all";
const exitWithoutMembers = 2;
const statusNames = ["none", "alive", "leaving", "left", "failed"] as const;

function statusName(member: AgentMember): string {
  return statusNames[member.Status] ?? "unknown";
}

function address(member: AgentMember): string {
  return member.Addr.includes(":") ? `[${member.Addr}]:${member.Port}` : `${member.Addr}:${member.Port}`;
}

/** Tags as shown: partition and segment have names where the agent leaves them empty. */
function withTenancy(member: AgentMember, segment: string): AgentMember {
  const partition = member.Tags["ap"] ?? "";
  const shown: Record<string, string> = { ...member.Tags, ap: partition === "" ? "default" : partition };
  if (shown["ap"] !== "default") shown["segment"] = "";
  else if (segment === allSegments && member.Tags["role"] === "consul") shown["segment"] = "<all>";
  else if ((member.Tags["segment"] ?? "") === "") shown["segment"] = "<default>";
  return { ...member, Tags: shown };
}

/** Servers first, then the default partition, then by segment, partition and name. */
function sortKey(member: AgentMember): readonly string[] {
  const partition = member.Tags["ap"] ?? "";
  return [
    member.Tags["role"] === "consul" ? "0" : "1",
    partition === "default" ? "0" : "1",
    member.Tags["segment"] ?? "",
    partition,
    member.Name,
  ];
}

function compareKeys(a: readonly string[], b: readonly string[]): number {
  const at = a.findIndex((part, i) => part !== b[i]);
  if (at < 0) return 0;
  return (a[at] ?? "") < (b[at] ?? "") ? -1 : 1;
}

function standardRow(member: AgentMember): readonly string[] {
  const { Tags: tags } = member;
  const start = [member.Name, address(member), statusName(member)];
  const type = tags["role"] === "consul" ? "server" : tags["role"] === "node" ? "client" : undefined;
  if (type === undefined) return [...start, "unknown", "", "", "", "", ""];
  const build = (tags["build"] ?? "") === "" ? "< 0.3" : (tags["build"] ?? "").replace(/:.*$/u, "");
  const rest = [tags["vsn"], tags["dc"], tags["ap"], tags["segment"]];
  return [...start, type, build, ...rest.map((tag) => tag ?? "")];
}

function detailedRow(member: AgentMember): readonly string[] {
  const tags = Object.keys(member.Tags)
    .sort()
    .map((key) => `${key}=${member.Tags[key]}`);
  return [member.Name, address(member), statusName(member), tags.join(",")];
}

const standardHeader = [
  "Node",
  "Address",
  "Status",
  "Type",
  "Build",
  "Protocol",
  "DC",
  "Partition",
  "Segment",
];
const detailedHeader = ["Node", "Address", "Status", "Tags"];

/** `members` */
export const membersCommand = defineCommand({
  usage: "members [options]",
  about: "Lists the members of the cluster as the agent sees them.",
  flags: {
    ...clientFlags,
    ...partitionFlag,
    detailed: boolFlag("Show every tag of the members."),
    wan: boolFlag("Show the servers of all datacenters; only servers know them."),
    status: stringFlag("Show only members whose status matches this regular expression.", { initial: ".*" }),
    segment: stringFlag("Show only members of this network segment (Enterprise edition of the reference).", {
      initial: allSegments,
    }),
    filter: stringFlag("Expression that the agent filters members with."),
  },
  run: async (context) => {
    const { flags } = context;
    const wanted = compileRegexp(flags.status, "status");
    const client = await connect(context);
    const found = await orFail(
      agentMembers(client, { wan: flags.wan, segment: flags.segment, filter: flags.filter }),
      (why) => `Error retrieving members: ${why}`,
    );
    const members = found
      .filter((member) => wanted.test(statusName(member)))
      .map((member) => withTenancy(member, flags.segment))
      .sort((a, b) => compareKeys(sortKey(a), sortKey(b)));
    if (members.length === 0) return exitWithoutMembers;
    const rows = flags.detailed
      ? [detailedHeader, ...members.map(detailedRow)]
      : [standardHeader, ...members.map(standardRow)];
    context.out(renderTable(rows));
    return 0;
  },
});
