// SPDX-License-Identifier: MIT
/*
 * What BullMQ leaves in the keyspace. Each scenario does the same in the same order every time, takes one job after
 * another by hand, and then saves its keys: lib/run.mjs compares those of the two servers (lib/keyspace.mjs says how).
 */
import { assert, bull, range, test } from '../lib/bull.mjs';
import { saveKeyspace } from '../lib/keyspace.mjs';

const HOUR_MS = 3_600_000;
const TIME_MS = 1_700_000_000_000; // jobs with a timestamp of their own have scores that can be compared

function scenario(title, body, expectedKeys) {
  test(title, async (scope) => {
    const prefix = scope.label;
    const queue = scope.queue('q', { prefix, defaultJobOptions: { timestamp: TIME_MS } });
    await queue.waitUntilReady();
    const worker = scope.worker('q', null, { prefix, name: 'hand', autorun: false, metrics: { maxDataPoints: 10 } });
    await body({ scope, prefix, queue, worker });
    const found = await saveKeyspace(title, scope.redis(), `${prefix}:`);
    const missing = expectedKeys.filter((key) => !(key in found));
    assert.deepEqual(missing, [], `missing beside ${Object.keys(found)}`);
  });
}

/** Takes the next job and finishes it: fails it when error is given. */
async function finishNext(worker, token, { result = 'ok', error } = {}) {
  const job = await worker.getNextJob(token, { block: false });
  if (error) await job.moveToFailed(new bull.UnrecoverableError(error), token, false);
  else await job.moveToCompleted(result, token, false);
  return job;
}

scenario('jobs waiting, prioritized, delayed and paused', async ({ queue }) => {
  await queue.addBulk(range(3).map((n) => ({ name: 'w', data: { n, text: 'ü"\\' } })));
  await queue.add('lifo', {}, { lifo: true, attempts: 3, backoff: { type: 'exponential', delay: 100 } });
  for (const priority of [5, 1, 5]) await queue.add('p', {}, { priority });
  await queue.add('d', {}, { delay: HOUR_MS, jobId: 'late' });
  await queue.add('dd', {}, { deduplication: { id: 'once', ttl: HOUR_MS } });
  await queue.add('dd', {}, { deduplication: { id: 'once', ttl: HOUR_MS } });
  await queue.pause();
  await queue.setGlobalConcurrency(7);
}, ['q:meta', 'q:id', 'q:prioritized', 'q:delayed', 'q:pc', 'q:events', 'q:late', 'q:de:once', 'q:1']);

scenario('jobs completed and failed, with logs, progress, metrics and a lock', async ({ queue, worker }) => {
  for (const n of range(5)) await queue.add('n', { n }, { jobId: `job-${n}`, removeOnComplete: 2 });
  for (const n of range(3)) await finishNext(worker, `t${n}`, { result: { n } });
  await finishNext(worker, 't3', { error: 'no good' });
  const active = await worker.getNextJob('t4', { block: false });
  await active.updateProgress({ half: true });
  for (const n of range(3)) await active.log(`line ${n}`);
  const failed = await queue.getJob('job-3');
  await failed.updateData({ changed: true });
}, ['q:completed', 'q:failed', 'q:active', 'q:job-1', 'q:job-3', 'q:job-4', 'q:job-4:lock', 'q:job-4:logs', 'q:metrics:completed']);

scenario('jobs retried, moved and removed', async ({ queue, worker }) => {
  for (const n of range(6)) await queue.add('n', { n }, { jobId: `job-${n}`, attempts: 2, backoff: HOUR_MS });
  await finishNext(worker, 't0', { error: 'once' });
  await (await queue.getJob('job-0')).retry();
  const again = await worker.getNextJob('t1', { block: false });
  await again.moveToFailed(new Error('later'), 't1', false);
  const delayed = await worker.getNextJob('t2', { block: false });
  await delayed.moveToDelayed(TIME_MS * 1.5, 't2');
  await queue.remove('job-3');
  await (await queue.getJob('job-4')).changePriority({ priority: 9 });
  await delayed.promote();
}, ['q:delayed', 'q:prioritized', 'q:wait', 'q:job-0', 'q:job-1', 'q:job-2']);

scenario('a flow, half done', async ({ scope, prefix, queue, worker }) => {
  const flow = scope.flow({ prefix });
  const child = (n, opts = {}) => ({ name: `c${n}`, queueName: 'q', data: { n }, opts: { jobId: `c${n}`, timestamp: TIME_MS, ...opts } });
  await flow.add({
    name: 'parent',
    queueName: 'p',
    data: {},
    opts: { jobId: 'parent', timestamp: TIME_MS },
    children: [child(0), child(1, { ignoreDependencyOnFailure: true }), child(2), child(3, { removeDependencyOnFailure: true })],
  });
  assert.equal(await queue.getWaitingCount(), 4);
  await finishNext(worker, 't0', { result: { v: 0 } });
  await finishNext(worker, 't1', { error: 'ignored' });
}, ['p:waiting-children', 'p:parent', 'p:parent:dependencies', 'p:parent:processed', 'q:completed', 'q:failed']);

scenario('schedulers', async ({ queue }) => {
  const opts = { attempts: 2, timestamp: TIME_MS };
  await queue.upsertJobScheduler('yearly', { pattern: '0 0 3 1 1 *', tz: 'UTC', startDate: '2038-01-02T00:00:00Z' }, { name: 'n', data: { a: 1 }, opts });
  await queue.upsertJobScheduler('gone', { pattern: '0 0 3 1 1 *', tz: 'UTC', startDate: '2038-01-02T00:00:00Z' });
  await queue.removeJobScheduler('gone');
}, ['q:repeat', 'q:repeat:yearly', 'q:delayed']);

scenario('after clean, drain and obliterate', async ({ queue, worker }) => {
  for (const n of range(4)) await queue.add('n', { n }, { jobId: `job-${n}` });
  for (const n of range(2)) await finishNext(worker, `t${n}`);
  await queue.clean(0, 1, 'completed');
  await queue.drain();
}, ['q:meta', 'q:completed', 'q:events']);
