// SPDX-License-Identifier: MIT
// Bull Board in an Express application: each endpoint of its REST interface, over HTTP.
import { openBoard } from '../lib/board.mjs';
import { assert, counts, gate, range, state, test, until } from '../lib/bull.mjs';

const HOUR_MS = 3_600_000;

const board = (scope, queues) => openBoard(queues, (fn) => scope.defer(fn));

/** One queue with a board over it; `put('path')` is below the queue. */
async function boardOf(scope) {
  const queue = scope.queue();
  const call = await board(scope, [queue]);
  const below = (method) => async (path, body) => call(method, `/api/queues/${queue.name}${path}`, body);
  return { queue, call, get: below('GET'), put: below('PUT'), patch: below('PATCH'), post: below('POST') };
}

async function shown(call, queue, query = '') {
  const { status, body } = await call('GET', `/api/queues?activeQueue=${queue.name}${query}`);
  assert.equal(status, 200);
  return body.queues.find(({ name }) => name === queue.name);
}

test('the page and its queues are shown', async (scope) => {
  const [one, two] = [scope.queue(), scope.queue()];
  const call = await board(scope, [one, two]);
  await one.add('a', { x: 1 });
  await two.pause();
  const page = await call('GET', '/');
  assert.equal(page.status, 200);
  assert.match(page.body, /<html/);
  const { body } = await call('GET', '/api/queues');
  assert.deepEqual(body.queues.map(({ name }) => name).sort(), [one.name, two.name].sort());
  const found = await shown(call, one);
  assert.equal(found.counts.waiting, 1);
  assert.equal(found.type, 'bullmq');
  assert.deepEqual(found.jobs.map(({ name, data }) => [name, data]), [['a', { x: 1 }]]);
  assert.equal((await shown(call, two)).isPaused, true);
});

test('jobs are shown by status and page', async (scope) => {
  const { queue, call } = await boardOf(scope);
  await queue.addBulk(range(12).map((n) => ({ name: `n${n}`, data: {} })));
  await queue.add('later', {}, { delay: HOUR_MS });
  await queue.add('first', {}, { priority: 1 });
  const worker = scope.worker(queue.name, null);
  const failing = await worker.getNextJob('t');
  await failing.moveToFailed(new Error('no good'), 't', false);
  const page = await shown(call, queue, '&status=waiting&page=2&jobsPerPage=5');
  assert.equal(page.jobs.length, 5);
  assert.equal(page.pagination.pageCount, 3);
  assert.deepEqual((await shown(call, queue, '&status=delayed')).jobs.map(({ name }) => name), ['later']);
  assert.deepEqual((await shown(call, queue, '&status=prioritized')).jobs.map(({ name }) => name), ['first']);
  const [failed] = (await shown(call, queue, '&status=failed')).jobs;
  assert.equal(failed.failedReason, 'no good');
  assert.equal(failed.isFailed, true);
  assert.match(failed.stacktrace[0], /no good/);
  const all = await shown(call, queue, '&status=latest');
  assert.deepEqual(all.counts, { ...all.counts, waiting: 11, delayed: 1, prioritized: 1, failed: 1, active: 0, completed: 0 });
});

test('the details of the server are shown', async (scope) => {
  const { call } = await boardOf(scope);
  const { status, body } = await call('GET', '/api/redis/stats');
  assert.equal(status, 200);
  assert.equal(body.backend, 'redis');
  assert.match(body.version, /^\d+\.\d+\.\d+/);
  assert.equal(body.mode, 'standalone');
  for (const number of [body.port, body.memory.used, body.memory.peak, body.memory.total, body.clients.connected]) assert.ok(number > 0, JSON.stringify(body));
  for (const number of [body.uptime, body.clients.blocked, body.memory.fragmentationRatio]) assert.ok(number >= 0, JSON.stringify(body));
});

test('a job is added, shown, edited and removed', async (scope) => {
  const { queue, get, post, patch, put } = await boardOf(scope);
  const added = await post('/add', { name: 'new', data: { a: 1 }, options: { attempts: 2, delay: HOUR_MS } });
  assert.equal(added.status, 200);
  assert.equal(added.body.status, 'delayed');
  const { id } = added.body.job;
  const found = await get(`/${id}`);
  assert.equal(found.status, 200);
  assert.equal(found.body.status, 'delayed');
  assert.deepEqual(found.body.job.data, { a: 1 });
  assert.equal((await patch(`/${id}/update-data`, { jobData: { a: 2 } })).status, 200);
  assert.equal((await patch(`/${id}/delay`, { runAt: Date.now() + 2 * HOUR_MS })).status, 200);
  const job = await queue.getJob(id);
  assert.deepEqual(job.data, { a: 2 });
  assert.ok(job.delay > 1.9 * HOUR_MS, `delay ${job.delay}`);
  assert.equal((await put(`/${id}/promote`)).status, 204);
  assert.equal(await queue.getJobState(id), 'waiting');
  assert.equal((await patch(`/${id}/priority`, { priority: 5 })).status, 200);
  assert.equal(await queue.getJobState(id), 'prioritized');
  assert.equal((await put(`/${id}/clean`)).status, 204);
  assert.equal(await queue.getJob(id), undefined);
  assert.equal((await get(`/${id}`)).status, 404);
});

test('a job that runs cannot be removed', async (scope) => {
  const { queue, put } = await boardOf(scope);
  const go = gate();
  scope.worker(queue.name, () => go.opened);
  const { id } = await queue.add('a', {});
  await state(queue, id, 'active');
  assert.equal((await put(`/${id}/clean`)).status, 409);
  go.open();
  await state(queue, id, 'completed');
});

test('one job, or all of a status, are retried', async (scope) => {
  const { queue, put } = await boardOf(scope);
  const worker = scope.worker(queue.name, async () => Promise.reject(new Error('no')));
  const jobs = await queue.addBulk(range(3).map((n) => ({ name: 'n', data: { n } })));
  await counts(queue, { failed: 3 });
  await worker.close();
  assert.equal((await put(`/${jobs[0].id}/retry`)).status, 204);
  await counts(queue, { failed: 2, wait: 1 });
  assert.deepEqual((await put('/retry/failed')).body, { retried: 2, skipped: 0 });
  scope.worker(queue.name, async () => {});
  await counts(queue, { completed: 3 });
  assert.deepEqual((await put('/retry/completed')).body, { retried: 3, skipped: 0 });
  assert.equal((await put('/retry/delayed')).status, 400);
});

test('all delayed jobs are promoted', async (scope) => {
  const { queue, put } = await boardOf(scope);
  await queue.addBulk(range(3).map((n) => ({ name: 'n', data: { n }, opts: { delay: HOUR_MS } })));
  assert.equal((await put('/promote')).status, 200);
  await counts(queue, { delayed: 0, wait: 3 });
});

test('jobs of a status are cleaned, a queue is emptied and obliterated', async (scope) => {
  const { queue, put } = await boardOf(scope);
  const redis = scope.redis();
  const old = { timestamp: Date.now() - HOUR_MS }; // the board spares what is younger than five seconds
  await queue.addBulk([{ name: 'old', data: {}, opts: old }, { name: 'young', data: {} }]);
  assert.equal((await put('/clean/wait')).status, 200);
  assert.deepEqual((await queue.getWaiting()).map(({ name }) => name), ['young']);
  assert.equal((await put('/empty')).status, 200);
  await counts(queue, { wait: 0 });
  await queue.add('a', {}, { delay: HOUR_MS });
  assert.equal((await put('/obliterate', {})).status, 400);
  await queue.pause();
  assert.equal((await put('/obliterate', {})).status, 200);
  assert.deepEqual(await redis.keys(`bull:${queue.name}:*`), []);
});

test('one queue, or all, are paused and resumed', async (scope) => {
  const [one, two] = [scope.queue(), scope.queue()];
  const call = await board(scope, [one, two]);
  const paused = async () => Promise.all([one.isPaused(), two.isPaused()]);
  assert.equal((await call('PUT', `/api/queues/${one.name}/pause`)).status, 200);
  assert.deepEqual(await paused(), [true, false]);
  assert.equal((await call('PUT', '/api/queues/pause')).status, 200);
  assert.deepEqual(await paused(), [true, true]);
  assert.equal((await call('PUT', `/api/queues/${two.name}/resume`)).status, 200);
  assert.deepEqual(await paused(), [true, false]);
  assert.equal((await call('PUT', '/api/queues/resume')).status, 200);
  assert.deepEqual(await paused(), [false, false]);
});

test('logs, workers, metrics and default options are shown', async (scope) => {
  const { queue, get } = await boardOf(scope);
  const worker = scope.worker(queue.name, async (job) => void (await job.log('line 1')), { name: 'w1', metrics: { maxDataPoints: 10 } });
  await worker.waitUntilReady();
  const { id } = await queue.add('a', {});
  await state(queue, id, 'completed');
  assert.deepEqual((await get(`/${id}/logs`)).body, ['line 1']);
  const names = async () => (await get('/workers')).body.workers.map(({ name }) => name);
  await until('the worker', async () => (await names()).includes('w1'));
  const { body } = await get('/metrics');
  assert.equal(body.completed.meta.count, 1);
  assert.equal(body.failed.meta.count, 0);
  assert.equal((await get('/default-job-options')).status, 200);
  assert.equal((await get('/job-data-schema')).status, 200);
});

test('global concurrency and rate limit are set, shown and released', async (scope) => {
  const { queue, call, get, put } = await boardOf(scope);
  assert.equal((await put('/concurrency', { concurrency: 3 })).status, 200);
  assert.equal((await shown(call, queue)).globalConcurrency, 3);
  assert.equal((await put('/rate-limit', { max: 5, duration: 1000 })).status, 200);
  assert.deepEqual((await get('/rate-limit')).body, { supported: true, rateLimit: { max: 5, duration: 1000 } });
  await queue.rateLimit(HOUR_MS);
  assert.ok((await shown(call, queue)).activeRateLimitTtl > 0);
  assert.equal((await put('/rate-limit/release')).status, 200);
  assert.ok((await queue.getRateLimitTtl()) <= 0);
  assert.equal((await put('/rate-limit', { max: null })).status, 200);
  assert.equal((await get('/rate-limit')).body.rateLimit, null);
});

test('schedulers are listed, run, changed and removed', async (scope) => {
  const { queue, call, put, patch } = await boardOf(scope);
  await queue.upsertJobScheduler('nightly', { pattern: '0 0 3 1 1 *' }, { name: 'night', data: { a: 1 } });
  const list = async () => (await call('GET', `/api/job-schedulers?queueName=${queue.name}`)).body.schedulers;
  const [found] = await list();
  assert.deepEqual([found.id, found.name, found.pattern, found.queueName], ['nightly', 'night', '0 0 3 1 1 *', queue.name]);
  const run = await put('/job-schedulers/nightly/run');
  assert.equal(run.status, 200);
  assert.equal(await queue.getJobState(run.body.job.id), 'waiting');
  assert.equal((await put(`/${found.nextRunJobId}/clean`)).status, 400);
  assert.equal((await patch('/job-schedulers/nightly', { every: HOUR_MS })).status, 204);
  assert.equal((await list())[0].every, HOUR_MS);
  assert.equal((await put('/job-schedulers/nightly/remove')).status, 204);
  assert.deepEqual(await list(), []);
});

test('the tree of a flow is shown, and its waiting children removed', async (scope) => {
  const { queue, get, put } = await boardOf(scope);
  const tree = await scope.flow().add({
    name: 'parent',
    queueName: queue.name,
    children: range(2).map((n) => ({ name: `child${n}`, queueName: queue.name, data: { n } })),
  });
  const childId = tree.children[0].job.id;
  const { body } = await get(`/${childId}/flow`);
  assert.equal(body.isFlowNode, true);
  assert.equal(body.flowRoot.id, tree.job.id);
  assert.equal(body.flowRoot.state, 'waiting-children');
  assert.deepEqual(body.flowRoot.children.map(({ name }) => name).sort(), ['child0', 'child1']);
  assert.deepEqual(body.flowRoot.dependencies, { processed: 0, unprocessed: 2, ignored: 0, failed: 0 });
  assert.deepEqual((await put(`/${tree.job.id}/remove-unprocessed-children`)).body, { removed: 2 });
  assert.equal(await queue.getJob(childId), undefined);
});

test('a queue or a job that is not there answers 404', async (scope) => {
  const { call, get, put } = await boardOf(scope);
  assert.equal((await call('PUT', '/api/queues/nobody/pause')).status, 404);
  assert.equal((await get('/nobody')).status, 404);
  assert.equal((await put('/nobody/retry')).status, 404);
});
