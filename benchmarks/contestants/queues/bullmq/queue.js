// BullMQ: queue.js work | send, as the Python contestants do.
import { openSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Queue, Worker } from 'bullmq';

const url = new URL(process.env.BENCH_URL);
const connection = { host: url.hostname, port: Number(url.port), maxRetriesPerRequest: null };

if (process.argv[2] === 'work') {
  const done = openSync(process.env.BENCH_DONE, 'a');
  const ages = openSync(process.env.BENCH_AGES, 'a');
  new Worker('bench', async (job) => {
    if (job.data.sent) writeSync(ages, `${Date.now() / 1000 - job.data.sent}\n`);
    writeSync(done, '.');
  }, { connection, concurrency: 50 });
} else {
  const pauses = { idle: 20, steady: 2 };
  const queue = new Queue('bench', { connection, defaultJobOptions: { removeOnComplete: true } });
  const send = (sent) => queue.add('work', { sent });
  await queue.waitUntilReady();
  console.log('ready');
  for await (const line of createInterface({ input: process.stdin })) {
    const [what, count] = line.split(' ');
    if (what === 'many') {
      const began = Date.now() / 1000;
      let left = Number(count);
      await Promise.all(Array.from({ length: 50 }, async () => { while (left-- > 0) await send(0); }));
      console.log(JSON.stringify({ seconds: Date.now() / 1000 - began, began }));
    } else {
      const took = [];
      for (let i = 0; i < Number(count); i++) {
        const began = performance.now();
        await send(pauses[what] ? Date.now() / 1000 : 0);
        took.push((performance.now() - began) / 1000);
        if (pauses[what]) await new Promise((resolve) => setTimeout(resolve, pauses[what]));
      }
      console.log(JSON.stringify({ took }));
    }
  }
  process.exit(0);
}
