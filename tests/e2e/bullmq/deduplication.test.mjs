// SPDX-License-Identifier: MIT
// Deduplication: simple, throttle with ttl, debounce with extend and replace, keepLastIfActive, reschedule.
import { assert, counts, eventOf, gate, pause, state, test, until, variant } from '../lib/bull.mjs';

const add = (queue, n, deduplication, opts = {}) => queue.add('n', { n }, { deduplication, ...opts });

test('simple: a second job is not added until the first has finished', async (scope) => {
  const queue = scope.queue();
  const events = await scope.events(queue.name);
  const told = eventOf(events, 'deduplicated');
  const go = gate();
  const first = await add(queue, 1, { id: 'same' });
  const second = await add(queue, 2, { id: 'same' });
  assert.equal(second.id, first.id);
  const [{ jobId, deduplicationId, deduplicatedJobId }] = await told;
  assert.deepEqual([jobId, deduplicationId], [first.id, 'same']);
  assert.ok(deduplicatedJobId);
  assert.equal(await queue.getDeduplicationJobId('same'), first.id);
  scope.worker(queue.name, () => go.opened);
  await state(queue, first.id, 'active');
  assert.equal((await add(queue, 3, { id: 'same' })).id, first.id);
  go.open();
  await state(queue, first.id, 'completed');
  assert.equal(await queue.getDeduplicationJobId('same'), null);
  const later = await add(queue, 4, { id: 'same' });
  assert.notEqual(later.id, first.id);
  assert.deepEqual((await state(queue, later.id, 'completed')).data, { n: 4 });
});

test('simple: a failed job lets the next one in, another id is another matter', async (scope) => {
  const queue = scope.queue();
  scope.worker(queue.name, async () => Promise.reject(new Error('no')));
  const first = await add(queue, 1, { id: 'x' });
  await state(queue, first.id, 'failed');
  const next = await add(queue, 2, { id: 'x' });
  const other = await add(queue, 3, { id: 'y' });
  assert.equal(new Set([first.id, next.id, other.id]).size, 3);
  assert.equal(next.deduplicationId, 'x');
});

test('throttle: within ttl no second job, even when the first has finished', async (scope) => {
  const queue = scope.queue();
  const redis = scope.redis();
  scope.worker(queue.name, async () => {});
  const first = await add(queue, 1, { id: 't', ttl: 60_000 });
  await state(queue, first.id, 'completed');
  assert.equal((await add(queue, 2, { id: 't', ttl: 60_000 })).id, first.id);
  await redis.pexpire(`bull:${queue.name}:de:t`, 50);
  await until('the ttl to be over', async () => (await queue.getDeduplicationJobId('t')) === null);
  const later = await add(queue, 3, { id: 't', ttl: 60_000 });
  assert.notEqual(later.id, first.id);
  await counts(queue, { completed: 2 });
});

test('debounce: extend and replace leave the last data, and start the delay anew', async (scope) => {
  const queue = scope.queue();
  const redis = scope.redis();
  const rules = { id: 'd', ttl: 60_000, extend: true, replace: true };
  let last;
  for (const n of [1, 2, 3]) {
    last = await add(queue, n, rules, { delay: 1000 });
    await pause(20);
  }
  assert.equal(await queue.getDelayedCount(), 1);
  const ttl = await redis.pttl(`bull:${queue.name}:de:d`);
  assert.ok(ttl > 30_000 && ttl <= 60_000, `ttl ${ttl}`);
  const ran = [];
  scope.worker(queue.name, async (job) => void ran.push([job.data.n, Date.now() - last.timestamp]));
  await counts(queue, { completed: 1, delayed: 0 });
  assert.deepEqual(ran.map(([n]) => n), [3]);
  assert.ok(ran[0][1] >= 995, `ran after ${ran[0][1]} ms`);
});

test('extend alone keeps the first job and renews its ttl', async (scope) => {
  const queue = scope.queue();
  const redis = scope.redis();
  const key = `bull:${queue.name}:de:e`;
  const first = await add(queue, 1, { id: 'e', ttl: 5000 });
  await redis.pexpire(key, 1000);
  assert.equal((await add(queue, 2, { id: 'e', ttl: 5000, extend: true })).id, first.id);
  assert.ok((await redis.pttl(key)) > 4000);
  assert.deepEqual((await queue.getJob(first.id)).data, { n: 1 });
});

test('replace has no effect on a job that already waits', async (scope) => {
  const queue = scope.queue();
  const first = await add(queue, 1, { id: 'r', replace: true });
  const second = await add(queue, 2, { id: 'r', replace: true });
  assert.equal(second.id, first.id);
  assert.deepEqual((await queue.getJob(first.id)).data, { n: 1 });
});

test('keepLastIfActive: what came while a job ran runs once after it, with the last data', async (scope) => {
  const queue = scope.queue();
  const go = gate();
  const ran = [];
  scope.worker(queue.name, async (job) => {
    ran.push(job.data.n);
    if (job.data.n === 1) await go.opened;
  }, { concurrency: 5 });
  const rules = { id: 'k', keepLastIfActive: true };
  const first = await add(queue, 1, rules);
  await state(queue, first.id, 'active');
  for (const n of [2, 3, 4]) await add(queue, n, rules);
  assert.equal(await queue.getWaitingCount(), 0);
  go.open();
  await counts(queue, { completed: 2, wait: 0, active: 0 });
  assert.deepEqual(ran, [1, 4]);
});

test('keepLastIfActive: a job that fails is followed too', async (scope) => {
  const queue = scope.queue();
  const go = gate();
  scope.worker(queue.name, async (job) => {
    if (job.data.n !== 1) return;
    await go.opened;
    throw new Error('no');
  });
  const rules = { id: 'k', keepLastIfActive: true };
  const first = await add(queue, 1, rules);
  await state(queue, first.id, 'active');
  await add(queue, 2, rules);
  go.open();
  await counts(queue, { failed: 1, completed: 1 });
});

test('removeDeduplicationKey, of the queue and of the job, lets the next job in', async (scope) => {
  const queue = scope.queue();
  const first = await add(queue, 1, { id: 'm' });
  assert.equal(await queue.removeDeduplicationKey('m'), 1);
  assert.equal(await queue.removeDeduplicationKey('m'), 0);
  const second = await add(queue, 2, { id: 'm' });
  assert.notEqual(second.id, first.id);
  assert.equal(await first.removeDeduplicationKey(), false);
  assert.equal(await second.removeDeduplicationKey(), true);
  assert.equal(await queue.getDeduplicationJobId('m'), null);
});

test('removing the job frees its deduplication id', async (scope) => {
  const queue = scope.queue();
  const first = await add(queue, 1, { id: 'f' });
  await first.remove();
  assert.equal(await queue.getDeduplicationJobId('f'), null);
  assert.notEqual((await add(queue, 2, { id: 'f' })).id, first.id);
});

if (variant.major >= 6) {
  test('reschedule moves the delayed job in time and keeps its data', async (scope) => {
    const queue = scope.queue();
    const first = await add(queue, 1, { id: 's' }, { delay: 60_000 });
    const again = await add(queue, 2, { id: 's', reschedule: true }, { delay: 3_600_000 });
    assert.equal(again.id, first.id);
    const job = await queue.getJob(first.id);
    assert.deepEqual(job.data, { n: 1 });
    assert.equal(job.delay, 3_600_000);
  });
}
