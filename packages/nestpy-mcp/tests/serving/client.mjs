import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";

const client = new Client({ name: "test", version: "1" }, { capabilities: { elicitation: {} } });
client.setRequestHandler(ElicitRequestSchema, async () => ({
  action: "accept",
  content: { username: "ada", email: "ada@example.com" },
}));
await client.connect(new StreamableHTTPClientTransport(new URL(process.argv[2])));
const progress = [];
const call = (name, args = {}, options = {}) => client.callTool({ name, arguments: args }, undefined, options);
const said = await call("test_simple_text");
const worked = await call("test_tool_with_progress", {}, { onprogress: (one) => progress.push(one.progress) });
const asked = await call("test_elicitation", { message: "who?" });
const prompt = await client.getPrompt({ name: "test_prompt_with_arguments", arguments: { arg1: "a", arg2: "b" } });
const read = await client.readResource({ uri: "test://template/7/data" });
const failed = await call("test_error_handling");
console.log(
  JSON.stringify({
    tools: (await client.listTools()).tools.length,
    said: said.content[0].text,
    worked: worked.content[0].text,
    asked: asked.content[0].text,
    progress,
    prompt: prompt.messages[0].content.text,
    read: read.contents[0].text,
    failed: failed.isError,
  }),
);
await client.close();
