import { createClient } from "graphql-ws";
import { createClient as createSseClient } from "graphql-sse";
import WebSocket from "ws";

const url = process.argv[2];
const picky = process.argv[3];
const seen = {};

async function all(client, query, variables) {
  const found = [];
  for await (const result of client.iterate({ query, variables })) {
    found.push(result);
  }
  return found;
}

async function some(client, query, count) {
  const found = [];
  const results = client.iterate({ query });
  for await (const result of results) {
    found.push(result);
    if (found.length === count) break;
  }
  return found;
}

async function failure(client, query) {
  try {
    return await all(client, query);
  } catch (error) {
    return Array.isArray(error) ? error.map((one) => one.message) : String(error);
  }
}

const closings = [];
const client = createClient({
  url: url.replace("http", "ws"),
  webSocketImpl: WebSocket,
  connectionParams: { token: "t" },
  keepAlive: 50,
  retryAttempts: 0,
  lazyCloseTimeout: 0,
  on: { closed: (event) => closings.push(event.code), pong: () => (seen.pong = true) },
});
seen.count = await all(client, "subscription C($to: Int!) { count(to: $to) }", { to: 3 });
seen.query = await all(client, "{ hello }");
seen.refused = await failure(client, "{ nothing }");
seen.picky = await all(client, picky);
seen.broken = await failure(client, "subscription { broken }");
seen.together = (
  await Promise.all([...Array(50).keys()].map((to) => all(client, "subscription C($to: Int!) { count(to: $to) }", { to })))
).map((one) => one.length);
const open = client.iterate({ query: "subscription { endless }" });
await open.next();
while (!seen.pong) await new Promise((resolve) => setTimeout(resolve, 10));
await open.return();
await client.dispose();
while (closings.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
seen.closings = [...new Set(closings)];

const events = createSseClient({ url, retryAttempts: 0 });
seen.sse = {
  count: await all(events, "subscription C($to: Int!) { count(to: $to) }", { to: 3 }),
  query: await all(events, "{ hello }"),
  refused: (await all(events, "{ nothing }")).map((one) => one.errors[0].message),
  endless: await some(events, "subscription { endless }", 1),
};
events.dispose();
console.log(JSON.stringify(seen));
