// SPDX-License-Identifier: MIT
// What is kept of a job: results, progress, logs, finished jobs by count and age, states, waiting for the end.
import { assert, bull, counts, eventOf, gate, range, state, test, until } from '../lib/bull.mjs';

async function idsOf(queue, type) {
  return (await queue.getJobs([type], 0, -1, true)).map((job) => job.id);
}

/** Adds jobs one after another, each when the one before has finished. */
async function runInTurn(queue, events, ids, opts = {}, data = {}) {
  for (const jobId of ids) await (await queue.add('n', data, { jobId, ...opts })).waitUntilFinished(events).catch(() => {});
}

test('a result of any JSON type is kept', async (scope) => {
  const queue = scope.queue();
  const results = [{ a: [1, 'ü'] }, 'text', 42.5, true, null, [], undefined];
  scope.worker(queue.name, async (job) => results[job.data.n]);
  const jobs = await queue.addBulk(results.map((_, n) => ({ name: 'n', data: { n } })));
  await counts(queue, { completed: results.length });
  const kept = await Promise.all(jobs.map(async (job) => (await queue.getJob(job.id)).returnvalue));
  assert.deepEqual(kept, [...results.slice(0, -1), null]);
});

test('progress as a number, an object or a text is stored and announced', async (scope) => {
  const queue = scope.queue();
  const events = await scope.events(queue.name);
  const seen = [];
  events.on('progress', ({ data }) => seen.push(data));
  const go = gate();
  const worker = scope.worker(queue.name, async (job) => {
    await job.updateProgress(25);
    await job.updateProgress({ done: 3, of: 4 });
    await job.updateProgress('nearly');
    await go.opened;
  });
  const atWorker = eventOf(worker, 'progress', (job, progress) => progress === 'nearly');
  const { id } = await queue.add('a', {});
  await atWorker;
  await until('three progress events', () => seen.length === 3);
  assert.deepEqual(seen, [25, { done: 3, of: 4 }, 'nearly']);
  assert.equal((await queue.getJob(id)).progress, 'nearly');
  await queue.updateJobProgress(id, 99);
  assert.equal((await queue.getJob(id)).progress, 99);
  go.open();
  await state(queue, id, 'completed');
  await assert.rejects(queue.updateJobProgress('nobody', 1), /Missing key for job nobody/);
});

test('logs are kept in order, paged from both ends, and cleared', async (scope) => {
  const queue = scope.queue();
  const job = await queue.add('a', {});
  for (const n of range(5)) assert.equal(await job.log(`line ${n}`), n + 1);
  assert.deepEqual(await queue.getJobLogs(job.id), { logs: range(5).map((n) => `line ${n}`), count: 5 });
  assert.deepEqual(await queue.getJobLogs(job.id, 1, 2), { logs: ['line 1', 'line 2'], count: 5 });
  assert.deepEqual(await queue.getJobLogs(job.id, 0, 1, false), { logs: ['line 4', 'line 3'], count: 5 });
  assert.equal(await queue.addJobLog(job.id, 'from the queue'), 6);
  await job.clearLogs(2);
  assert.deepEqual(await queue.getJobLogs(job.id), { logs: ['line 4', 'from the queue'], count: 2 });
  await job.clearLogs();
  assert.deepEqual(await queue.getJobLogs(job.id), { logs: [], count: 0 });
});

test('keepLogs keeps the last lines only', async (scope) => {
  const queue = scope.queue();
  const job = await queue.add('a', {}, { keepLogs: 2 });
  for (const n of range(4)) await job.log(`line ${n}`);
  assert.deepEqual((await queue.getJobLogs(job.id)).logs, ['line 2', 'line 3']);
});

test('removeOnComplete: true keeps nothing', async (scope) => {
  const queue = scope.queue();
  const redis = scope.redis();
  const events = await scope.events(queue.name);
  scope.worker(queue.name, async (job) => void (await job.log('line')));
  await runInTurn(queue, events, ['a', 'b'], { removeOnComplete: true });
  assert.equal(await queue.getCompletedCount(), 0);
  assert.deepEqual(await redis.keys(`bull:${queue.name}:[ab]*`), []);
});

test('removeOnComplete: a number keeps that many', async (scope) => {
  const queue = scope.queue();
  const events = await scope.events(queue.name);
  scope.worker(queue.name, async () => {});
  await runInTurn(queue, events, ['a', 'b', 'c', 'd', 'e'], { removeOnComplete: 2 });
  assert.deepEqual(await idsOf(queue, 'completed'), ['d', 'e']);
  assert.equal(await queue.getJob('c'), undefined);
});

test('removeOnComplete: { count } on the worker, which a job may overrule', async (scope) => {
  const queue = scope.queue();
  const events = await scope.events(queue.name);
  scope.worker(queue.name, async () => {}, { removeOnComplete: { count: 1 } });
  await runInTurn(queue, events, ['a', 'b']);
  assert.deepEqual(await idsOf(queue, 'completed'), ['b']);
  await runInTurn(queue, events, ['c'], { removeOnComplete: false });
  assert.deepEqual(await idsOf(queue, 'completed'), ['b', 'c']);
});

test('removeOnComplete: { age } drops what is older, at most limit at a time', async (scope) => {
  const queue = scope.queue();
  const events = await scope.events(queue.name);
  scope.worker(queue.name, async () => {});
  await runInTurn(queue, events, ['a', 'b', 'c']);
  const hourAgo = Date.now() - 3_600_000;
  await scope.redis().zadd(queue.toKey('completed'), ...(await idsOf(queue, 'completed')).flatMap((id) => [hourAgo, id]));
  await runInTurn(queue, events, ['d'], { removeOnComplete: { age: 600, limit: 2 } });
  assert.equal(await queue.getCompletedCount(), 2);
  await runInTurn(queue, events, ['e'], { removeOnComplete: { age: 600, count: 100 } });
  assert.deepEqual(await idsOf(queue, 'completed'), ['d', 'e']);
});

test('removeOnFail: true, a number, { age, count }', async (scope) => {
  const queue = scope.queue();
  const events = await scope.events(queue.name);
  scope.worker(queue.name, async () => Promise.reject(new Error('no')));
  await runInTurn(queue, events, ['a'], { removeOnFail: true });
  assert.deepEqual(await idsOf(queue, 'failed'), []);
  await runInTurn(queue, events, ['b', 'c', 'd']);
  assert.deepEqual(await idsOf(queue, 'failed'), ['b', 'c', 'd']);
  await runInTurn(queue, events, ['e'], { removeOnFail: 2 });
  assert.deepEqual(await idsOf(queue, 'failed'), ['d', 'e']);
  await runInTurn(queue, events, ['f'], { removeOnFail: { age: 3600, count: 1 } });
  assert.deepEqual(await idsOf(queue, 'failed'), ['f']);
});

test('removeOnFail waits for the last attempt', async (scope) => {
  const queue = scope.queue();
  const events = await scope.events(queue.name);
  const failed = eventOf(events, 'failed');
  scope.worker(queue.name, async () => Promise.reject(new Error('no')));
  const { id } = await queue.add('a', {}, { attempts: 2, backoff: 200, removeOnFail: true });
  await state(queue, id, 'delayed');
  await failed;
  assert.equal(await queue.getJob(id), undefined);
});

test('getState and its kin tell each state', async (scope) => {
  const queue = scope.queue();
  const flow = scope.flow();
  const [started, finish] = [gate(), gate()];
  const tree = await flow.add({ name: 'p', queueName: queue.name, children: [{ name: 'c', queueName: queue.name, opts: { delay: 3_600_000 } }] });
  assert.equal(await tree.job.getState(), 'waiting-children');
  assert.equal(await tree.job.isWaitingChildren(), true);
  const delayed = await queue.add('a', {}, { delay: 3_600_000 });
  const prioritized = await queue.add('a', {}, { priority: 1 });
  const waiting = await queue.add('a', { fails: false });
  assert.deepEqual(await Promise.all([delayed, prioritized, waiting].map((job) => job.getState())), ['delayed', 'prioritized', 'waiting']);
  await prioritized.remove();
  const failing = await queue.add('a', { fails: true });
  scope.worker(queue.name, async (job) => {
    if (job.data.fails) throw new Error('no');
    started.open();
    await finish.opened;
  });
  await started.opened;
  assert.equal(await waiting.isActive(), true);
  assert.equal(await waiting.getState(), 'active');
  finish.open();
  await state(queue, waiting.id, 'completed');
  await state(queue, failing.id, 'failed');
  assert.equal(await waiting.isCompleted(), true);
  assert.equal(await failing.isFailed(), true);
});

test('waitUntilFinished gives the result', async (scope) => {
  const queue = scope.queue();
  const events = await scope.events(queue.name);
  const go = gate();
  scope.worker(queue.name, async () => go.opened.then(() => ({ ok: 1 })));
  const job = await queue.add('a', {});
  const waiting = job.waitUntilFinished(events);
  go.open();
  assert.deepEqual(await waiting, { ok: 1 });
  assert.deepEqual(await job.waitUntilFinished(events), { ok: 1 });
});

test('waitUntilFinished throws what made the job fail', async (scope) => {
  const queue = scope.queue();
  const events = await scope.events(queue.name);
  scope.worker(queue.name, async () => Promise.reject(new Error('the reason')));
  const job = await queue.add('a', {});
  await assert.rejects(job.waitUntilFinished(events), /the reason/);
  await state(queue, job.id, 'failed');
  await assert.rejects(job.waitUntilFinished(events), /the reason/);
});

test('waitUntilFinished gives up after its ttl, and on a job that is gone', async (scope) => {
  const queue = scope.queue();
  const events = await scope.events(queue.name);
  const job = await queue.add('a', {});
  await assert.rejects(job.waitUntilFinished(events, 100), /timed out before finishing, no finish notification arrived after 100ms/);
  await job.remove();
  await assert.rejects(job.waitUntilFinished(events), /Missing key for job/);
});

test('toJSON and asJSON show what is stored', async (scope) => {
  const queue = scope.queue();
  scope.worker(queue.name, async () => 'r', { name: 'worker-1' });
  const { id } = await queue.add('a', { x: 1 }, { attempts: 2 });
  const job = await state(queue, id, 'completed');
  const json = job.toJSON();
  assert.deepEqual(
    [json.name, json.data, json.returnvalue, json.attemptsMade, json.opts.attempts, json.processedBy],
    ['a', { x: 1 }, 'r', 1, 2, 'worker-1'],
  );
  assert.equal(JSON.parse(job.asJSON().data).x, 1);
  assert.equal((await bull.Job.fromId(queue, id)).id, id);
});
