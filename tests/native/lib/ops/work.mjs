// SPDX-License-Identifier: MIT
/**
 * What workers do most: take a job, complete or fail it, take the next in the same call; and the same calls with other tokens, options and
 * arguments than a worker would have. state.work has the jobs that were taken.
 */
import { QUEUES, outcome, someId } from '../../../transitions/lib/ops/kit.mjs';
import { clock } from '../../../transitions/lib/bull.mjs';
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

/*
 * What may stand in the way of a job's end, and of the next one. Each gets the ids of the job and of others that were added after it, the first of
 * which is next.
 */
const key = (suffix) => `bull:${QUEUES[0]}:${suffix}`;
const SCENES = {
  'the job waits too': (id) => [['RPUSH', key('wait'), id]],
  'the next one has finished before': (id, [next], target) => [['ZADD', key(target), '1', next]],
  'others finished later': (id, [, , other], target) => [['ZADD', key(target), String(clock.ms + 5000), other, String(clock.ms), 'zz', String(clock.ms), '!']],
  'it has finished before': (id, [, other], target) => [['ZADD', key(target), '1', id, '2', other]],
  'old jobs': (id, [, ...old], target) => [['ZADD', key(target), ...old.flatMap((one, i) => [String(clock.ms - 2000 * i), one])]],
  'old jobs with keys': (id, [, one, two], target) => [['ZADD', key(target), '1', one, '2', two], ['RPUSH', key(`${one}:logs`), 'l'], ['SET', key(`${two}:failed`), 'x']],
  'an old child': (id, [, one, two], target) => [['ZADD', key(target), '1', one], ['HSET', key(one), 'parentKey', key(two)], ['SADD', key(`${two}:dependencies`), key(one)], ['ZADD', key('waiting-children'), '1', two]],
  'old ids of other keys': (id, others, target) => [['ZADD', key(target), '1', 'meta', '2', 'marker', '3', `${id}:lock`, '4', 'events']],
  'an old one of another type': (id, [, one], target) => [['ZADD', key(target), '1', one], ['SET', key(one), 'x']],
  'a parent': (id) => [['HSET', key(id), 'parent', '{"id":"p","queueKey":"bull:a","fpof":true}'], ['SADD', key('p:dependencies'), key(id)]],
  'the key of a parent': (id, [, one]) => [['HSET', key(id), 'parentKey', key(one)], ['SADD', key(`${one}:dependencies`), key(id)], ['ZADD', key('waiting-children'), '1', one]],
  'a deduplication': (id) => [['HSET', key(id), 'deid', 'd'], ['SET', key('de:d'), id]],
  'a failure to come': (id, [next]) => [['HSET', key(id), 'defa', 'later'], ['HSET', key(next), 'defa', 'later']],
  'a failure to come, and a limit': (id, [next]) => [['HSET', key(next), 'defa', 'later'], ['HSET', key('meta'), 'max', '5', 'duration', '1000']],
  'a limiter without an end': () => [['HSET', key('meta'), 'max', '2', 'duration', '1000'], ['SET', key('limiter'), '7']],
  'children': (id) => [['SADD', key(`${id}:dependencies`), 'x']],
  'failed children': (id) => [['ZADD', key(`${id}:unsuccessful`), '1', 'x']],
  'an own text': (id) => [['HSET', key(id), 'atm', 'x']],
  'starts that are no number': (id, [next]) => [['HSET', key(next), 'ats', ' 1']],
  'the next one is gone': (id, [next]) => [['DEL', key(next)]],
  'the next one is no hash': (id, [next]) => [['DEL', key(next)], ['SET', key(next), 'x']],
  'an old marker is next': () => [['RPUSH', key('wait'), '0:0']],
  'the settings are next': () => [['RPUSH', key('wait'), 'meta']],
  'a lock is next': (id) => [['RPUSH', key('wait'), `${id}:lock`]],
  'the lock of the next one': (id, [next]) => [['LPUSH', key(`${next}:lock`), 'x']],
  'it is stalled': (id) => [['SADD', key('stalled'), id, 'other']],
  'it is active twice': (id) => [['RPUSH', key('active'), id, 'other']],
  'a delayed job is nearly due': () => [['ZADD', key('delayed'), String((clock.ms + 1) * 4096 - 1), 'd']],
  'a delayed job is not due': () => [['ZADD', key('delayed'), String((clock.ms + 1) * 4096), 'd']],
  'only prioritized jobs': (id, others) => [['DEL', key('wait')], ['SET', key('pc'), '3'], ['ZADD', key('prioritized'), ...others.flatMap((one) => ['7', one])]],
  'nothing waits': () => [['DEL', key('wait')], ['DEL', key('prioritized')], ['SET', key('pc'), '3']],
  'a counter of another type': () => [['DEL', key('wait')], ['DEL', key('prioritized')], ['DEL', key('pc')], ['HSET', key('pc'), 'a', '1']],
  'a minute of metrics is over': () => ['completed', 'failed'].map((one) => ['HSET', key(`metrics:${one}`), 'count', '4', 'prevTS', String(clock.ms - 70_000), 'prevCount', '2']),
  'a minute of metrics goes on': () => ['completed', 'failed'].map((one) => ['HSET', key(`metrics:${one}`), 'count', '4', 'prevTS', String(clock.ms), 'prevCount', '2']),
};

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
    /* A job is taken, something comes into its way, and it ends. */
    name: 'work:scene',
    weight: 6,
    themes: { ...little, odd: 3 },
    make(rng) {
      const end = { ...ending(rng), next: rng.chance(0.9) };
      if (rng.chance(0.4)) end.removeOnComplete = end.removeOnFail = rng.pick([true, 1, 2]);
      return { queue: QUEUES[0], scene: rng.pick(Object.keys(SCENES)), opts: workerOf(rng), end, token: rng.pick(['t1', 't1', '0']) };
    },
    async bullmq(bull, { queue, scene, opts, end, token }, state, both) {
      await both.call(['DEL', key('wait')]);
      const jobs = await bull.queue(queue).addBulk(Array.from({ length: 5 }, (_, n) => ({ name: 'scene', data: { n } })));
      const [id, ...others] = jobs.map((job) => job.id);
      return outcome(
        asWorker(bull, queue, opts, async (worker) => {
          if ((await take(worker, queue, token, state)) !== id) return null;
          for (const args of SCENES[scene](id, others, end.fails ? 'failed' : 'completed')) await both.call(args);
          return finish(worker, bull, state.work.pop(), end, state);
        }),
      );
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
