// SPDX-License-Identifier: MIT
// A worker process for bullmq/crash.test.mjs, which kills it: runs jobs of the queue argv[2], each lasting
// job.data.ms when it is started for the first time, and writes `start <job id>` and `done <job id>` lines.
import { createClient } from 'redis';
import { bull, URL, pause, variant } from '../lib/bull.mjs';

const connection = variant.driver === 'redis' ? createClient({ url: URL }) : { url: URL };
const worker = new bull.Worker(
  process.argv[2],
  async (job) => {
    console.log(`start ${job.id}`);
    if (job.attemptsStarted === 1) await pause(job.data.ms);
    console.log(`done ${job.id}`);
    return process.pid;
  },
  { connection, concurrency: 4, lockDuration: 4000, stalledInterval: 300, maxStalledCount: 1 },
);
worker.on('error', (error) => console.error(String(error)));
await worker.waitUntilReady();
console.log('ready');
process.once('SIGTERM', () => worker.close().then(() => process.exit(0)));
