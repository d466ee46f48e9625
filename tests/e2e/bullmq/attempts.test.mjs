// SPDX-License-Identifier: MIT
// What a failed attempt leads to: retries, backoff, stack traces, and the errors by which a handler says what is next.
import { assert, bull, counts, eventOf, range, state, test, until, variant } from '../lib/bull.mjs';

/** Runs the job until it is completed or failed; the times between its starts in ms. */
async function startsOf(scope, opts, { failures = Infinity, settings } = {}) {
  const queue = scope.queue();
  const starts = [];
  const handler = async (job) => {
    starts.push(Date.now());
    if (job.attemptsMade < failures) throw new Error(`attempt ${job.attemptsMade + 1}`);
    return 'done';
  };
  scope.worker(queue.name, handler, { settings });
  const { id } = await queue.add('a', {}, opts);
  await until('the job to finish', async () => ['completed', 'failed'].includes(await queue.getJobState(id)));
  const waits = starts.slice(1).map((at, i) => at - starts[i]);
  return { job: await queue.getJob(id), starts, waits, queue };
}

/* The upper bounds leave room for a machine that does something else beside. */
function between(waits, bounds) {
  assert.equal(waits.length, bounds.length);
  waits.forEach((ms, i) => assert.ok(ms >= bounds[i][0] && ms <= bounds[i][1], `waited ${ms}, not ${bounds[i]} ms`));
}

test('a job without attempts fails at once, with its reason and stack', async (scope) => {
  const { job, starts } = await startsOf(scope, {});
  assert.equal(starts.length, 1);
  assert.equal(await job.getState(), 'failed');
  assert.equal(job.failedReason, 'attempt 1');
  assert.equal(job.attemptsMade, 1);
  assert.equal(job.stacktrace.length, 1);
  assert.match(job.stacktrace[0], /^Error: attempt 1\n\s+at /);
  assert.ok(job.finishedOn >= job.processedOn && job.processedOn >= job.timestamp);
});

test('attempts retries at once without backoff, and completes in the end', async (scope) => {
  const { job } = await startsOf(scope, { attempts: 5 }, { failures: 3 });
  assert.equal(job.returnvalue, 'done');
  assert.equal(job.attemptsMade, 4);
  assert.equal(job.attemptsStarted, 4);
  assert.equal(job.stacktrace.length, 3);
});

test('fixed backoff waits the same time before each attempt', async (scope) => {
  const { waits } = await startsOf(scope, { attempts: 3, backoff: { type: 'fixed', delay: 120 } });
  between(waits, [[115, 20_000], [115, 20_000]]);
});

test('backoff given as a number is fixed', async (scope) => {
  const { waits, job } = await startsOf(scope, { attempts: 2, backoff: 120 });
  between(waits, [[115, 20_000]]);
  assert.deepEqual(job.opts.backoff, { type: 'fixed', delay: 120 });
});

test('exponential backoff doubles the time before each attempt', async (scope) => {
  const { waits } = await startsOf(scope, { attempts: 4, backoff: { type: 'exponential', delay: 60 } });
  between(waits, [[55, 20_000], [115, 20_000], [235, 20_000]]);
});

test('jitter shortens a backoff, never lengthens it', async (scope) => {
  const { job } = await startsOf(scope, { attempts: 3, backoff: { type: 'fixed', delay: 200, jitter: 0.5 } });
  assert.equal(job.opts.backoff.jitter, 0.5);
  assert.equal(job.attemptsMade, 3);
  const queue = scope.queue();
  const delays = [];
  scope.worker(queue.name, async () => Promise.reject(new Error('no')), { concurrency: 10 });
  await queue.addBulk(range(20).map((n) => ({ name: 'n', data: { n }, opts: { attempts: 2, backoff: { type: 'fixed', delay: 60_000, jitter: 0.5 } } })));
  await counts(queue, { delayed: 20 });
  for (const delayed of await queue.getDelayed()) delays.push(delayed.delay);
  assert.ok(delays.every((ms) => ms >= 30_000 && ms <= 60_000), String(delays));
  assert.ok(new Set(delays).size > 1, 'all delays are equal');
});

test('a custom backoff strategy decides, and -1 fails the job', async (scope) => {
  const seen = [];
  const backoffStrategy = (attemptsMade, type, error, job) => {
    seen.push([attemptsMade, type, error.message, job.name]);
    return attemptsMade === 3 ? -1 : attemptsMade * 50;
  };
  const opts = { attempts: 10, backoff: { type: 'own' } };
  const { waits, job } = await startsOf(scope, opts, { settings: { backoffStrategy } });
  between(waits, [[45, 20_000], [95, 20_000]]);
  assert.equal(await job.getState(), 'failed');
  assert.deepEqual(seen.at(-1), [3, 'own', 'attempt 3', 'a']);
});

test('a job that waits for its next attempt is delayed and keeps its failures', async (scope) => {
  const queue = scope.queue();
  scope.worker(queue.name, async () => Promise.reject(new Error('once')));
  const { id } = await queue.add('a', {}, { attempts: 2, backoff: 3_600_000 });
  const job = await state(queue, id, 'delayed');
  assert.equal(job.attemptsMade, 1);
  assert.equal(job.failedReason, 'once');
  assert.equal(job.delay, 3_600_000);
  assert.equal(job.finishedOn, undefined);
});

test('stackTraceLimit bounds the stack traces that are kept', async (scope) => {
  const { job } = await startsOf(scope, { attempts: 5, stackTraceLimit: 2 });
  assert.equal(job.stacktrace.length, 2);
  assert.match(job.stacktrace[1], /attempt 5/);
  const none = await startsOf(scope, { attempts: 2, stackTraceLimit: 0 });
  assert.equal(none.job.stacktrace.length, 0);
});

test('events tell of each retry and of the last', async (scope) => {
  const queue = scope.queue();
  const events = await scope.events(queue.name);
  const exhausted = eventOf(events, 'retries-exhausted');
  const failed = eventOf(events, 'failed');
  const delayed = eventOf(events, 'delayed');
  scope.worker(queue.name, async () => Promise.reject(new Error('always')));
  const { id } = await queue.add('a', {}, { attempts: 2, backoff: 20 });
  assert.equal((await delayed)[0].jobId, id);
  assert.deepEqual((await exhausted)[0], { jobId: id, attemptsMade: '2' });
  assert.deepEqual((await failed)[0], { jobId: id, failedReason: 'always', prev: 'active' });
});

test('UnrecoverableError fails the job whatever attempts are left', async (scope) => {
  const queue = scope.queue();
  scope.worker(queue.name, async () => Promise.reject(new bull.UnrecoverableError('no use')));
  const { id } = await queue.add('a', {}, { attempts: 7 });
  const job = await state(queue, id, 'failed');
  assert.equal(job.attemptsMade, 1);
  assert.equal(job.failedReason, 'no use');
});

test('a handler may throw what is no Error', async (scope) => {
  const queue = scope.queue();
  scope.worker(queue.name, async (job) => Promise.reject(job.data));
  const [text, object] = await queue.addBulk([{ name: 'a', data: 'plain' }, { name: 'b', data: { message: 'an object' } }]);
  await counts(queue, { failed: 2 });
  assert.equal((await queue.getJob(object.id)).failedReason, 'an object');
  assert.equal(await queue.getJobState(text.id), 'failed');
});

test('DelayedError and moveToDelayed put the job off, as a Retry-After header asks', async (scope) => {
  const queue = scope.queue();
  const starts = [];
  const handler = async (job, token) => {
    starts.push(Date.now());
    if (starts.length > 1) return 'sent';
    await job.moveToDelayed(Date.now() + 200, token);
    throw new bull.DelayedError();
  };
  scope.worker(queue.name, handler);
  const { id } = await queue.add('a', {}, { attempts: 1 });
  const job = await state(queue, id, 'completed');
  assert.ok(starts[1] - starts[0] >= 195, `ran again after ${starts[1] - starts[0]} ms`);
  assert.equal(job.attemptsMade, 1);
  assert.equal(job.attemptsStarted, 2);
});

test('WaitingError and moveToWait put the job back without an attempt', async (scope) => {
  const queue = scope.queue();
  const handler = async (job, token) => {
    if (job.attemptsStarted > 2) return job.attemptsStarted;
    await job.moveToWait(token);
    throw new bull.WaitingError();
  };
  scope.worker(queue.name, handler);
  const { id } = await queue.add('a', {});
  const job = await state(queue, id, 'completed');
  assert.equal(job.returnvalue, 3);
  assert.equal(job.attemptsMade, 1);
});

test('RateLimitError and rateLimit hold the whole queue and put the job back', async (scope) => {
  const queue = scope.queue();
  const starts = [];
  const worker = scope.worker(queue.name, async () => {
    starts.push(Date.now());
    if (starts.length > 1) return;
    await worker.rateLimit(250);
    throw bull.Worker.RateLimitError();
  });
  const first = await queue.add('a', {});
  await queue.add('b', {});
  await until('the rate limit', async () => starts.length === 1 && (await queue.getRateLimitTtl()) > 0);
  await counts(queue, { completed: 2 });
  assert.ok(starts[1] - starts[0] >= 240, `ran again after ${starts[1] - starts[0]} ms`);
  const job = await queue.getJob(first.id);
  assert.equal(job.attemptsMade, 1);
});

test('a step job goes on at the step it had reached', async (scope) => {
  const queue = scope.queue();
  const done = [];
  const handler = async (job) => {
    for (let step = job.data.step; step < 3; step++) {
      if (step === 1 && job.attemptsMade === 0) throw new Error('step 1 fails once');
      done.push(step);
      await job.updateData({ step: step + 1 });
    }
    return done;
  };
  scope.worker(queue.name, handler);
  const { id } = await queue.add('steps', { step: 0 }, { attempts: 2 });
  assert.deepEqual((await state(queue, id, 'completed')).returnvalue, [0, 1, 2]);
});

test('a step job waits for children it adds: WaitingChildrenError and moveToWaitingChildren', async (scope) => {
  const [parents, children] = [scope.queue(), scope.queue()];
  const handler = async (job, token) => {
    if (job.data.step === 'collect') return Object.values(await job.getChildrenValues()).sort();
    for (const n of [1, 2]) {
      const parent = { id: job.id, queue: job.queueQualifiedName };
      await children.add('child', { n }, { parent });
    }
    await job.updateData({ step: 'collect' });
    if (await job.moveToWaitingChildren(token)) throw new bull.WaitingChildrenError();
    return 'no children';
  };
  scope.worker(parents.name, handler);
  const { id } = await parents.add('parent', { step: 'split' });
  await state(parents, id, 'waiting-children');
  assert.equal(await parents.getWaitingChildrenCount(), 1);
  scope.worker(children.name, async (job) => job.data.n * 10);
  assert.deepEqual((await state(parents, id, 'completed')).returnvalue, [10, 20]);
});

test('retry runs a failed job again, and may reset its attempts', async (scope) => {
  const queue = scope.queue();
  const events = await scope.events(queue.name);
  let broken = true;
  scope.worker(queue.name, async () => {
    if (broken) throw new Error('broken');
    return 'mended';
  });
  const { id } = await queue.add('a', {});
  const job = await state(queue, id, 'failed');
  await job.retry();
  await until('the second attempt', async () => (await queue.getJob(id)).attemptsMade === 2);
  await state(queue, id, 'failed');
  broken = false;
  const waiting = eventOf(events, 'waiting', ({ prev }) => prev === 'failed');
  await job.retry('failed', { resetAttemptsMade: true, resetAttemptsStarted: true });
  await waiting;
  const done = await state(queue, id, 'completed');
  assert.equal(done.attemptsMade, 1);
  assert.equal(done.attemptsStarted, 1);
  assert.equal(done.failedReason, undefined);
});

test('retry runs a completed job again, and refuses one in another state', async (scope) => {
  const queue = scope.queue();
  let runs = 0;
  scope.worker(queue.name, async () => ++runs);
  const { id } = await queue.add('a', {});
  const job = await state(queue, id, 'completed');
  await job.retry('completed');
  await until('the second run', async () => (await queue.getJob(id)).returnvalue === 2);
  await assert.rejects(job.retry('failed'), /is not in the failed state/);
  await job.remove();
  await assert.rejects(job.retry('completed'), /Missing key for job/);
});

if (variant.major === 5) {
  test('discard lets no further attempt follow', async (scope) => {
    const queue = scope.queue();
    scope.worker(queue.name, async (job) => {
      job.discard();
      throw new Error('given up');
    });
    const { id } = await queue.add('a', {}, { attempts: 5 });
    assert.equal((await state(queue, id, 'failed')).attemptsMade, 1);
  });
}
