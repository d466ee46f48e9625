// SPDX-License-Identifier: MIT
// Jobs as they are added: ids, data, order, delay, priority, size limit, bulk.
import { assert, counts, eventOf, gate, range, state, test, until } from '../lib/bull.mjs';

const PRIORITY_MAX = 2 ** 21 - 1;

/** Runs all that waits with one worker and gives the names in the order in which they ran. */
async function runOrder(scope, queue, count) {
  const order = [];
  scope.worker(queue.name, async (job) => void order.push(job.name));
  await counts(queue, { completed: count });
  return order;
}

test('a job keeps its name, data and options', async (scope) => {
  const queue = scope.queue();
  const data = { text: 'ünï\u0000code 🎉 \u2028', nested: { list: [1, 2.5, null, true, 'x'] }, empty: {}, none: [] };
  const added = await queue.add('mail', data, { attempts: 3, timestamp: 1_700_000_000_123 });
  assert.equal(added.id, '1');
  const job = await queue.getJob('1');
  assert.equal(job.name, 'mail');
  assert.deepEqual(job.data, data);
  assert.equal(job.timestamp, 1_700_000_000_123);
  assert.equal(job.opts.attempts, 3);
  assert.equal(job.attemptsMade, 0);
  assert.equal(job.queueQualifiedName, `bull:${queue.name}`);
  assert.equal(await job.getState(), 'waiting');
  assert.equal(await job.isWaiting(), true);
});

test('data of a megabyte goes there and back', async (scope) => {
  const queue = scope.queue();
  const data = { bytes: 'é'.repeat(500_000) };
  const { id } = await queue.add('big', data);
  assert.deepEqual((await queue.getJob(id)).data, data);
  scope.worker(queue.name, async (job) => job.data.bytes.length);
  assert.equal((await state(queue, id, 'completed')).returnvalue, 500_000);
});

test('a job that is not there is undefined', async (scope) => {
  const queue = scope.queue();
  assert.equal(await queue.getJob('nobody'), undefined);
  assert.equal(await queue.getJobState('nobody'), 'unknown');
});

test('a custom id is kept, and a second job with it is not added', async (scope) => {
  const queue = scope.queue();
  const events = await scope.events(queue.name);
  const duplicated = eventOf(events, 'duplicated', ({ jobId }) => jobId === 'invoice-7');
  const first = await queue.add('a', { n: 1 }, { jobId: 'invoice-7' });
  const second = await queue.add('b', { n: 2 }, { jobId: 'invoice-7' });
  await duplicated;
  assert.equal(first.id, 'invoice-7');
  assert.equal(second.id, 'invoice-7');
  assert.equal(await queue.getWaitingCount(), 1);
  const job = await queue.getJob('invoice-7');
  assert.equal(job.name, 'a');
  assert.deepEqual(job.data, { n: 1 });
});

test('a custom id with a colon or made of digits is refused', async (scope) => {
  const queue = scope.queue();
  await assert.rejects(queue.add('a', {}, { jobId: 'with:colon' }), /cannot contain :/);
  await assert.rejects(queue.add('a', {}, { jobId: '17' }), /cannot be integers/);
  assert.equal(await queue.count(), 0);
});

test('ids count up over queues of one name', async (scope) => {
  const one = scope.queue();
  const two = scope.queue(one.name);
  const ids = [];
  for (const queue of [one, two, one, two]) ids.push((await queue.add('n', {})).id);
  assert.deepEqual(ids, ['1', '2', '3', '4']);
});

test('addBulk adds in order, with options of each job', async (scope) => {
  const queue = scope.queue();
  const jobs = await queue.addBulk([
    { name: 'a', data: { n: 1 } },
    { name: 'b', data: { n: 2 }, opts: { delay: 3_600_000 } },
    { name: 'c', data: { n: 3 }, opts: { priority: 5 } },
    { name: 'd', data: { n: 4 }, opts: { jobId: 'own' } },
  ]);
  assert.deepEqual(jobs.map((job) => job.id), ['1', '2', '3', 'own']);
  const states = await Promise.all(jobs.map((job) => job.getState()));
  assert.deepEqual(states, ['waiting', 'delayed', 'prioritized', 'waiting']);
});

test('addBulk adds a thousand jobs, and each runs once', async (scope) => {
  const queue = scope.queue();
  const jobs = await queue.addBulk(range(1000).map((n) => ({ name: 'n', data: { n } })));
  assert.equal(new Set(jobs.map((job) => job.id)).size, 1000);
  const runs = new Map();
  scope.worker(queue.name, async (job) => void runs.set(job.data.n, (runs.get(job.data.n) ?? 0) + 1), { concurrency: 20 });
  await counts(queue, { completed: 1000, wait: 0, active: 0 });
  assert.equal(runs.size, 1000);
  assert.ok([...runs.values()].every((count) => count === 1));
});

test('waiting jobs run first in, first out', async (scope) => {
  const queue = scope.queue();
  for (const name of ['a', 'b', 'c', 'd']) await queue.add(name, {});
  assert.deepEqual(await runOrder(scope, queue, 4), ['a', 'b', 'c', 'd']);
});

test('lifo jobs run before those that wait, last in first', async (scope) => {
  const queue = scope.queue();
  await queue.add('a', {});
  await queue.add('b', {});
  await queue.add('c', {}, { lifo: true });
  await queue.add('d', {}, { lifo: true });
  assert.deepEqual(await runOrder(scope, queue, 4), ['d', 'c', 'a', 'b']);
});

test('a lower priority number runs earlier, equal ones in order, none before all', async (scope) => {
  const queue = scope.queue();
  for (const [name, priority] of [['e', PRIORITY_MAX], ['c', 10], ['b', 1], ['d', 10], ['a', 0], ['b2', 1]]) {
    await queue.add(name, {}, { priority });
  }
  assert.equal(await queue.getPrioritizedCount(), 5);
  const found = await queue.getCountsPerPriority([0, 1, 10, PRIORITY_MAX]);
  assert.deepEqual({ ...found }, { 0: 1, 1: 2, 10: 2, [PRIORITY_MAX]: 1 });
  assert.deepEqual(await runOrder(scope, queue, 6), ['a', 'b', 'b2', 'c', 'd', 'e']);
});

test('a priority out of range is refused', async (scope) => {
  const queue = scope.queue();
  await assert.rejects(queue.add('a', {}, { priority: PRIORITY_MAX + 1 }), /Priority should be between 0 and 2097151/);
  await assert.rejects(queue.add('a', {}, { priority: 1.5 }), /Priority should not be float/);
});

test('changePriority reorders waiting jobs, and lifo puts a job first in its priority', async (scope) => {
  const queue = scope.queue();
  const [a, b, c] = await queue.addBulk(['a', 'b', 'c'].map((name) => ({ name, data: {}, opts: { priority: 5 } })));
  await c.changePriority({ priority: 1 });
  await b.changePriority({ priority: 5, lifo: true });
  await queue.add('d', {});
  await (await queue.add('e', {})).changePriority({ priority: 2 });
  assert.equal((await queue.getJob(c.id)).priority, 1);
  await a.changePriority({ priority: 5 });
  assert.deepEqual(await runOrder(scope, queue, 5), ['d', 'c', 'e', 'b', 'a']);
});

test('a delayed job runs when its time has come, in order of time', async (scope) => {
  const queue = scope.queue();
  const added = Date.now();
  await queue.add('late', {}, { delay: 400 });
  await queue.add('soon', {}, { delay: 150 });
  assert.equal(await queue.getDelayedCount(), 2);
  const order = [];
  scope.worker(queue.name, async (job) => void order.push([job.name, Date.now() - added]));
  await counts(queue, { completed: 2 });
  assert.deepEqual(order.map(([name]) => name), ['soon', 'late']);
  assert.ok(order[0][1] >= 145, `ran after ${order[0][1]} ms`);
  assert.ok(order[1][1] >= 395, `ran after ${order[1][1]} ms`);
});

test('a delayed job keeps its priority', async (scope) => {
  const queue = scope.queue();
  await queue.pause();
  const low = await queue.add('low', {}, { priority: 9, delay: 50 });
  const high = await queue.add('high', {}, { priority: 2, delay: 60 });
  await until('both delays to be over', () => Date.now() > high.timestamp + 60);
  await low.promote();
  await high.promote();
  await queue.resume();
  assert.deepEqual(await runOrder(scope, queue, 2), ['high', 'low']);
});

test('changeDelay moves a delayed job in time', async (scope) => {
  const queue = scope.queue();
  const job = await queue.add('a', {}, { delay: 3_600_000 });
  await job.changeDelay(50);
  assert.equal((await queue.getJob(job.id)).delay, 50);
  scope.worker(queue.name, async () => 'ran');
  assert.equal((await state(queue, job.id, 'completed')).returnvalue, 'ran');
  await assert.rejects(job.changeDelay(50), /is not in the delayed state/);
});

test('promote makes a delayed job wait for a worker now', async (scope) => {
  const queue = scope.queue();
  const job = await queue.add('a', {}, { delay: 3_600_000 });
  assert.equal(await job.isDelayed(), true);
  await job.promote();
  assert.equal(await job.getState(), 'waiting');
  assert.equal((await queue.getJob(job.id)).delay, 0);
  await assert.rejects(job.promote(), /is not in the delayed state/);
});

test('a negative delay is no delay', async (scope) => {
  const queue = scope.queue();
  const job = await queue.add('a', {}, { delay: -50 });
  assert.equal(await job.getState(), 'waiting');
});

test('sizeLimit refuses data that is larger', async (scope) => {
  const queue = scope.queue();
  await queue.add('fits', { a: 'x' }, { sizeLimit: 9 });
  await assert.rejects(queue.add('a', { a: 'xx' }, { sizeLimit: 9 }), /exceeds the limit 9 bytes/);
  await assert.rejects(queue.add('a', { a: 'é' }, { sizeLimit: 9 }), /exceeds the limit 9 bytes/);
  assert.equal(await queue.count(), 1);
});

test('defaultJobOptions of a queue hold unless a job says otherwise', async (scope) => {
  const queue = scope.queue(scope.name(), { defaultJobOptions: { attempts: 4, removeOnComplete: true } });
  const [a, b] = [await queue.add('a', {}), await queue.add('b', {}, { attempts: 1, removeOnComplete: false })];
  assert.equal(a.opts.attempts, 4);
  assert.equal((await queue.getJob(b.id)).opts.attempts, 1);
  scope.worker(queue.name, async () => {});
  await state(queue, b.id, 'completed');
  assert.equal(await queue.getJob(a.id), undefined);
});

test('telemetry metadata travels with the job', async (scope) => {
  const queue = scope.queue();
  const telemetry = { metadata: '{"traceparent":"00-1-2-01"}' };
  const { id } = await queue.add('a', {}, { telemetry });
  assert.deepEqual((await queue.getJob(id)).opts.telemetry, telemetry);
  const stored = JSON.parse(await scope.redis().hget(`bull:${queue.name}:${id}`, 'opts'));
  assert.equal(stored.tm, telemetry.metadata);
});

test('updateData replaces the data, also while the job runs', async (scope) => {
  const queue = scope.queue();
  const job = await queue.add('a', { step: 1 });
  await job.updateData({ step: 2 });
  const [started, changed] = [gate(), gate()];
  scope.worker(queue.name, async (running) => {
    started.open(running.data);
    await changed.opened;
    await running.updateData({ step: 3 });
    return running.data;
  });
  assert.deepEqual(await started.opened, { step: 2 });
  changed.open();
  const done = await state(queue, job.id, 'completed');
  assert.deepEqual(done.data, { step: 3 });
  assert.deepEqual(done.returnvalue, { step: 3 });
  await job.remove();
  await assert.rejects(job.updateData({}), /Missing key for job/);
});

test('remove takes a job out of every state, but not one that runs', async (scope) => {
  const queue = scope.queue();
  const events = await scope.events(queue.name);
  const running = gate();
  const waiting = await queue.add('waiting', {});
  const removed = eventOf(events, 'removed', ({ jobId }) => jobId === waiting.id);
  await waiting.remove();
  assert.equal((await removed)[0].prev, 'wait');
  for (const opts of [{ delay: 60_000 }, { priority: 3 }]) {
    const job = await queue.add('a', {}, opts);
    assert.equal(await queue.remove(job.id), 1);
    assert.equal(await job.getState(), 'unknown');
  }
  assert.equal(await queue.remove('nobody'), 1);
  scope.worker(queue.name, () => running.opened);
  const active = await queue.add('runs', {});
  await state(queue, active.id, 'active');
  await assert.rejects(active.remove(), /locked by another worker/);
  assert.equal(await queue.remove(active.id), 0);
  running.open('done');
  await state(queue, active.id, 'completed');
  await active.remove();
  assert.equal(await queue.getJob(active.id), undefined);
});

test('a prefix of its own keeps queues of one name apart', async (scope) => {
  const name = scope.name();
  const one = scope.queue(name, { prefix: 'one' });
  const two = scope.queue(name, { prefix: 'two' });
  await one.add('a', { from: 'one' });
  await two.add('b', { from: 'two' });
  const seen = [];
  scope.worker(name, async (job) => void seen.push(job.data.from), { prefix: 'two' });
  await counts(two, { completed: 1 });
  assert.deepEqual(seen, ['two']);
  assert.equal(await one.getWaitingCount(), 1);
});

test('what a producer adds at once from several connections is all there', async (scope) => {
  const name = scope.name();
  const queues = range(4).map(() => scope.queue(name));
  await Promise.all(range(200).map((n) => queues[n % 4].add('n', { n })));
  const jobs = await queues[0].getWaiting(0, -1);
  assert.equal(jobs.length, 200);
  assert.deepEqual(jobs.map((job) => job.data.n).sort((a, b) => a - b), range(200));
  assert.equal(new Set(jobs.map((job) => job.id)).size, 200);
});
