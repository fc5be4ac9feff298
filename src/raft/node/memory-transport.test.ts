import { MemoryNetwork } from "./memory-transport.ts";
import { transportContract } from "./transport.contract.ts";

transportContract("memory", () => {
  const network = new MemoryNetwork();
  return Promise.resolve({
    client: network.connect("client:1"),
    server: network.connect("server:1"),
    address: "server:1",
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
});
