// SPDX-License-Identifier: MIT
/**
 * What workers do most: take a job, complete or fail it, take the next in the same call; and the same calls with other tokens, options and
 * arguments than a worker would have. state.work has the jobs that were taken.
 */
import { QUEUES, outcome, someId } from '../../../transitions/lib/ops/kit.mjs';
import { packOddly, repack } from '../msgpack.mjs';

const STACK = 'Error: no\n    at somewhere';
const KEEPS = [true, false, 0, 1, 2, 3, 17, { count: 1 }, { age: 1 }, { age: 50 }, { age: 100, count: 2 }, { age: 1, limit: 1 }, { age: 7, limit: 3 }, { age: 0 }, { age: 1.5 }, { count: -1 }];

/** Options of a worker. */
function workerOf(rng) {
  const opts = { lockDuration: rng.pick([30_000, 30_000, 5, 600_000]) };
  if (rng.chance(0.3)) opts.name = rng.pick(['w1', 'größe', '']);
  if (rng.chance(0.15)) opts.limiter = rng.pick([{ max: 2, duration: 5000 }, { max: 1, duration: 1 }, { max: 100, duration: 1.5 }, { max: 3, duration: 600_000 }]);
  if (rng.chance(0.15)) opts.metrics = { maxDataPoints: rng.pick([1, 3, 5000]) };
  if (rng.chance(0.3)) opts.removeOnComplete = rng.pick(KEEPS.filter((keep) => typeof keep === 'object'));
  if (rng.chance(0.3)) opts.removeOnFail = rng.pick(KEEPS.filter((keep) => typeof keep === 'object'));
  return opts;
}

/** BullMQ's worker with these options, for the time of `act`. */
async function asWorker(bull, queue, opts, act) {
  const worker = bull.worker(queue);
  const before = { ...worker.opts };
  Object.assign(worker.opts, opts);
  try {
    return await act(worker);
  } finally {
    for (const name of Object.keys(worker.opts)) delete worker.opts[name];
    Object.assign(worker.opts, before);
  }
}

async function take(worker, queue, token, state) {
  const [data, id] = await worker.backend.moveToActive(token, worker.opts.name);
  if (data) (state.work ??= []).push({ queue, id, token });
  return data ? id : null;
}

function pickTaken(rng, state) {
  const all = state.work ?? [];
  if (all.length === 0) return null;
  const at = rng.int(0, all.length - 1);
  return rng.chance(0.95) ? all.splice(at, 1)[0] : all[at];
}

function ending(rng) {
  const end = { fails: rng.chance(0.35), next: rng.chance(0.7), value: rng.pick([1, 'done', { a: [1, 'b'] }, null, '', 'long '.repeat(50)]) };
  if (rng.chance(0.3)) end.removeOnComplete = rng.pick(KEEPS);
  if (rng.chance(0.3)) end.removeOnFail = rng.pick(KEEPS);
  if (rng.chance(0.1)) end.attempts = rng.pick([0, 1, 2]);
  return end;
}

/** Ends a job, and remembers the next one. */
async function finish(worker, bull, { queue, id, token }, end, state) {
  const job = await bull.lib.Job.fromId(worker, id);
  if (!job) return null;
  for (const name of ['removeOnComplete', 'removeOnFail', 'attempts']) if (end[name] !== undefined) job.opts[name] = end[name];
  const error = new bull.lib.UnrecoverableError('no');
  error.stack = STACK;
  const next = await (end.fails ? job.moveToFailed(error, token, end.next) : job.moveToCompleted(end.value, token, end.next));
  if (next?.[0]) state.work.push({ queue, id: next[1], token });
  return next?.[1] ?? null;
}

/* ---- moveToFinished as no worker calls it ---- */

/** The words of a call of moveToFinished for a job, by the client's own code. */
async function callOf(bull, worker, { id, token }, end) {
  const job = await bull.lib.Job.fromId(worker, id);
  if (!job) return null;
  const [value, name, keep, target] = end.fails ? ['no', 'failedReason', end.removeOnFail, 'failed'] : [JSON.stringify(end.value), 'returnvalue', end.removeOnComplete, 'completed'];
  const fields = end.fails ? { failedReason: 'no', stacktrace: '["no"]' } : undefined;
  return worker.backend.moveToFinishedArgs(job, value, name, keep, target, token, Date.now(), end.next, fields);
}

const ARGUMENTS = ['', '0', '1', '2', 'completed', 'failed', 'returnvalue', 'failedReason', 'stacktrace', 'atm', 'a', '-1', '1e3', '1.5', '1772400000000', '2199023255551', 'bull:a:', 'bull:b:', 'bull:'];

function alter(change, argv) {
  const copy = [...argv];
  if (change.how === 'opts') copy[7] = repack(change.rng, copy[7]);
  if (change.how === 'spelling') [7, 8].forEach((i) => (copy[i] = copy[i] && packOddly(change.rng, copy[i])));
  if (change.how === 'fields') copy[8] = repack(change.rng, copy[8] || '\x92\xa1x\xa1y');
  if (change.how === 'argument') copy[change.rng.int(0, 6)] = change.rng.pick(ARGUMENTS);
  if (change.how === 'shorter') copy.length = change.rng.int(7, 9);
  return copy;
}

const latin1 = (arg) => (arg === undefined || arg === null ? '' : Buffer.isBuffer(arg) ? arg.toString('latin1') : Buffer.from(String(arg)).toString('latin1'));

const little = { mixed: 0.3, deduplication: 0.2, family: 0.3, schedule: 0.2, work: 0.6 };

export default [
  {
    name: 'work:take',
    weight: 10,
    themes: little,
    make: (rng) => ({ queue: rng.chance(0.9) ? QUEUES[0] : QUEUES[1], opts: workerOf(rng), token: rng.pick(['t1', 't1', 't2', '0', '']) }),
    bullmq: (bull, { queue, opts, token }, state) => outcome(asWorker(bull, queue, opts, (worker) => take(worker, queue, token, state))),
  },
  {
    name: 'work:finish',
    weight: 14,
    themes: little,
    make(rng, state) {
      const job = pickTaken(rng, state);
      if (!job) return null;
      if (rng.chance(0.06)) job.token = rng.pick(['t1', 't2', '0', '7']);
      return { queue: job.queue, job, opts: workerOf(rng), end: ending(rng) };
    },
    bullmq: (bull, { queue, job, opts, end }, state) => outcome(asWorker(bull, queue, opts, (worker) => finish(worker, bull, job, end, state))),
  },
  {
    /* Many in a row, each with the next one, as a worker does that is never idle. */
    name: 'work:row',
    weight: 4,
    themes: little,
    make: (rng) => ({ queue: QUEUES[0], opts: workerOf(rng), count: rng.int(2, 20), ends: Array.from({ length: 3 }, () => ending(rng)), token: rng.pick(['t1', 't3']) }),
    async bullmq(bull, { queue, opts, count, ends, token }, state) {
      await bull.queue(queue).addBulk(Array.from({ length: count }, (_, n) => ({ name: 'row', data: { n }, opts: n % 7 === 3 ? { priority: 1 } : {} })));
      return outcome(
        asWorker(bull, queue, opts, async (worker) => {
          let id = await take(worker, queue, token, state);
          for (let n = 0; id && n < count; n++) {
            const at = state.work.findIndex((one) => one.queue === queue && one.id === id);
            const [job] = state.work.splice(at, 1);
            id = await finish(worker, bull, job, { ...ends[n % ends.length], next: true }, state);
          }
        }),
      );
    },
  },
  {
    name: 'work:limits',
    weight: 1.5,
    themes: little,
    make: (rng) => ({ queue: QUEUES[0], max: rng.pick([0, 0, 1, 2, 50]), duration: rng.pick([1, 1000, 60_000]), concurrency: rng.pick([0, 0, 1, 3]) }),
    async bullmq(bull, { queue, max, duration, concurrency }) {
      const one = bull.queue(queue);
      await (concurrency ? one.setGlobalConcurrency(concurrency) : one.removeGlobalConcurrency());
      await (max ? one.setGlobalRateLimit(max, duration) : one.removeGlobalRateLimit());
    },
  },
  {
    name: 'work:state',
    weight: 2,
    themes: { ...little, plain: 0.1, odd: 3 },
    make(rng) {
      const queue = QUEUES[0];
      const key = (name) => `bull:${queue}:${name}`;
      const target = rng.pick(['completed', 'failed']);
      return {
        queue,
        commands: [
          rng.pick([
            () => ['RPUSH', key('wait'), rng.pick(['0:0', '0:1', '0:', 'gone', 'wait', 'meta', 'x:logs', someId(rng)])],
            () => ['LPUSH', key('active'), someId(rng)],
            () => ['ZADD', key('prioritized'), '5', rng.pick(['gone', someId(rng)])],
            () => ['ZADD', key(target), rng.pick(['1', '1772366400000', '1e15', '-5', 'inf']), rng.pick(['meta', 'marker', 'x:lock', 'gone', someId(rng)])],
            () => ['SADD', key('stalled'), someId(rng)],
            () => ['SET', key('limiter'), rng.pick(['1', '9007199254740991', '-1', 'x']), ...(rng.chance(0.5) ? ['PX', '1000'] : [])],
            () => ['HSET', key(`metrics:${target}`), 'prevTS', rng.pick(['1', '1772366400000', '4e12', 'x', '1.5']), 'count', rng.pick(['0', '7', 'x'])],
            () => ['HSET', key(someId(rng)), rng.pick(['parentKey', 'parent', 'deid', 'atm', 'ats', 'defa']), rng.pick(['', '1', 'bull:a:x', '{}'])],
            () => ['SADD', key(`${someId(rng)}:dependencies`), 'bull:a:x'],
            () => ['ZADD', key(`${someId(rng)}:unsuccessful`), '1', 'bull:a:x'],
            () => ['RPUSH', key(`${someId(rng)}:logs`), 'line'],
          ])(),
        ],
      };
    },
    async bullmq(bull, { commands }, state, both) {
      for (const args of commands) await both.call(args);
    },
  },
  {
    /* A call of moveToFinished with one thing changed. */
    name: 'work:call',
    weight: 6,
    themes: { ...little, plain: 0, odd: 3 },
    make(rng, state) {
      const sha = state.samples.get('moveToFinished')?.at(-1)[1];
      const job = sha && pickTaken(rng, state);
      if (!job) return null;
      const how = rng.pick(['none', 'opts', 'opts', 'opts', 'spelling', 'fields', 'argument', 'shorter']);
      const change = { how, rng };
      Object.defineProperty(change, 'rng', { enumerable: false });
      return { queue: job.queue, sha, job, opts: workerOf(rng), end: ending(rng), change, way: rng.pick(['plain', 'plain', 'resp3', 'multi']) };
    },
    async bullmq(bull, { queue, sha, job, opts, end, change, way }, state, both) {
      const args = await asWorker(bull, queue, opts, (worker) => callOf(bull, worker, job, end));
      if (!args) return;
      const words = args.map(latin1);
      const link = both.links[way];
      if (way === 'multi') await both.call(['MULTI'], link);
      await both.call(['EVALSHA', sha, '14', ...words.slice(0, 14), ...alter(change, words.slice(14))], link);
      if (way === 'multi') await both.call(['EXEC'], link);
    },
  },
];
