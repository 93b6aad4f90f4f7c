import { serverAudits } from "graphql-http";

const url = process.argv[2];
const results = [];
for (const audit of serverAudits({ url, fetchFn: fetch })) {
  const result = await audit.fn();
  results.push({ name: audit.name, status: result.status, reason: result.reason });
  if (result.response?.body && !result.response.bodyUsed) await result.response.body.cancel();
}
console.log(JSON.stringify(results));
