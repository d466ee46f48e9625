// SPDX-License-Identifier: MIT
/*
 * Works on a queue and reports what it began, and what the server answered to the end of it.
 * Options: port, queue, module (the BullMQ release), driver ('redis': node-redis), concurrency, retryMs (otherwise BullMQ's own).
 */
import { childOf, clients } from '../lib/clients.mjs';

const { options, report } = childOf({ stop });
const { Worker } = clients(options.module ?? 'bullmq');

async function work(job) {
  report('start', { id: job.id, fetchedOn: job.processedOn, stalled: job.stalledCounter });
  const { kind } = job.data;
  if (kind === 'steps') {
    for (let step = 1; step <= 3; step++) {
      await job.updateProgress(step);
      report('progress', { id: job.id, step });
    }
  }
  if (kind === 'bad' || (kind === 'flaky' && job.attemptsMade < 2)) throw new Error(`no luck with ${job.id}`);
  return `did ${job.id}`;
}

async function connectionOf() {
  const address = { host: '127.0.0.1', port: options.port };
  const retry = options.retryMs ? { retryStrategy: () => options.retryMs } : {};
  if (options.driver !== 'redis') return { ...address, maxRetriesPerRequest: null, ...retry };
  const client = clients('redis').createClient({ socket: address });
  client.on('error', () => {});
  return client;
}

// locks that end soon: what a killed server's worker held is found again within the test
const settings = { lockDuration: 3000, stalledInterval: 1000, maxStalledCount: 1000 };
const worker = new Worker(options.queue, work, { connection: await connectionOf(), concurrency: options.concurrency ?? 8, ...settings });
worker.on('error', () => {}); // connections end: that is the test
/* On the clock that BullMQ writes into jobs. */
const ended = (job) => ({ finishedOn: job.finishedOn, toldOn: Date.now() });
worker.on('completed', (job) => report('completed', { id: job.id, ...ended(job) }));
worker.on('failed', (job, error) => job && report(job.finishedOn ? 'failed' : 'retried', { id: job.id, ...ended(job), attempts: job.attemptsMade, text: error.message }));
await worker.waitUntilReady();
report('ready');

async function stop() {
  await Promise.race([worker.close(), new Promise((resolve) => setTimeout(resolve, 3000))]);
  process.exit(0);
}
