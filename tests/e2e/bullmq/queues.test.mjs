// SPDX-License-Identifier: MIT
// What a queue can do with all its jobs: pause, drain, clean, obliterate, retry, promote, count, page, limit, measure.
import { activations, assert, counts, crowd, eventOf, gate, range, state, test, until, variant } from '../lib/bull.mjs';

const HOUR_MS = 3_600_000;

/** Fills a queue with jobs in every state that needs no worker, and with finished ones. */
async function fill(scope, queue, { completed = 0, failed = 0, wait = 0, delayed = 0, prioritized = 0 }) {
  const worker = scope.worker(queue.name, async (job) => {
    if (job.name === 'fails') throw new Error('no');
  });
  for (const n of range(completed)) await queue.add('works', { n }, { jobId: `c${n}` });
  for (const n of range(failed)) await queue.add('fails', { n }, { jobId: `f${n}` });
  await counts(queue, { completed, failed });
  await worker.close();
  for (const n of range(wait)) await queue.add('waits', { n }, { jobId: `w${n}` });
  for (const n of range(delayed)) await queue.add('delayed', { n }, { jobId: `d${n}`, delay: HOUR_MS + n * 1000 });
  for (const n of range(prioritized)) await queue.add('prioritized', { n }, { jobId: `p${n}`, priority: n + 1 });
}

const ids = (jobs) => jobs.map((job) => job.id);

test('pause holds the jobs, resume lets them run', async (scope) => {
  const queue = scope.queue();
  const events = await scope.events(queue.name);
  const [paused, resumed] = [eventOf(events, 'paused'), eventOf(events, 'resumed')];
  await queue.add('before', {});
  await queue.pause();
  await paused;
  assert.equal(await queue.isPaused(), true);
  await queue.add('after', {});
  await queue.add('urgent', {}, { priority: 1 });
  assert.equal(await queue.count(), 3);
  const puller = scope.worker(queue.name, null);
  assert.equal(await puller.getNextJob('token', { block: false }), undefined);
  await queue.resume();
  await resumed;
  assert.equal(await queue.isPaused(), false);
  const ran = [];
  scope.worker(queue.name, async (job) => void ran.push(job.name));
  await counts(queue, { completed: 3 });
  assert.deepEqual(ran, ['before', 'after', 'urgent']);
});

test('a paused queue lets running jobs end', async (scope) => {
  const queue = scope.queue();
  const go = gate();
  scope.worker(queue.name, () => go.opened);
  const [first, second] = [await queue.add('a', {}), await queue.add('b', {})];
  await state(queue, first.id, 'active');
  await queue.pause();
  go.open();
  await state(queue, first.id, 'completed');
  assert.notEqual(await second.getState(), 'active');
  await queue.resume();
  await state(queue, second.id, 'completed');
});

test('drain removes what waits, and the delayed when asked', async (scope) => {
  const queue = scope.queue();
  await fill(scope, queue, { completed: 1, failed: 1, wait: 3, delayed: 2, prioritized: 2 });
  await queue.drain();
  const left = await queue.getJobCounts('wait', 'prioritized', 'delayed', 'completed', 'failed');
  assert.deepEqual(left, { wait: 0, prioritized: 0, delayed: 2, completed: 1, failed: 1 });
  assert.equal(await queue.getJob('w0'), undefined);
  await queue.drain(true);
  assert.equal(await queue.getDelayedCount(), 0);
});

test('drain empties a paused queue', async (scope) => {
  const queue = scope.queue();
  await queue.pause();
  await queue.addBulk(range(5).map((n) => ({ name: 'n', data: { n } })));
  await queue.drain();
  assert.equal(await queue.count(), 0);
});

test('clean removes jobs of each state and gives their ids', async (scope) => {
  const queue = scope.queue();
  const events = await scope.events(queue.name);
  await fill(scope, queue, { completed: 2, failed: 2, wait: 2, delayed: 2, prioritized: 2 });
  const told = eventOf(events, 'cleaned');
  assert.deepEqual((await queue.clean(0, 100, 'completed')).sort(), ['c0', 'c1']);
  assert.equal((await told)[0].count, '2');
  assert.deepEqual((await queue.clean(0, 100, 'failed')).sort(), ['f0', 'f1']);
  assert.deepEqual((await queue.clean(0, 100, 'wait')).sort(), ['w0', 'w1']);
  assert.deepEqual((await queue.clean(0, 100, 'delayed')).sort(), ['d0', 'd1']);
  assert.deepEqual((await queue.clean(0, 100, 'prioritized')).sort(), ['p0', 'p1']);
  assert.deepEqual(await queue.clean(0, 100, 'completed'), []);
  const left = await queue.getJobCounts();
  assert.equal(Object.values(left).reduce((a, b) => a + b, 0), 0);
});

test('clean spares what is younger than grace, and takes no more than its limit', async (scope) => {
  const queue = scope.queue();
  await fill(scope, queue, { completed: 5 });
  assert.deepEqual(await queue.clean(HOUR_MS, 100, 'completed'), []);
  assert.equal((await queue.clean(0, 3, 'completed')).length, 3);
  assert.equal(await queue.getCompletedCount(), 2);
});

test('clean of a thousand jobs takes them all', async (scope) => {
  const queue = scope.queue();
  await queue.addBulk(range(1000).map((n) => ({ name: 'n', data: { n } })));
  assert.equal((await queue.clean(0, 0, 'wait')).length, 1000);
  assert.equal(await queue.count(), 0);
});

test('obliterate leaves no key of the queue', async (scope) => {
  const queue = scope.queue();
  const redis = scope.redis();
  await fill(scope, queue, { completed: 3, failed: 3, wait: 3, delayed: 3, prioritized: 3 });
  await (await queue.getJob('w0')).log('line');
  await queue.obliterate();
  assert.deepEqual(await redis.keys(`bull:${queue.name}:*`), []);
});

test('obliterate refuses while jobs run, unless forced', async (scope) => {
  const queue = scope.queue();
  const redis = scope.redis();
  const go = gate();
  const worker = scope.worker(queue.name, () => go.opened);
  scope.expectsErrors = true; // the job that runs loses its key
  const { id } = await queue.add('a', {});
  await state(queue, id, 'active');
  await assert.rejects(queue.obliterate(), /Cannot obliterate queue with active jobs/);
  await queue.obliterate({ force: true });
  go.open();
  await worker.close();
  assert.deepEqual(await redis.keys(`bull:${queue.name}:${id}`), []);
});

test('obliterate in small steps removes all', async (scope) => {
  const queue = scope.queue();
  await queue.addBulk(range(250).map((n) => ({ name: 'n', data: { n } })));
  await queue.obliterate({ count: 30 });
  assert.equal(await queue.count(), 0);
});

test('retryJobs moves failed jobs back, with a count and up to a time', async (scope) => {
  const queue = scope.queue();
  await fill(scope, queue, { failed: 6 });
  await queue.retryJobs({ count: 2, timestamp: Date.now() - HOUR_MS });
  assert.equal(await queue.getFailedCount(), 6);
  await queue.retryJobs({ count: 2 });
  assert.equal(await queue.getFailedCount(), 0);
  assert.equal(await queue.getWaitingCount(), 6);
  scope.worker(queue.name, async () => 'ok');
  await counts(queue, { completed: 6, failed: 0 });
  assert.equal((await queue.getJob('f0')).failedReason, undefined);
});

test('retryJobs moves completed jobs back', async (scope) => {
  const queue = scope.queue();
  await fill(scope, queue, { completed: 4 });
  await queue.retryJobs({ state: 'completed' });
  const left = await queue.getJobCounts('completed', 'wait');
  assert.deepEqual(left, { completed: 0, wait: 4 });
});

test('promoteJobs makes all delayed jobs wait', async (scope) => {
  const queue = scope.queue();
  await fill(scope, queue, { delayed: 5 });
  await queue.promoteJobs({ count: 2 });
  const left = await queue.getJobCounts('delayed', 'wait');
  assert.deepEqual(left, { delayed: 0, wait: 5 });
});

test('the counts tell jobs in each state', async (scope) => {
  const queue = scope.queue();
  await fill(scope, queue, { completed: 1, failed: 2, wait: 3, delayed: 4, prioritized: 5 });
  const found = await queue.getJobCounts();
  const expected = { active: 0, completed: 1, delayed: 4, failed: 2, prioritized: 5, 'waiting-children': 0 };
  for (const [type, count] of Object.entries(expected)) assert.equal(found[type], count, type);
  assert.equal(await queue.getWaitingCount(), 3);
  assert.equal(await queue.getCompletedCount(), 1);
  assert.equal(await queue.getFailedCount(), 2);
  assert.equal(await queue.getDelayedCount(), 4);
  assert.equal(await queue.getPrioritizedCount(), 5);
  assert.equal(await queue.getActiveCount(), 0);
  assert.equal(await queue.getWaitingChildrenCount(), 0);
  assert.equal(await queue.count(), 12);
  assert.equal(await queue.getJobCountByTypes('completed', 'failed'), 3);
});

test('getters page through each state', async (scope) => {
  const queue = scope.queue();
  await fill(scope, queue, { completed: 5, failed: 5, wait: 5, delayed: 5, prioritized: 5 });
  assert.deepEqual(ids(await queue.getWaiting(1, 2)), ['w1', 'w2']);
  assert.deepEqual(ids(await queue.getDelayed(0, 1)), ['d0', 'd1']);
  assert.deepEqual(ids(await queue.getPrioritized(3, -1)), ['p3', 'p4']);
  assert.deepEqual(ids(await queue.getCompleted(0, 1)), ['c4', 'c3']);
  assert.deepEqual(ids(await queue.getFailed(4, 9)), ['f0']);
  assert.deepEqual(ids(await queue.getActive()), []);
  assert.deepEqual(ids(await queue.getWaitingChildren()), []);
  assert.deepEqual(ids(await queue.getJobs(['wait'], 0, 1, true)), ['w0', 'w1']);
  assert.deepEqual(ids(await queue.getJobs(['wait'], 0, 1, false)), ['w4', 'w3']);
  assert.deepEqual(ids(await queue.getJobs('completed', 0, -1, true)), ['c0', 'c1', 'c2', 'c3', 'c4']);
  assert.equal((await queue.getJobs(['wait', 'delayed', 'failed'])).length, 15);
  assert.equal((await queue.getJobs()).length, 25);
  assert.deepEqual(await queue.getRanges(['delayed'], 0, 1, true), ['d0', 'd1']);
});

test('getCountsPerPriority counts waiting jobs too', async (scope) => {
  const queue = scope.queue();
  await fill(scope, queue, { wait: 2, prioritized: 2 });
  await queue.add('p', {}, { priority: 2 });
  assert.deepEqual({ ...(await queue.getCountsPerPriority([0, 1, 2, 3])) }, { 0: 2, 1: 1, 2: 2, 3: 0 });
});

test('global concurrency bounds what runs over all workers', async (scope) => {
  const queue = scope.queue();
  await queue.setGlobalConcurrency(2);
  assert.equal(await queue.getGlobalConcurrency(), 2);
  const together = crowd(() => 2);
  for (const _ of range(2)) scope.worker(queue.name, together.handler, { concurrency: 5 });
  await queue.addBulk(range(20).map((n) => ({ name: 'n', data: { n } })));
  await counts(queue, { completed: 20 });
  assert.equal(together.most, 2);
  await queue.removeGlobalConcurrency();
  assert.equal(await queue.getGlobalConcurrency(), null);
});

test('isMaxed tells that the global concurrency is reached', async (scope) => {
  const queue = scope.queue();
  await queue.setGlobalConcurrency(1);
  const go = gate();
  scope.worker(queue.name, () => go.opened);
  assert.equal(await queue.isMaxed(), false);
  const { id } = await queue.add('a', {});
  await state(queue, id, 'active');
  assert.equal(await queue.isMaxed(), true);
  go.open();
  await state(queue, id, 'completed');
});

test('a global rate limit holds over all workers', async (scope) => {
  const queue = scope.queue();
  await queue.setGlobalRateLimit(2, 300);
  assert.deepEqual(await queue.getGlobalRateLimit(), { max: 2, duration: 300 });
  for (const _ of range(2)) scope.worker(queue.name, async () => {}, { concurrency: 3 });
  await queue.addBulk(range(6).map((n) => ({ name: 'n', data: { n } })));
  await counts(queue, { completed: 6 });
  const at = await activations(scope, queue);
  assert.ok(at[5] - at[0] >= 500, `6 jobs in ${at[5] - at[0]} ms`);
  await queue.removeGlobalRateLimit();
  assert.equal(await queue.getGlobalRateLimit(), null);
});

test('rateLimit holds the queue for a time, and its key can be removed', async (scope) => {
  const queue = scope.queue();
  await queue.rateLimit(60_000);
  const ttl = await queue.getRateLimitTtl();
  assert.ok(ttl > 50_000 && ttl <= 60_000, `ttl ${ttl}`);
  assert.equal(await queue.removeRateLimitKey(), 1);
  assert.equal(await queue.removeRateLimitKey(), 0);
  scope.worker(queue.name, async () => {});
  const { id } = await queue.add('a', {});
  await state(queue, id, 'completed');
});

test('metrics count what completes and fails by the minute', async (scope) => {
  const queue = scope.queue();
  scope.worker(queue.name, async (job) => {
    if (job.name === 'fails') throw new Error('no');
  }, { metrics: { maxDataPoints: 60 } });
  await queue.addBulk([...range(7)].map((n) => ({ name: n < 2 ? 'fails' : 'works', data: {} })));
  await counts(queue, { completed: 5, failed: 2 });
  const [completed, failed] = [await queue.getMetrics('completed'), await queue.getMetrics('failed')];
  assert.equal(Number(completed.meta.count), 5);
  assert.equal(Number(failed.meta.count), 2);
  assert.ok(Math.abs(Number(completed.meta.prevTS) - Date.now()) < 60_000);
  assert.ok(Array.isArray(completed.data));
});

test('getWorkers and getQueueEvents list the connections of this queue only', async (scope) => {
  const [queue, other] = [scope.queue(), scope.queue()];
  const workers = ['one', 'two'].map((name) => scope.worker(queue.name, async () => {}, { name }));
  scope.worker(other.name, async () => {});
  await Promise.all(workers.map((worker) => worker.waitUntilReady()));
  await until('two workers', async () => (await queue.getWorkersCount()) === 2);
  const found = await queue.getWorkers();
  assert.ok(found.every((worker) => worker.name === queue.name), JSON.stringify(found));
  assert.ok(found.every((worker) => worker.addr.startsWith('127.0.0.1:') && Number(worker.age) >= 0), JSON.stringify(found));
  assert.deepEqual(found.map((worker) => worker.rawname.split(':w:')[1]).sort(), ['one', 'two']);
  await scope.events(queue.name);
  await until('the event listener', async () => (await queue.getQueueEvents()).length === 1);
  await workers[0].close();
  await until('one worker', async () => (await queue.getWorkersCount()) === 1);
});

test('the events stream is trimmed to about maxLen, and to a length when asked', async (scope) => {
  const queue = scope.queue(scope.name(), { streams: { events: { maxLen: 100 } } });
  const redis = scope.redis();
  await until('the meta', async () => (await queue.getMeta()).maxLenEvents);
  await queue.addBulk(range(1000).map((n) => ({ name: 'n', data: { n } })));
  const key = `bull:${queue.name}:events`;
  const length = await redis.xlen(key); // whole nodes of 100 entries go, so up to 99 more may be left
  assert.ok(length >= 100 && length < 200, `${length} events`);
  await queue.trimEvents(0);
  assert.equal(await redis.xlen(key), 0);
});

test('getMeta and getVersion tell of the queue', async (scope) => {
  const queue = scope.queue(scope.name(), { streams: { events: { maxLen: 77 } } });
  await queue.waitUntilReady();
  await until('the meta', async () => (await queue.getMeta()).version);
  await queue.setGlobalConcurrency(3);
  const meta = await queue.getMeta();
  assert.equal(Number(meta.maxLenEvents), 77);
  assert.match(meta.version, new RegExp(`^bullmq:${variant.major}\\.`));
  assert.equal(Number(meta.concurrency), 3);
  assert.equal(meta.paused, false);
  assert.equal(await queue.getVersion(), meta.version);
});

test('exportPrometheusMetrics writes a line for each state', async (scope) => {
  const queue = scope.queue();
  await fill(scope, queue, { completed: 2, failed: 1 });
  const text = await queue.exportPrometheusMetrics({ env: 'test' });
  assert.match(text, new RegExp(`bullmq_job_count\\{queue="${queue.name}", state="completed", env="test"\\} 2`));
  assert.match(text, new RegExp(`state="failed", env="test"\\} 1`));
});

test('a queue tells its own changes with local events', async (scope) => {
  const queue = scope.queue();
  const told = ['waiting', 'paused', 'resumed', 'cleaned', 'removed', 'progress'].map((event) => eventOf(queue, event));
  const job = await queue.add('a', {});
  await queue.pause();
  await queue.resume();
  await job.updateProgress(5);
  await queue.updateJobProgress(job.id, 6);
  await queue.clean(0, 10, 'completed');
  await queue.remove(job.id);
  const [waiting, , , cleaned, removed] = await Promise.all(told);
  assert.equal(waiting[0].id, job.id);
  assert.deepEqual(cleaned, [[], 'completed']);
  assert.equal(removed[0], job.id);
});

test('upkeep: removeOrphanedJobs and removeDeprecatedPriorityKey', async (scope) => {
  const queue = scope.queue();
  const redis = scope.redis();
  await queue.add('kept', {}, { jobId: 'kept' });
  await queue.add('orphan', {}, { jobId: 'orphan' });
  await redis.lrem(`bull:${queue.name}:wait`, 1, 'orphan');
  assert.equal(await queue.removeOrphanedJobs(), 1);
  assert.deepEqual(ids(await queue.getJobs()), ['kept']);
  assert.equal(await redis.exists(`bull:${queue.name}:orphan`), 0);
  await redis.zadd(`bull:${queue.name}:priority`, 1, 'x');
  assert.equal(await queue.removeDeprecatedPriorityKey(), 1);
});
