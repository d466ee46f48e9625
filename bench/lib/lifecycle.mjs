// SPDX-License-Identifier: MIT
/*
 * A job from the call that adds it to the reply that says it is completed: the C library and BullMQ, on oxq and on Redis, and beanstalkd.
 * The subjects take turns, so that whatever slows the machine for a while slows all of them.
 *
 * What runs is bench/lifecycle.c or lifecycle_node.mjs, one process or several: each adds and works off, for a while that does not count and
 * then for one that does, and leaves nothing behind. Every job that was added must have ended, and as many must be completed in the store.
 *
 * A row of rates: { id, kind: 'rate', title, promise, values, cpu_us, ratios, samples }, by the subjects' names; cpu_us is what a job costs all
 * processes together. A row of times: { id, kind: 'time', title, promise, p50_us, p99_us, rates, samples }.
 */
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import { ROOT } from './clients.mjs';
import { expect } from './load.mjs';
import { cpuSeconds } from './machine.mjs';
import { quantile } from './report.mjs';
import { keyOf } from './requests.mjs';
import { makeFolder, start } from './servers.mjs';

const median = (numbers) => quantile(numbers, 0.5);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const nowUs = () => Number(process.hrtime.bigint() / 1000n);

/* Node needs longer until its compiler has seen what is hot. */
export const LIFECYCLE_FULL = { warm_ms: { c: 300, node: 1000 }, window_ms: 700, latency_ms: 1500 };
export const LIFECYCLE_QUICK = { warm_ms: { c: 50, node: 50 }, window_ms: 100, latency_ms: 200 };

export const SUBJECTS = [
  { id: 'bullmq_redis', title: 'BullMQ on Redis', program: 'node', server: 'redis' },
  { id: 'bullmq_oxq', title: 'BullMQ on oxq', program: 'node', server: 'oxq' },
  { id: 'beanstalkd', title: 'beanstalkd', program: 'c', server: 'beanstalkd' },
  { id: 'c_redis', title: 'C on Redis', program: 'c', server: 'redis' },
  { id: 'c_oxq', title: 'C on oxq', program: 'c', server: 'oxq' },
  { id: 'c_file', title: 'C embedded', program: 'c' },
];

/* Beside what, and how many times more, while which promise is kept (both without one). */
export const GOALS = [
  { subject: 'c_oxq', beside: 'bullmq_redis', times: 3 },
  { subject: 'c_file', beside: 'bullmq_redis', times: 5 },
  { subject: 'c_oxq', beside: 'beanstalkd', times: 3, promise: 'always' },
];
export const GOAL_P50_US = 1000;

const PROMISES = ['always', 'none'];
const FILE_SETTINGS = { always: 'durability=always', none: 'durability=off' };
const SHAPES = [
  { id: '1', title: '1 process, concurrency 1', processes: 1, callers: 1 },
  { id: '8', title: '1 process, concurrency 8', processes: 1, callers: 8 },
  { id: '64', title: '1 process, concurrency 64', processes: 1, callers: 64 },
  { id: '4x16', title: '4 processes, concurrency 16 each', processes: 4, callers: 16 },
];
const LATENCY_SHAPE = SHAPES[1];
const LATENCY_LOAD = 0.1;

const PROGRAMS = {
  c: (url, callers, rate) => [path.join(ROOT, 'build/bench/lifecycle'), ['--store', url, '--callers', callers, '--rate', rate]],
  node: (url, callers, rate) => [process.execPath, [path.join(ROOT, 'bench/lib/lifecycle_node.mjs'), new URL(url).port, callers, rate]],
};

/** The measures { name, run() -> rows }. */
export function makeLifecycleMeasures(sizes) {
  const context = { sizes, samples: new Map() };
  return [
    { name: 'lifecycle-rate', run: () => withServers((servers) => compareRates({ ...context, servers })) },
    { name: 'lifecycle-latency', run: () => withServers((servers) => compareLatency({ ...context, servers })) },
  ];
}

/* ---------------------------------------------------------------- one sample */

/* Starts a process: `listen()` gives the next object that it prints, `tell()` a line to it, `leave()` lets it end. */
function startProcess(program, args) {
  const child = spawn(program, args.map(String), { stdio: ['pipe', 'pipe', 'inherit'] });
  const name = path.basename(args[0] ?? program);
  const lines = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ended = new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => resolve(signal ?? code));
  });
  child.stdin.on('error', () => {}); // it has ended, which listen() tells
  return {
    async listen() {
      const { value, done } = await lines.next();
      if (done) throw new Error(`${name} ended with ${await ended}`);
      return JSON.parse(value);
    },
    tell: (line) => child.stdin.write(`${line}\n`),
    async leave() {
      child.stdin.end();
      const status = await ended;
      if (status !== 0) throw new Error(`${name} ended with ${status}`);
    },
  };
}

/* Its data are there for the time of one sample. */
async function openStore(subject, server, promise) {
  if (!subject.server) {
    const folder = makeFolder('file');
    return { url: `file:${folder}?${FILE_SETTINGS[promise]}`, close: async () => rmSync(folder, { recursive: true }) };
  }
  if (subject.server === 'beanstalkd') return { url: `beanstalk://127.0.0.1:${server.port}`, close: async () => {} };
  await server.admin.flushall();
  return { url: `redis://127.0.0.1:${server.port}`, close: (ended) => expect(server, ['ZCARD', keyOf('completed')], ended) };
}

async function runProcesses(subject, url, { processes: count, callers }, { warm_ms, window_ms, rate, server }) {
  const processes = Array.from({ length: count }, () => startProcess(...PROGRAMS[subject.program](url, callers, rate)));
  const all = (act) => Promise.all(processes.map(act));
  await all((p) => p.listen());
  const from = nowUs() + warm_ms * 1000;
  const until = from + window_ms * 1000;
  for (const p of processes) p.tell(`${from} ${until}`);
  const serverCpu = () => (server ? cpuSeconds(server.pid) : 0);
  await pause((from - nowUs()) / 1000);
  const before = serverCpu();
  await pause((until - nowUs()) / 1000);
  const server_cpu_s = serverCpu() - before;
  const said = await all((p) => p.listen());
  await all((p) => p.leave());
  return { said, server_cpu_s };
}

/** Runs a subject in a shape: { per_second, cpu_us, times, p50_us, p99_us }, the last two of so many times. */
async function take(context, subject, promise, shape, { window_ms, rate = 0 }) {
  const server = subject.server && context.servers[`${subject.server} ${promise}`];
  const store = await openStore(subject, server, promise);
  const warm_ms = context.sizes.warm_ms[subject.program];
  const { said, server_cpu_s } = await runProcesses(subject, store.url, shape, { warm_ms, window_ms, rate, server });
  const sum = (field) => said.reduce((total, one) => total + one[field], 0);
  const [added, ended, counted] = ['added', 'ended', 'counted'].map(sum);
  if (added !== ended) throw new Error(`${subject.title} ${promise}, ${shape.title}: ${added} jobs were added and ${ended} ended`);
  await store.close(ended);
  const cpu_us = ((sum('cpu_s') + server_cpu_s) * 1e6) / Math.max(counted, 1);
  return { per_second: (counted * 1000) / window_ms, cpu_us, times: said[0].times, p50_us: said[0].p50_us, p99_us: said[0].p99_us };
}

async function withServers(run) {
  const servers = {};
  try {
    for (const kind of ['redis', 'oxq', 'beanstalkd']) {
      for (const promise of PROMISES) servers[`${kind} ${promise}`] = await start(kind, promise);
    }
    return await run(servers);
  } finally {
    for (const server of Object.values(servers)) await server.stop();
  }
}

/* ---------------------------------------------------------------- rates */

const bySubject = (value) => Object.fromEntries(SUBJECTS.map((subject) => [subject.id, value(subject)]));

/* All samples of a subject, one of each round. */
function samplesOf({ samples }, subject, promise, shape) {
  const key = `${subject.id} ${promise} ${shape.id}`;
  if (!samples.has(key)) samples.set(key, []);
  return samples.get(key);
}

async function compareRates(context) {
  const { rounds, window_ms } = context.sizes;
  const cells = PROMISES.flatMap((promise) => SHAPES.map((shape) => ({ promise, shape })));
  for (let round = 0; round < rounds; round++) {
    for (const { promise, shape } of cells) {
      for (const subject of SUBJECTS) {
        samplesOf(context, subject, promise, shape).push(await take(context, subject, promise, shape, { window_ms }));
      }
    }
    process.stderr.write(`  round ${round + 1} of ${rounds}\n`);
  }
  return cells.map(({ promise, shape }) => summariseRates(context, promise, shape));
}

function summariseRates(context, promise, shape) {
  const samples = bySubject((subject) => samplesOf(context, subject, promise, shape));
  const values = bySubject(({ id }) => median(samples[id].map((s) => s.per_second)));
  const cpu_us = bySubject(({ id }) => median(samples[id].map((s) => s.cpu_us)));
  const goals = GOALS.filter((goal) => !goal.promise || goal.promise === promise);
  const ratios = goals.map((goal) => ({ ...goal, reached: values[goal.subject] / values[goal.beside] }));
  return { id: `lifecycle-${promise}-${shape.id}`, kind: 'rate', title: shape.title, promise, values, cpu_us, ratios, samples };
}

/* ---------------------------------------------------------------- from add to handler */

/* A tenth of what it can do in that shape, which is found out when it is not known. */
async function rateOf(context, subject) {
  const samples = samplesOf(context, subject, 'always', LATENCY_SHAPE);
  if (samples.length === 0) samples.push(await take(context, subject, 'always', LATENCY_SHAPE, context.sizes));
  return Math.max(1, Math.round(LATENCY_LOAD * median(samples.map((s) => s.per_second))));
}

async function compareLatency(context) {
  const { rounds, latency_ms } = context.sizes;
  const rates = {};
  for (const subject of SUBJECTS) rates[subject.id] = await rateOf(context, subject);
  const samples = bySubject(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const subject of SUBJECTS) {
      const options = { window_ms: latency_ms, rate: rates[subject.id] };
      samples[subject.id].push(await take(context, subject, 'always', LATENCY_SHAPE, options));
    }
  }
  const medianOf = (known, field) => (known.length ? median(known.map((s) => s[field])) : null);
  const medians = (field) => bySubject(({ id }) => medianOf(samples[id].filter((s) => s.times > 0), field));
  const title = 'from add to handler, a tenth of the load';
  return [{ id: 'lifecycle-latency', kind: 'time', title, promise: 'always', p50_us: medians('p50_us'), p99_us: medians('p99_us'), rates, samples }];
}
