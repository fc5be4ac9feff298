import { expect, test } from "bun:test";
import { Node } from "../wire/structs/catalog.ts";
import { NodesByAddress } from "./nodes-by-address.ts";

const nodes = [
  ["a", "10.0.0.1"],
  ["b", "2001:DB8:0::1"],
  ["c", "10.0.0.1"],
  ["d", "a.name.example"],
  ["e", "::ffff:10.0.0.2"],
].map(([name = "", Address = ""]) => Node.make({ Node: name, Address }));

test.each([
  { address: "10.0.0.1", name: "a" },
  { address: "2001:db8::1", name: "b" },
  { address: "10.0.0.2", name: "e" },
  { address: "10.0.0.3", name: undefined },
])("$address is $name's", ({ address, name }) => {
  const byAddress = new NodesByAddress();
  for (let round = 0; round < 2; round += 1)
    expect(byAddress.find(nodes, address)?.Node).toBe(name as string);
});
