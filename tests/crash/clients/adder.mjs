// SPDX-License-Identifier: MIT
/* An unmodified producer: queue.add() for each of `jobs` numbers, fifty under way at a time, and again when one is refused. */
import { childOf, clients } from '../lib/clients.mjs';

const AT_A_TIME = 50;
const { options, report } = childOf({ stop: () => process.exit(0) });
const { Queue } = clients('bullmq');
const queue = new Queue(options.queue, { connection: { host: '127.0.0.1', port: options.port } });
queue.on('error', () => {}); // connections end: that is the test
let next = 0;

async function addSome() {
  while (next < options.jobs) {
    const n = next++;
    for (;;) {
      const job = await queue.add('n', { n }).catch(() => null);
      if (!job) continue;
      report('added', { id: job.id, n });
      break;
    }
  }
}

await queue.waitUntilReady();
report('ready');
await Promise.all(Array.from({ length: AT_A_TIME }, addSome));
report('idle');
