// SPDX-License-Identifier: MIT
/*
 * What workers do: src/jobs/fetch.h, finish.h, running.h, limits.h, rerun.h. BullMQ takes and finishes jobs one by one; where we do several
 * in one call it does as many in a row.
 */
import { QUEUES, outcome } from './kit.mjs';

const LOCK_MS = 30_000;
const STACK = 'Error: no\n    at somewhere';

/** How a worker takes jobs, and what it does with those that are done. */
function workerOf(rng) {
  const worker = { lock: LOCK_MS };
  if (rng.chance(0.3)) worker.worker = 'w1';
  if (rng.chance(0.3)) worker.rate = { max: rng.int(1, 4), duration: 600_000 };
  if (rng.chance(0.3)) worker.metrics = rng.pick([1, 3, 5000]);
  if (rng.chance(0.2)) worker.keep = { removeOnComplete: rng.pick([{ count: 1 }, { age: 50, limit: 2 }]), removeOnFail: { count: 2 } };
  return worker;
}

/** Ours heeds a hold without a rate too; BullMQ's only looks for one when it has a rate. */
async function rateOf(bull, { queue, rate }) {
  const isHeld = (await bull.client.get(`bull:${queue}:limiter`)) === String(Number.MAX_SAFE_INTEGER);
  return rate ?? (isHeld ? { max: 1, duration: 1 } : undefined);
}

/** BullMQ's worker with these options, for the time of `act`. */
async function asWorker(bull, args, act) {
  const worker = bull.worker(args.queue);
  const before = { ...worker.opts };
  const limiter = await rateOf(bull, args);
  Object.assign(worker.opts, {
    name: args.worker,
    limiter,
    lockDuration: args.lock,
    metrics: args.metrics && { maxDataPoints: args.metrics },
    removeOnComplete: args.keep?.removeOnComplete,
    removeOnFail: args.keep?.removeOnFail,
    stalledInterval: args.interval,
    maxStalledCount: args.max,
  });
  try {
    return await act(worker);
  } finally {
    for (const name of Object.keys(worker.opts)) delete worker.opts[name];
    Object.assign(worker.opts, before);
  }
}

/* ---------------------------------------------------------------- taking jobs */

function remember(state, queue, token, job) {
  (state.taken ??= []).push({ queue, id: job.id, token, opts: job.opts, stacktrace: JSON.stringify(job.stacktrace ?? []), attemptsMade: job.attemptsMade });
}

const view = (job) => ({
  id: job.id,
  name: job.name,
  starts: job.attemptsStarted,
  attempts: job.attemptsMade,
  processedOn: job.processedOn,
  worker: job.processedBy ?? '',
  failure: job.deferredFailure ?? '',
});

/** Takes up to `count` jobs, the first of which may be there already (`first`: what moveToFinished returned). */
async function take(worker, args, state, count, first) {
  const jobs = [];
  let [isLimited, next] = [false, 0];
  for (let i = 0; i < count; i++) {
    const [data, id, limit, due] = i === 0 && first?.length > 0 ? first : await worker.backend.moveToActive(args.token, args.worker);
    if (!data) {
      if (i === 0) [isLimited, next] = [limit > 0, Math.trunc(due || 0)];
      break;
    }
    const job = worker.createJob(data, id);
    remember(state, args.queue, args.token, job);
    jobs.push(view(job));
  }
  return { jobs, isLimited, next };
}

const ask = async (driver, line) => {
  const answer = await driver.ask(line);
  return 'ok' in answer ? answer.ok : { error: 'refused', ...answer };
};

/** Ours, of one job or of several without a refusal. */
function told({ codes, ...rest }) {
  if (rest.error) return rest;
  const refused = codes.find((code) => code < 0);
  return refused ? { error: refused } : rest;
}

/* ---------------------------------------------------------------- jobs that are taken */

const newToken = (state) => `t${(state.tokens = (state.tokens ?? 0) + 1)}`;

function pickTaken(rng, state) {
  const at = rng.int(0, (state.taken?.length ?? 0) - 1);
  return state.taken?.length ? state.taken.splice(at, 1)[0] : null;
}

/** Puts them back when BullMQ refused: they are active still, and nothing is known of how they will end. */
function keepTaken(state, queue, jobs, result) {
  if (!result?.error && result !== 1) return;
  for (const { id, token, opts, stacktrace, attemptsMade } of jobs) state.taken.push({ queue, id, token, opts, stacktrace, attemptsMade });
}

function failure(bull, isFinal) {
  const error = isFinal ? new bull.lib.UnrecoverableError('no') : new Error('no');
  error.stack = STACK;
  return error;
}

async function finishOne(worker, bull, args, one, fetchNext) {
  const job = await bull.lib.Job.fromId(worker, one.id);
  if (!job) throw Object.assign(new Error('gone'), { code: -1 });
  if (one.backoff) job.opts.backoff = { type: 'fixed', delay: one.backoff };
  else delete job.opts.backoff;
  return one.failed ? job.moveToFailed(failure(bull, one.isFinal), one.token, fetchNext) : job.moveToCompleted(one.value, one.token, fetchNext);
}

const isLast = (one) => one.isFinal || one.attemptsMade + 1 >= (one.opts.attempts ?? 0);

function finishable(rng, taken) {
  const { queue, ...one } = taken;
  one.failed = rng.chance(0.5);
  if (!one.failed) return { ...one, value: rng.pick([1, 'done', { a: [1, 'b'] }, null]) };
  return { ...one, error: 'no', stack: STACK, isFinal: rng.chance(0.5), backoff: rng.pick([0, 0, 1500]) };
}

const leaving = (one) => ({ ...one, to: one.backoff ? 'delayed' : 'wait', delay: one.backoff, lifo: one.opts.lifo, attempt: true });

const work = [
  {
    name: 'fetch',
    weight: 10,
    make: (rng, state) => ({ queue: rng.pick(QUEUES), ...workerOf(rng), count: rng.chance(0.6) ? 1 : rng.int(2, 5), token: newToken(state) }),
    bullmq: (bull, args, state) => asWorker(bull, args, (worker) => take(worker, args, state, args.count)),
    oxq: async (driver, args) => told(await ask(driver, { op: 'fetch', ...args })),
  },
  {
    /* One job, and the next ones: completed, failed, or tried again. */
    name: 'finish',
    weight: 14,
    make(rng, state) {
      const taken = pickTaken(rng, state);
      return taken && { queue: taken.queue, ...workerOf(rng), token: taken.token, count: rng.pick([0, 1, 1, 3]), job: finishable(rng, taken) };
    },
    bullmq: (bull, args, state) =>
      asWorker(bull, args, async (worker) => {
        const done = await outcome(finishOne(worker, bull, args, args.job, args.count > 0));
        if (done?.error) keepTaken(state, args.queue, [args.job], done);
        if (args.count === 0) return done?.error ? done : { jobs: [], isLimited: false, next: 0 };
        const rest = await take(worker, args, state, args.count, done?.error ? null : done);
        return done?.error ? done : rest;
      }),
    async oxq(driver, { job, ...args }) {
      const isTriedAgain = job.failed && !isLast(job);
      return told(await ask(driver, { op: isTriedAgain ? 'leave' : 'finish', ...args, jobs: [isTriedAgain ? leaving(job) : job] }));
    },
  },
  {
    /* Several at once, and none is taken. */
    name: 'finish:many',
    weight: 3,
    make(rng, state) {
      const queue = rng.pick(QUEUES);
      const taken = (state.taken ?? []).filter((one) => one.queue === queue);
      if (taken.length < 2) return null;
      state.taken = state.taken.filter((one) => one.queue !== queue);
      return { queue, ...workerOf(rng), token: 't', count: 0, jobs: taken.map((one) => ({ ...finishable(rng, one), isFinal: true })) };
    },
    bullmq: (bull, args, state) =>
      asWorker(bull, args, async (worker) => {
        const refused = [];
        for (const one of args.jobs) {
          const done = await outcome(finishOne(worker, bull, args, one, false));
          if (done?.error) keepTaken(state, args.queue, [one], done);
          refused.push(done?.error ?? 0);
        }
        return refused;
      }),
    oxq: async (driver, args) => (await ask(driver, { op: 'finish', ...args })).codes,
  },
  {
    name: 'leave',
    weight: 5,
    make(rng, state) {
      const taken = pickTaken(rng, state);
      if (!taken) return null;
      const { queue, ...one } = taken;
      return { queue, token: 't', job: { ...one, to: rng.pick(['delayed', 'front', 'children', 'children', 'children']), delay: rng.pick([0, 700, 1500]) } };
    },
    async bullmq(bull, { queue, job: one }, state) {
      const job = await bull.lib.Job.fromId(bull.worker(queue), one.id);
      if (!job) return { error: -1 };
      const ways = {
        delayed: () => job.moveToDelayed(Date.now() + one.delay, one.token).then(() => 0),
        front: () => job.moveToWait(one.token).then((ms) => (ms > 0 ? 2 : 0)),
        children: () => job.moveToWaitingChildren(one.token, {}).then((isWaiting) => (isWaiting ? 0 : 1)),
      };
      const result = await outcome(ways[one.to]());
      keepTaken(state, queue, [one], result);
      return result;
    },
    async oxq(driver, { job, ...args }) {
      const answer = await ask(driver, { op: 'leave', ...args, jobs: [job] });
      const { codes, error } = answer;
      if (error || codes[0] < 0) return error ? answer : { error: codes[0] };
      return job.to === 'front' && codes[0] > 0 ? 2 : codes[0];
    },
  },
];

/* ---------------------------------------------------------------- while jobs run */

/** The number of a refusal, where BullMQ has an error. */
const numberOf = (promise) => outcome(promise).then((result) => (result?.error ? result.error : (result ?? 0)));

function onTaken(name, weight, more, bullmq) {
  return {
    name,
    weight,
    make(rng, state) {
      const taken = state.taken?.length ? rng.pick(state.taken) : null;
      return taken && { queue: taken.queue, id: taken.id, ...more(rng) };
    },
    bullmq: async (bull, args) => bullmq(bull.worker(args.queue).backend, args, bull),
  };
}

const running = [
  onTaken('progress', 1, (rng) => ({ progress: rng.pick([5, { at: 'end' }, 'text']) }), (backend, { id, progress }) => numberOf(backend.updateProgress(id, progress))),
  onTaken('set_data', 1, (rng) => ({ data: rng.pick([{}, { n: 1 }, [1], 'text']) }), (backend, { id, data }) => numberOf(backend.updateData({ id }, data))),
  onTaken('log', 1, (rng) => ({ line: `line ${rng.int(1, 9)}`, keep: rng.pick([0, 1, 2]) }), (backend, { id, line, keep }) => numberOf(backend.addLog(id, line, keep || undefined))),
  onTaken('children', 1, (rng) => ({ failures: rng.chance(0.5) }), (backend, { queue, id, failures }, bull) => bull.client.hgetall(`bull:${queue}:${id}:${failures ? 'failed' : 'processed'}`)),
  {
    name: 'extend',
    weight: 2,
    make(rng, state) {
      const queue = rng.pick(QUEUES);
      const locks = (state.taken ?? []).filter((one) => one.queue === queue).map(({ id, token }) => ({ id, token: rng.chance(0.8) ? token : 'other' }));
      return locks.length > 0 ? { queue, lock: LOCK_MS, locks } : null;
    },
    bullmq: (bull, { queue, lock, locks }) => bull.worker(queue).backend.extendLocks(locks.map((one) => one.id), locks.map((one) => one.token), lock),
  },
  {
    /* Without the lock the job is nobody's, and counts as stalled at the sweep after the next. */
    name: 'lock:lose',
    weight: 3,
    isCommon: true,
    make(rng, state) {
      const taken = state.taken?.length ? rng.pick(state.taken) : null;
      return taken && { queue: taken.queue, id: taken.id };
    },
    bullmq: (bull, { queue, id }) => bull.client.del(`bull:${queue}:${id}:lock`),
  },
  {
    name: 'sweep:again',
    weight: 4,
    isCommon: true,
    make: (rng) => ({ queue: rng.pick(QUEUES) }),
    bullmq: (bull, { queue }) => bull.client.del(`bull:${queue}:stalled-check`),
  },
  {
    name: 'sweep',
    weight: 6,
    make: (rng) => ({ queue: rng.pick(QUEUES), interval: 30_000, max: rng.int(0, 1) }),
    bullmq: (bull, args) => asWorker(bull, args, (worker) => worker.backend.moveStalledJobsToWait()),
  },
];

/* ---------------------------------------------------------------- limits, and finished jobs again */

const others = [
  {
    name: 'limits',
    weight: 1,
    make: (rng) => ({ queue: rng.pick(QUEUES), max: rng.pick([0, 1, 3]) }),
    async bullmq(bull, { queue, max }) {
      const one = bull.queue(queue);
      return [(await one.getRateLimitTtl(max || undefined)) > 0, await one.isMaxed(), await one.isPaused()];
    },
  },
  {
    name: 'hold',
    weight: 2,
    make: (rng) => ({ queue: rng.pick(QUEUES), ms: rng.pick([0, 0, 0, 600_000]) }),
    async bullmq(bull, { queue, ms }) {
      if (ms > 0) await bull.queue(queue).rateLimit(ms);
      else await bull.queue(queue).removeRateLimitKey();
      return null;
    },
  },
  {
    name: 'rate:global',
    weight: 1,
    isCommon: true,
    make: (rng) => ({ queue: rng.pick(QUEUES), max: rng.pick([0, 1, 3]) }),
    bullmq: (bull, { queue, max }) => (max ? bull.queue(queue).setGlobalRateLimit(max, 600_000) : bull.queue(queue).removeGlobalRateLimit()).then(() => null),
  },
  {
    name: 'rerun',
    weight: 4,
    make: (rng) => ({ queue: rng.pick(QUEUES), at: rng.int(0, 3), failed: rng.chance(0.5), attempts: rng.chance(0.5), starts: rng.chance(0.5) }),
    /* Which job that is, is found when the step is played. */
    async bullmq(bull, args) {
      const state = args.failed ? 'failed' : 'completed';
      const ids = await bull.client.zrange(`bull:${args.queue}:${state}`, 0, -1);
      args.id = ids[args.at] ?? 'none';
      const job = await bull.lib.Job.fromId(bull.queue(args.queue), args.id);
      if (!job) return -1;
      return numberOf(job.retry(state, { resetAttemptsMade: args.attempts, resetAttemptsStarted: args.starts }).then(() => 1));
    },
  },
];

/** Only in cases of their own: elsewhere jobs are lost in ways that the two take differently (README.md). */
const ONLY_WORK = { mixed: 0, deduplication: 0, family: 0 };
export default [...work, ...running, ...others].map((op) => ({ ...op, themes: ONLY_WORK }));
