/** python-consul (Debian: python3-consul), unmodified, drives the agent. */
import { describe, expect, test } from "bun:test";
import { startAgent } from "./support/agent-process.ts";
import { isInstalled, run } from "./support/programs.ts";

// Debian's packages belong to Debian's Python, which need not be the first in the path.
const python = "/usr/bin/python3";
const isThere = isInstalled(python, ["-c", "import consul"]);

const flow = `
import json, sys
import consul

c = consul.Consul(host="127.0.0.1", port=int(sys.argv[1]))
out = {}
c.kv.put("py/a", "one", flags=7)
index, pair = c.kv.get("py/a")
out["pair"] = [pair["Key"], pair["Value"].decode(), pair["Flags"]]
out["cas"] = [c.kv.put("py/a", "two", cas=1), c.kv.put("py/a", "two", cas=pair["ModifyIndex"])]
out["keys"] = c.kv.get("py/", keys=True)[1]
out["changed"] = c.kv.get("py/a", index=index, wait="1s")[1]["Value"].decode()

c.agent.service.register("web", service_id="web1", address="10.1.1.1", port=80, tags=["v1"],
                         check=consul.Check.ttl("10m"))
out["critical"] = len(c.health.service("web", passing=True)[1])
# This client still reports with GET, which has been refused since 1.0.
c.http.put(consul.base.CB.bool(), "/v1/agent/check/pass/service:web1", params={"note": "fine"})
found = []
while not found:
    # The agent tells the catalog of it in its own time.
    found = c.health.service("web", passing=True, tag="v1", index=1)[1]
entry = found[0]
out["entry"] = [entry["Service"]["Address"], entry["Service"]["Port"], entry["Checks"][-1]["Output"]]
out["services"] = sorted(c.catalog.services()[1])
out["nodes"] = [node["Node"] for node in c.catalog.nodes()[1]]
c.agent.maintenance(True, "pause")
while c.health.service("web", passing=True)[1]:
    pass
out["maintenance"] = [check["Notes"] for check in c.health.state("critical")[1]]
c.agent.maintenance(False)

session = c.session.create(name="lock", ttl=60, behavior="delete", lock_delay=0)
out["lock"] = [c.kv.put("py/lock", "me", acquire=session), c.kv.put("py/lock", "you", acquire=c.session.create())]
out["holder"] = c.kv.get("py/lock")[1]["Session"] == session
c.session.destroy(session)
out["released"] = c.kv.get("py/lock")[1]

out["event"] = c.event.fire("deploy", "now")["Name"]
out["leader"] = ":" in c.status.leader()
c.http.put(consul.base.CB.bool(), "/v1/agent/service/deregister/web1")
while c.catalog.service("web")[1]:
    pass
out["gone"] = sorted(c.catalog.services()[1])
print(json.dumps(out))
`;

describe.skipIf(!isThere)("python-consul", () => {
  test("reads, writes, registers, locks and fires as with the reference", async () => {
    await using agent = await startAgent();
    const output = await run(python, ["-", new URL(agent.httpUrl).port], flow);
    expect(JSON.parse(output)).toEqual({
      pair: ["py/a", "one", 7],
      cas: [false, true],
      keys: ["py/a"],
      changed: "two",
      critical: 0,
      entry: ["10.1.1.1", 80, "fine"],
      services: ["consul", "web"],
      nodes: ["n1"],
      maintenance: ["pause"],
      lock: [true, false],
      holder: true,
      released: null,
      event: "deploy",
      leader: true,
      gone: ["consul"],
    });
  }, 60_000);
});
