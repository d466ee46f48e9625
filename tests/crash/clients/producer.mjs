// SPDX-License-Identifier: MIT
/*
 * Adds jobs of every kind until it is stopped, and reports each that was answered. All have ids of their own, so that a
 * command that the client sends once more after a lost connection is no second job.
 *
 *   ok     completes       flaky  fails twice, then completes       bad  fails for good at its second attempt
 *   steps  reports progress 1 to 3                                  gone is delayed for an hour and removed
 */
import { childOf, clients } from '../lib/clients.mjs';
import { rng } from '../../support/history.mjs';

const { Queue, FlowProducer } = clients('bullmq');
const PAUSE_MS = 4;
const GONE_MS = 3_600_000;
let isStopped = false;
const { options, report } = childOf({ stop: () => (isStopped = true) });
const random = rng(options.seed);
// BullMQ waits a second before it connects again; here the next kill comes sooner
const connection = { host: '127.0.0.1', port: options.port, retryStrategy: () => 30 };
const queue = new Queue(options.queue, { connection });
const flows = new FlowProducer({ connection });
let count = 0;
for (const emitter of [queue, flows]) emitter.on('error', () => {}); // connections end: that is the test

const pick = (list) => list[Math.floor(random() * list.length)];
const nextId = () => `j${options.seed}-${++count}`;

function makeJob(kind = pick(['ok', 'ok', 'ok', 'flaky', 'bad', 'steps', 'steps'])) {
  const attempts = { flaky: 3, bad: 2 }[kind] ?? 1;
  const opts = { jobId: nextId(), attempts, ...(attempts > 1 ? { backoff: { type: 'fixed', delay: Math.floor(random() * 60) } } : {}) };
  if (random() < 0.2) opts.priority = 1 + Math.floor(random() * 5);
  else if (random() < 0.2) opts.delay = Math.floor(random() * 300);
  else if (random() < 0.1) opts.lifo = true;
  return { name: kind, data: { kind, text: 'x'.repeat(random() * 300) }, opts };
}

async function add(job) {
  report('adding', { ids: [job.opts.jobId] });
  await queue.add(job.name, job.data, job.opts);
  report('added', { ids: [job.opts.jobId] });
}

async function addBulk() {
  const jobs = Array.from({ length: 2 + random() * 6 }, () => makeJob());
  const ids = jobs.map((job) => job.opts.jobId);
  report('adding', { ids });
  await queue.addBulk(jobs);
  report('added', { ids });
}

async function addFlow() {
  const children = Array.from({ length: 1 + random() * 3 }, () => ({ queueName: options.queue, ...makeJob('ok') }));
  const parent = { queueName: options.queue, name: 'ok', data: { kind: 'ok' }, opts: { jobId: nextId() }, children };
  const ids = [parent.opts.jobId, ...children.map((child) => child.opts.jobId)];
  report('adding', { ids, parent: ids[0], children: ids.slice(1) });
  await flows.add(parent);
  report('added', { ids, parent: ids[0], children: ids.slice(1) });
}

async function addAndRemove() {
  const id = nextId();
  report('adding', { ids: [id] });
  const job = await queue.add('gone', { kind: 'gone' }, { jobId: id, delay: GONE_MS });
  report('added', { ids: [id] });
  report('removing', { id });
  await job.remove();
  report('removed', { id });
}

const WAYS = [() => add(makeJob()), () => add(makeJob()), () => add(makeJob()), addBulk, addFlow, addAndRemove];
/* What is under way does not hold up the next: a lost connection stops some, not all. */
const underWay = new Set();

await queue.waitUntilReady();
report('ready');
while (!isStopped) {
  if (underWay.size < 8) {
    const one = pick(WAYS)().catch((error) => report('refused', { text: String(error.message ?? error) }));
    underWay.add(one);
    one.finally(() => underWay.delete(one));
  }
  await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}
await Promise.all(underWay);
report('idle');
await Promise.all([queue.close(), flows.close()]);
process.exit(0);
