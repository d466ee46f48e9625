// SPDX-License-Identifier: MIT
/*
 * A real producer or worker in a process of its own: node_load.mjs PORT WHAT COUNT. Prints { "seconds": ... } from the
 * first job to the last; connecting and loading scripts come before.
 */
import { connect, Queue, Worker } from './clients.mjs';

const [port, what, count] = [Number(process.argv[2]), process.argv[3], Number(process.argv[4])];
const BULK = 100;

const loads = {
  'node-add': (queue) => produce(queue, 1, (i) => queue.add('send', dataOf(i))),
  'node-add-bulk': (queue) => produce(queue, BULK, (i) => queue.addBulk(Array.from({ length: Math.min(BULK, count - i) }, (_, k) => ({ name: 'send', data: dataOf(i + k) })))),
  'node-worker-1': (queue) => work(queue, 1),
  'node-worker-50': (queue) => work(queue, 50),
};

const dataOf = (i) => ({ to: `user${i}@example.com`, template: 'welcome' });

async function produce(queue, step, add) {
  const started = process.hrtime.bigint();
  for (let i = 0; i < count; i += step) await add(i);
  return started;
}

async function work(queue, concurrency) {
  let left = count;
  let finish;
  const finished = new Promise((resolve) => (finish = resolve));
  const worker = new Worker(queue.name, async () => 'sent', { connection: connect(port), concurrency, autorun: false });
  await worker.waitUntilReady();
  worker.on('completed', () => --left === 0 && finish());
  worker.on('error', (error) => {
    throw error;
  });
  const started = process.hrtime.bigint();
  worker.run();
  await finished;
  return started;
}

const queue = new Queue('mail', { connection: connect(port) });
await queue.waitUntilReady();
const started = await loads[what](queue);
console.log(JSON.stringify({ seconds: Number(process.hrtime.bigint() - started) / 1e9 }));
process.exit(0);
