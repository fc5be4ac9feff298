/** What is measured: how each path is prepared and which requests are sent. */
export interface Load {
  readonly name: string;
  readonly clients: readonly number[];
  /** Makes the state that the requests meet. */
  prepare?(url: string): Promise<void>;
  /** A wrk script (Lua) that sets `request`, for paths that are not one plain GET. */
  readonly script?: string;
  readonly path: string;
}

async function put(url: string, path: string, body: unknown): Promise<void> {
  const answer = await fetch(url + path, {
    method: "PUT",
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`PUT ${path} answered ${answer.status}: ${await answer.text()}`);
}

/** Runs `make` for 0 … count-1, `width` at a time. */
async function many(count: number, width: number, make: (i: number) => Promise<void>): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: width }, async () => {
      for (let i = next++; i < count; i = next++) await make(i);
    }),
  );
}

function instances(service: string, count: number): (url: string) => Promise<void> {
  return (url) =>
    many(count, 16, (i) =>
      put(url, "/v1/catalog/register", {
        Node: `bench-${service}-${i}`,
        Address: "10.0.0.1",
        Service: { Service: service, Port: 8000 + (i % 1000), Tags: ["v1"] },
        Check: { Name: "alive", Status: "passing", ServiceID: service },
      }),
    );
}

const putScript = `
local n = 0
local id = math.random(1000000000)
request = function()
  n = n + 1
  return wrk.format("PUT", "/v1/kv/bench/put/" .. id .. "/" .. (n % 1000), nil, "value-" .. n)
end`;

const txnScript = `
local ops = {}
for i = 1, 64 do ops[i] = '{"KV":{"Verb":"set","Key":"bench/txn/' .. i .. '","Value":"dmFsdWU="}}' end
local body = "[" .. table.concat(ops, ",") .. "]"
request = function() return wrk.format("PUT", "/v1/txn", nil, body) end`;

const registerScript = `
local n = 0
request = function()
  n = n + 1
  if n % 2 == 1 then return wrk.format("PUT", "/v1/agent/service/register", nil, '{"Name":"bench-churn","Port":80}') end
  return wrk.format("PUT", "/v1/agent/service/deregister/bench-churn")
end`;

const passScript = `request = function() return wrk.format("PUT", "/v1/agent/check/pass/bench-ttl") end`;

const flipScript = `
local n = 0
request = function()
  n = n + 1
  return wrk.format("PUT", "/v1/agent/check/" .. (n % 2 == 0 and "pass" or "warn") .. "/bench-ttl")
end`;

const ttl = (url: string): Promise<void> =>
  put(url, "/v1/agent/check/register", { Name: "bench-ttl", ID: "bench-ttl", TTL: "10m" });

export const loads: readonly Load[] = [
  {
    name: "KV GET",
    clients: [1, 32],
    path: "/v1/kv/bench/get",
    prepare: (url) => put(url, "/v1/kv/bench/get", "value"),
  },
  { name: "KV PUT durable", clients: [1, 32, 128], path: "/", script: putScript },
  {
    name: "recurse of 1,000 keys",
    clients: [8],
    path: "/v1/kv/bench/tree/?recurse",
    prepare: (url) => many(1000, 32, (i) => put(url, `/v1/kv/bench/tree/${i}`, `value-${i}`)),
  },
  {
    name: "health, 10 instances",
    clients: [8],
    path: "/v1/health/service/ten",
    prepare: instances("ten", 10),
  },
  {
    name: "health, 1,000 instances",
    clients: [8],
    path: "/v1/health/service/thousand",
    prepare: instances("thousand", 1000),
  },
  {
    name: "catalog services, 1,000 services",
    clients: [8],
    path: "/v1/catalog/services",
    prepare: (url) =>
      many(1000, 16, (i) =>
        put(url, "/v1/catalog/register", {
          Node: "bench-services",
          Address: "10.0.0.2",
          Service: { Service: `svc-${i}`, Port: 80, Tags: ["a", "b"] },
        }),
      ),
  },
  { name: "register + deregister", clients: [1], path: "/", script: registerScript },
  { name: "TTL pass without change", clients: [8], path: "/", prepare: ttl, script: passScript },
  { name: "TTL flipping", clients: [8], path: "/", prepare: ttl, script: flipScript },
  { name: "transaction of 64 sets", clients: [8], path: "/", script: txnScript },
];
