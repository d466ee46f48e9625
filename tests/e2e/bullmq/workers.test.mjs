// SPDX-License-Identifier: MIT
// Workers: concurrency, limits, locks, stalled jobs, manual fetching, closing, cancelling, pausing, names, events.
import { activations, assert, bull, counts, crowd, eventOf, gate, range, state, test, until } from '../lib/bull.mjs';

const jobs = (count, opts) => range(count).map((n) => ({ name: 'n', data: { n }, opts }));

test('concurrency runs that many jobs at a time, and may be changed', async (scope) => {
  const queue = scope.queue();
  const together = crowd(() => worker.concurrency);
  const worker = scope.worker(queue.name, together.handler, { concurrency: 4 });
  await queue.addBulk(jobs(40));
  await counts(queue, { completed: 40 });
  assert.equal(together.most, 4);
  worker.concurrency = 8;
  assert.equal(worker.concurrency, 8);
  await queue.addBulk(jobs(40));
  await counts(queue, { completed: 80 });
  assert.equal(together.most, 8);
});

test('several workers share the jobs, each runs once', async (scope) => {
  const queue = scope.queue();
  const runs = [];
  for (const w of range(3)) scope.worker(queue.name, async (job) => void runs.push(job.data.n), { concurrency: w + 1 });
  await queue.addBulk(jobs(300));
  await counts(queue, { completed: 300 });
  assert.deepEqual(runs.sort((a, b) => a - b), range(300));
});

test('limiter runs at most max jobs per duration', async (scope) => {
  const queue = scope.queue();
  scope.worker(queue.name, async () => {}, { limiter: { max: 2, duration: 250 }, concurrency: 5 });
  await queue.addBulk(jobs(6));
  await counts(queue, { completed: 6 });
  const at = await activations(scope, queue);
  // A window opens with its first job: jobs 0 and 1 may share one, and job 2 is after it. What comes late may be the last of
  // a window whose successor opens at once, but between any four jobs there is a whole window.
  assert.ok(at[2] - at[0] >= 200, `3 jobs in ${at[2] - at[0]} ms`);
  for (const i of range(3)) assert.ok(at[i + 3] - at[i] >= 200, `4 jobs in ${at[i + 3] - at[i]} ms`);
});

test('limiter holds for prioritized and delayed jobs', async (scope) => {
  const queue = scope.queue();
  await queue.addBulk([...jobs(2, { priority: 3 }), ...jobs(2, { delay: 20 })]);
  scope.worker(queue.name, async () => {}, { limiter: { max: 1, duration: 200 } });
  await counts(queue, { completed: 4 });
  const at = await activations(scope, queue);
  for (const i of range(3)) assert.ok(at[i + 1] - at[i] >= 150, `2 jobs in ${at[i + 1] - at[i]} ms`);
});

test('a lock is renewed for as long as the job runs', async (scope) => {
  const queue = scope.queue();
  const redis = scope.redis();
  const go = gate();
  const worker = scope.worker(queue.name, () => go.opened, { lockDuration: 10_000, lockRenewTime: 100, stalledInterval: 100 });
  const renewed = eventOf(worker, 'locksRenewed', ({ jobIds }) => jobIds.length === 1);
  const { id } = await queue.add('a', {});
  await state(queue, id, 'active');
  const lock = `bull:${queue.name}:${id}:lock`;
  assert.ok((await redis.pttl(lock)) <= 10_000);
  await renewed;
  await redis.pexpire(lock, 100_000);
  await until('the lock to be renewed again', async () => (await redis.pttl(lock)) <= 10_000);
  assert.equal(await queue.getJobState(id), 'active');
  assert.ok((await redis.pttl(lock)) > 0);
  go.open('held');
  const job = await state(queue, id, 'completed');
  assert.equal(job.returnvalue, 'held');
  assert.equal(job.stalledCounter, 0);
  assert.equal(await redis.exists(lock), 0);
});

test('a worker that lost its lock cannot finish the job', async (scope) => {
  const queue = scope.queue();
  const redis = scope.redis();
  const go = gate();
  scope.expectsErrors = true;
  const worker = scope.worker(queue.name, () => go.opened, { lockDuration: 60_000 });
  const { id } = await queue.add('a', {});
  await state(queue, id, 'active');
  await redis.set(`bull:${queue.name}:${id}:lock`, 'somebody else');
  const told = eventOf(worker, 'error', (error) => /Lock mismatch for job/.test(error.message));
  go.open();
  await told;
  assert.equal(await queue.getJobState(id), 'active');
});

test('a job whose lock is missing is stalled, and runs again', async (scope) => {
  const queue = scope.queue();
  const events = await scope.events(queue.name);
  const stalled = eventOf(events, 'stalled');
  scope.expectsErrors = true;
  const lost = gate();
  const deaf = { lockDuration: 100, skipLockRenewal: true, skipStalledCheck: true };
  scope.worker(queue.name, () => lost.opened, deaf);
  const { id } = await queue.add('a', {});
  await state(queue, id, 'active');
  const worker = scope.worker(queue.name, async () => 'second', { stalledInterval: 100 });
  const atWorker = eventOf(worker, 'stalled');
  assert.equal((await stalled)[0].jobId, id);
  assert.deepEqual(await atWorker, [id, 'active']);
  const job = await state(queue, id, 'completed');
  assert.equal(job.returnvalue, 'second');
  assert.equal(job.stalledCounter, 1);
  assert.equal(job.attemptsStarted, 2);
  lost.open();
});

test('a job that stalls more than maxStalledCount fails', async (scope) => {
  const queue = scope.queue();
  scope.expectsErrors = true;
  const lost = gate();
  scope.worker(queue.name, () => lost.opened, { lockDuration: 100, skipLockRenewal: true, skipStalledCheck: true });
  const { id } = await queue.add('a', {}, { attempts: 5 });
  await state(queue, id, 'active');
  scope.worker(queue.name, async () => 'never', { stalledInterval: 100, maxStalledCount: 0 });
  const job = await state(queue, id, 'failed');
  assert.match(job.failedReason, /job stalled more than allowable limit/);
  lost.open();
});

test('maxStartedAttempts fails a job that was started too often', async (scope) => {
  const queue = scope.queue();
  const handler = async (job, token) => {
    await job.moveToWait(token);
    throw new bull.WaitingError();
  };
  scope.worker(queue.name, handler, { maxStartedAttempts: 3 });
  const { id } = await queue.add('a', {}, { attempts: 10 });
  const job = await state(queue, id, 'failed');
  assert.equal(job.attemptsStarted, 4);
  assert.match(job.failedReason, /job started more than allowable limit/);
});

test('manual fetching: getNextJob, moveToCompleted, moveToFailed, fetching the next at once', async (scope) => {
  const queue = scope.queue();
  const worker = scope.worker(queue.name, null);
  assert.equal(await worker.getNextJob('t0', { block: false }), undefined);
  await queue.addBulk(jobs(3));
  const first = await worker.getNextJob('t1');
  assert.equal(first.data.n, 0);
  assert.equal(await first.getState(), 'active');
  const next = await first.moveToCompleted('ok', 't1');
  assert.equal(await queue.getJobState(first.id), 'completed');
  const second = bull.Job.fromJSON(worker, next[0], next[1]);
  assert.equal(second.data.n, 1);
  assert.equal(await second.extendLock('t1', 30_000), 1);
  await second.moveToFailed(new Error('by hand'), 't1', false);
  assert.equal((await queue.getJob(second.id)).failedReason, 'by hand');
  const third = await worker.getNextJob('t3');
  assert.deepEqual(await third.moveToCompleted('last', 't3', false), []);
  await counts(queue, { completed: 2, failed: 1, active: 0 });
});

test('manual fetching: a wrong token is refused, a blocking call waits for a job', async (scope) => {
  const queue = scope.queue();
  const worker = scope.worker(queue.name, null, { drainDelay: 5 });
  assert.equal(await worker.getNextJob('t0'), undefined); // from now on it knows that the queue is empty, and blocks
  const waiting = worker.getNextJob('t1');
  const { id } = await queue.add('a', {});
  const job = await waiting;
  assert.equal(job.id, id);
  await assert.rejects(job.moveToCompleted('x', 'wrong', false), /Lock mismatch for job/);
  await job.moveToWait('t1');
  assert.equal(await queue.getJobState(id), 'waiting');
  const again = await worker.getNextJob('t2');
  await again.moveToDelayed(Date.now() + 3_600_000, 't2');
  assert.equal(await queue.getJobState(id), 'delayed');
  await assert.rejects(again.moveToFailed(new Error('e'), 't2', false), /is not in the active state|Missing lock/);
});

test('close waits for the jobs that run, and fetches no other', async (scope) => {
  const queue = scope.queue();
  const go = gate();
  let running = 0;
  const handler = () => {
    running++;
    return go.opened;
  };
  const worker = scope.worker(queue.name, handler, { concurrency: 2 });
  await queue.addBulk(jobs(3));
  await until('two handlers to run', () => running === 2);
  let closed = false;
  const [closing, done] = [eventOf(worker, 'closing'), eventOf(worker, 'closed')];
  const ended = worker.close().then(() => (closed = true));
  await closing;
  assert.equal(closed, false);
  go.open();
  await ended;
  await done;
  assert.deepEqual(await queue.getJobCounts('completed', 'active', 'wait'), { completed: 2, active: 0, wait: 1 });
});

test('a forced close leaves the job active, and it runs again elsewhere', async (scope) => {
  const queue = scope.queue();
  scope.expectsErrors = true;
  const go = gate();
  const worker = scope.worker(queue.name, () => go.opened, { lockDuration: 150, skipStalledCheck: true });
  const { id } = await queue.add('a', {});
  await state(queue, id, 'active');
  await worker.close(true);
  assert.equal(await queue.getJobState(id), 'active');
  scope.worker(queue.name, async () => 'elsewhere', { stalledInterval: 100 });
  assert.equal((await state(queue, id, 'completed')).returnvalue, 'elsewhere');
  go.open();
});

test('cancelJob and cancelAllJobs tell the handler through its signal', async (scope) => {
  const queue = scope.queue();
  let listening = 0;
  const handler = (job, token, signal) =>
    new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(new Error(`cancelled: ${signal.reason}`)));
      listening++;
    });
  const worker = scope.worker(queue.name, handler, { concurrency: 3 });
  const [a, b, c] = await queue.addBulk(jobs(3));
  await until('three handlers to run', () => listening === 3);
  assert.equal(worker.cancelJob(a.id, 'no longer wanted'), true);
  assert.match((await state(queue, a.id, 'failed')).failedReason, /cancelled: .*no longer wanted/);
  assert.equal(worker.cancelJob(a.id), false);
  worker.cancelAllJobs('all of them');
  await counts(queue, { failed: 3 });
  for (const job of [b, c]) assert.match((await queue.getJob(job.id)).failedReason, /all of them/);
});

test('a paused worker runs nothing, another goes on', async (scope) => {
  const queue = scope.queue();
  const [one, two] = [[], []];
  const go = gate();
  const first = scope.worker(queue.name, async (job) => {
    one.push(job.data.n);
    await go.opened;
  });
  await queue.add('n', { n: 0 });
  await until('the first job', () => one.length === 1);
  const paused = eventOf(first, 'paused');
  const pausing = first.pause();
  go.open();
  await pausing;
  await paused;
  assert.equal(first.isPaused(), true);
  scope.worker(queue.name, async (job) => void two.push(job.data.n));
  await queue.addBulk([{ name: 'n', data: { n: 1 } }, { name: 'n', data: { n: 2 } }]);
  await counts(queue, { completed: 3 });
  assert.deepEqual([one, two], [[0], [1, 2]]);
  const resumed = eventOf(first, 'resumed');
  first.resume();
  await resumed;
  assert.equal(first.isPaused(), false);
});

test('autorun: false waits for run', async (scope) => {
  const queue = scope.queue();
  const worker = scope.worker(queue.name, async () => 'ran', { autorun: false });
  const { id } = await queue.add('a', {});
  await worker.waitUntilReady();
  assert.equal(worker.isRunning(), false);
  assert.equal(await queue.getJobState(id), 'waiting');
  worker.run();
  await state(queue, id, 'completed');
  assert.equal(worker.isRunning(), true);
});

test('the name of a worker is written to its jobs', async (scope) => {
  const queue = scope.queue();
  scope.worker(queue.name, async () => {}, { name: 'night-shift' });
  const { id } = await queue.add('a', {});
  assert.equal((await state(queue, id, 'completed')).processedBy, 'night-shift');
});

test('a worker tells of each step of a job, and that the queue is drained', async (scope) => {
  const queue = scope.queue();
  const worker = scope.worker(queue.name, async (job) => {
    await job.updateProgress(50);
    if (job.name === 'fails') throw new Error('no');
    return 'yes';
  });
  const told = [];
  for (const event of ['active', 'progress', 'completed', 'failed', 'drained']) {
    worker.on(event, (job) => told.push(job ? `${event} ${job.name}` : event));
  }
  const ready = eventOf(worker, 'ready');
  await ready;
  await queue.add('works', {});
  await until('the first to be done', () => told.includes('completed works'));
  const [, error] = await Promise.all([queue.add('fails', {}), eventOf(worker, 'failed')]).then(([, args]) => args);
  assert.equal(error.message, 'no');
  await until('drained', () => told.at(-1) === 'drained');
  const steps = told.filter((line) => line !== 'drained');
  assert.deepEqual(steps, ['active works', 'progress works', 'completed works', 'active fails', 'progress fails', 'failed fails']);
});

test('a worker started before there is a queue runs what comes', async (scope) => {
  const name = scope.name();
  const ran = [];
  const worker = scope.worker(name, async (job) => void ran.push(job.name), { drainDelay: 1 });
  await worker.waitUntilReady();
  const queue = scope.queue(name);
  for (const n of range(3)) {
    await queue.add(`n${n}`, {});
    await until('the job', () => ran.length === n + 1);
  }
  assert.deepEqual(ran, ['n0', 'n1', 'n2']);
});

test('a blocked worker wakes for waiting, prioritized, delayed and promoted jobs alike', async (scope) => {
  const queue = scope.queue();
  const worker = scope.worker(queue.name, async () => {}, { drainDelay: 30 });
  await worker.waitUntilReady();
  const later = await queue.add('promoted', {}, { delay: 3_600_000 });
  const opts = [{}, { priority: 7 }, { delay: 50 }];
  for (const [n, each] of opts.entries()) {
    const { id } = await queue.add('n', {}, each);
    await state(queue, id, 'completed');
    await counts(queue, { completed: n + 1 });
  }
  await later.promote();
  await state(queue, later.id, 'completed');
});
