// SPDX-License-Identifier: MIT
/*
 * What bench/lifecycle.c does, by BullMQ: lifecycle_node.mjs PORT CALLERS RATE. The clock that both go by, CLOCK_MONOTONIC, is
 * what process.hrtime tells. So many callers add, each one job at a time, and as many handlers run, in the one
 * process that such an application is.
 */
import readline from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, Queue, Worker } from './clients.mjs';

const IN_FLIGHT_MAX = 1000;
const [port, callers, rate] = process.argv.slice(2).map(Number);

const nowUs = () => Number(process.hrtime.bigint() / 1000n);
const times = [];
let [added, ended, counted] = [0, 0, 0];
let fromUs, untilUs;

/* ---- room for one more: callers that wait for it */

const waiting = [];
const hasRoom = () => added - ended < IN_FLIGHT_MAX;
const waitForRoom = () => (hasRoom() ? undefined : new Promise((resolve) => waiting.push(resolve)));

/* ---- the two sides */

const worker = new Worker('mail', handle, { connection: connect(port), concurrency: callers, autorun: false });
const queue = new Queue('mail', { connection: connect(port) });

async function handle({ data }) {
  if (data.template !== 'welcome') throw new Error('a job has other data than it was added with');
  if (rate && data.at >= fromUs && data.at < untilUs) times.push(nowUs() - data.at);
  return 'sent';
}

function noteEnd() {
  const at = nowUs();
  ended++;
  if (at >= fromUs && at < untilUs) counted++;
  waiting.shift()?.();
}

async function sleepUntil(us) {
  const left = us - nowUs();
  if (left > 0) await sleep(left / 1000);
}

async function produce(number) {
  const startedUs = nowUs();
  for (let i = 0; ; i++) {
    await waitForRoom();
    const at = rate ? startedUs + Math.floor(((i * callers + number) * 1e6) / rate) : nowUs();
    if (at >= untilUs) return;
    if (rate) await sleepUntil(at);
    // A timer of Node's may be early by a millisecond.
    const since = Math.min(at, nowUs());
    await queue.add('send', { to: `user${i}@example.com`, template: 'welcome', at: since });
    added++;
  }
}

function fail(error) {
  process.stderr.write(`lifecycle_node: ${error.message}\n`);
  process.exit(1);
}

/* ---- the run */

const cpuSeconds = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

async function run() {
  worker.on('completed', noteEnd);
  worker.on('failed', (_, error) => fail(error));
  worker.on('error', fail);
  await Promise.all([queue.waitUntilReady(), worker.waitUntilReady()]);
  process.stdout.write('{}\n');
  const lines = readline.createInterface({ input: process.stdin });
  const over = new Promise((resolve) => lines.once('close', resolve));
  [fromUs, untilUs] = await new Promise((resolve) => lines.once('line', (line) => resolve(line.split(' ').map(Number))));
  worker.run().catch(fail);
  const producers = Array.from({ length: callers }, (_, i) => produce(i));
  await sleepUntil(fromUs);
  const cpuBefore = cpuSeconds();
  await sleepUntil(untilUs);
  const cpu_s = cpuSeconds() - cpuBefore;
  await Promise.all(producers);
  /* In several processes another may have taken what this one added: then the queue is empty all the same. */
  for (let left = 1; left > 0; ) {
    await sleep(10);
    left = await queue.getJobCountByTypes('wait', 'active');
  }
  await worker.close();
  times.sort((a, b) => a - b);
  const at = (q) => times[Math.floor((times.length - 1) * q)] ?? 0;
  process.stdout.write(`${JSON.stringify({ added, ended, counted, cpu_s, times: times.length, p50_us: at(0.5), p99_us: at(0.99) })}\n`);
  await over;
  process.exit(0);
}

run().catch(fail);
