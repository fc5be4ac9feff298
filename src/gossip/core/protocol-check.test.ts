import { expect, test } from "bun:test";
import { protocolProblem, type SpokenVersions } from "./protocol-check.ts";

const node = (
  name: string,
  vsn: readonly number[],
  state: SpokenVersions["state"] = "alive",
): SpokenVersions => ({
  name,
  vsn,
  state,
});
const usual = [1, 5, 2, 2, 5, 4];

test.each<{ title: string; remote: SpokenVersions[]; local: SpokenVersions[]; problem: string | undefined }>([
  {
    title: "equal versions merge",
    remote: [node("r", usual)],
    local: [node("l", usual)],
    problem: undefined,
  },
  {
    title: "a remote node that speaks below what a local one understands",
    remote: [node("r", [1, 5, 1, 2, 5, 4])],
    local: [node("l", [2, 5, 2, 2, 5, 4])],
    problem: "Node 'r' protocol version (1) is incompatible: [2, 5]",
  },
  {
    title: "a local node that speaks above what a remote one understands",
    remote: [node("r", [1, 2, 2, 2, 5, 4])],
    local: [node("l", [1, 5, 3, 2, 5, 4])],
    problem: "Node 'l' protocol version (3) is incompatible: [1, 2]",
  },
  {
    title: "delegate versions count as well",
    remote: [node("r", [1, 5, 2, 5, 5, 5])],
    local: [node("l", usual)],
    problem: "Node 'l' delegate protocol version (4) is incompatible: [5, 5]",
  },
  {
    title: "the dead narrow nothing",
    remote: [node("r", [2, 5, 2, 2, 5, 4], "dead")],
    local: [node("l", [1, 1, 1, 2, 5, 4], "left"), node("m", usual)],
    problem: undefined,
  },
  {
    title: "but they must speak what the living understand",
    remote: [node("r", [1, 5, 1, 2, 5, 4], "dead")],
    local: [node("l", [2, 5, 2, 2, 5, 4])],
    problem: "Node 'r' protocol version (1) is incompatible: [2, 5]",
  },
  {
    title: "a node without versions speaks 0",
    remote: [node("r", [])],
    local: [node("l", usual)],
    problem: "Node 'r' protocol version (0) is incompatible: [1, 5]",
  },
])("$title", ({ remote, local, problem }) => {
  expect(protocolProblem(remote, local)).toBe(problem);
});
