// SPDX-License-Identifier: MIT
/** Queues in states that no client leaves them in, and calls of their scripts as no client makes them. */
import { QUEUES, outcome, someId } from '../../../transitions/lib/ops/kit.mjs';
import { clock } from '../../../transitions/lib/bull.mjs';
import { packOddly, repack } from '../msgpack.mjs';

const KEYS = ['wait', 'paused', 'active', 'delayed', 'prioritized', 'completed', 'failed', 'waiting-children', 'meta', 'id', 'pc', 'events', 'marker', 'stalled',
  'limiter', 'metrics:completed', 'metrics:completed:data', 'repeat'];
const JOB_KEYS = ['', '', '', ':lock', ':lock', ':dependencies', ':processed', ':logs'];
const NUMBERS = ['0', '1', '2', '-1', '-7', '10000', '4294967295', '4294967296', '9007199254740993', '9223372036854775807',
  '12x', '', ' 5', '5 ', '1e3', '0x10', '1.5', '007', 'inf', '1e300', '-0', '9223372036854775808', '-9223372036854775808'];
const META = ['paused', 'concurrency', 'opts.maxLenEvents', 'max', 'duration', 'version'];
const JOB_FIELDS = ['name', 'opts', 'atm', 'ats', 'delay', 'priority', 'parentKey', 'parent', 'rjk', 'deid', 'nrjid', 'stc', 'finishedOn', 'defa', 'pb'];
const OPTS = ['{}', '{"attempts":3}', '{"fpof":true}', '[]', '7', '{', '', '{"removeOnComplete":true}', '{"removeOnFail":{"age":1}}', '{"kl":1}',
  'null', '"a"', '{"attempts":1e300}', '{"attempts":NaN}', '{"fpof":{}}', '{"fail', `{"a":${'['.repeat(1500)}}`, '{"de":7}', '{"delay":"x"}'];
const PARENTS = ['{', '[]', 'null', '7', '{"id":5}', '{"id":{},"queueKey":[]}', '{"id":"x","queueKey":"bull:a"}', '{"id":"x","queueKey":"bull:none","fpof":true}', 'bull:a:x', 'bull:a:wait', ':', 'nonsense'];

const keyOf = (rng, queue) => `bull:${queue}:${rng.chance(0.7) ? rng.pick(KEYS) : someId(rng) + rng.pick(JOB_KEYS)}`;

/** Some value of some type. */
function put(rng, key) {
  return rng.pick([
    () => ['SET', key, rng.pick(NUMBERS)],
    () => ['LPUSH', key, someId(rng), someId(rng)],
    () => ['SADD', key, someId(rng)],
    () => ['HSET', key, rng.pick(META), rng.pick(NUMBERS)],
    () => ['ZADD', key, rng.pick(['0', '1', '-1', '7e15', '8192', '1.5', 'inf', '-inf']), rng.pick(['0', '1', someId(rng)])],
    () => ['XADD', key, rng.pick(['*', '18446744073709551614-0', '9223372036854775807-1', `${clock.ms + 5000}-1`]), 'f', 'v'],
  ])();
}

/** Commands that make an unusual state. */
const STATES = [
  (rng, queue) => [['DEL', keyOf(rng, queue)]],
  (rng, queue) => {
    const key = keyOf(rng, queue);
    return [['DEL', key], put(rng, key)];
  },
  (rng, queue) => [put(rng, keyOf(rng, queue))],
  (rng, queue) => [['HSET', `bull:${queue}:meta`, rng.pick(META), rng.pick(NUMBERS)]],
  (rng, queue) => [['HSET', `bull:${queue}:meta`, 'opts.maxLenEvents', rng.pick(['0', '1', '5', '100', '101'])]],
  (rng, queue) => [['HDEL', `bull:${queue}:meta`, rng.pick(META)]],
  (rng, queue) => [['HDEL', `bull:${queue}:meta`, ...META]],
  (rng, queue) => [['SET', `bull:${queue}:${rng.pick(['id', 'pc'])}`, rng.pick(NUMBERS)]],
  (rng, queue) => [['PEXPIRE', keyOf(rng, queue), rng.pick(['1', '1000', '100000'])]],
  (rng, queue) => [['HSET', `bull:${queue}:${someId(rng)}`, rng.pick(JOB_FIELDS), rng.pick(NUMBERS)]],
  (rng, queue) => [['HSET', `bull:${queue}:${someId(rng)}`, 'opts', rng.pick(OPTS)]],
  (rng, queue) => [['HSET', `bull:${queue}:${someId(rng)}`, rng.pick(['parent', 'parentKey']), rng.pick(PARENTS)]],
  (rng, queue) => [['HSET', `bull:${queue}:metrics:${rng.pick(['completed', 'failed'])}`, rng.pick(['count', 'prevTS', 'prevCount']), rng.pick(NUMBERS)]],
  (rng, queue) => [[rng.pick(['LPUSH', 'RPUSH']), `bull:${queue}:${rng.pick(['wait', 'active', 'paused'])}`, rng.pick(['', 'gone', ':', 'a:b', 'meta', 'wait', 'x', '1'])]],
  (rng, queue) => [['ZADD', `bull:${queue}:${rng.pick(['delayed', 'prioritized', 'completed', 'failed', 'marker'])}`, rng.pick(['inf', '-inf', '1e300', '-5', '1.5', '0']), someId(rng)]],
  (rng, queue) => [['SET', `bull:${queue}:de:${rng.pick(['d1', 'd2'])}`, rng.pick([someId(rng), ''])]],
  (rng, queue) => [['HDEL', `bull:${queue}:${someId(rng)}`, rng.pick(JOB_FIELDS)]],
  (rng, queue) => [['DEL', `bull:${queue}:${someId(rng)}:lock`]],
  (rng, queue) => [['SET', `bull:${queue}:${someId(rng)}:lock`, rng.pick(['token', 't1', 't2', 'other', '0'])]],
  (rng, queue) => [['ZADD', `bull:${queue}:delayed`, String(4096 * (clock.ms + rng.pick([0, 1, 5, 1000])) + rng.pick([0, 1, 4094, 4095])), someId(rng)]],
  (rng, queue) => [['XADD', `bull:${queue}:events`, '*', ...Array.from({ length: 2 * rng.pick([1, 4]) }, () => rng.pick(['f', 'long '.repeat(20)]))]],
];

/* ---- calls again ---- */

const ARGUMENTS = [...NUMBERS, 'x', 'meta', 'wait', '\xc1', '{}', '"a"', 'null'];

function alter(rng, list, change) {
  const at = rng.int(0, list.length - 1);
  return list.length === 0 ? list : [...list.slice(0, at), ...change(list[at], at), ...list.slice(at + 1)];
}

function alterKeys(rng, keys, queue) {
  return rng.pick([
    () => alter(rng, keys, () => [keyOf(rng, queue)]),
    () => alter(rng, keys, () => []),
    () => alter(rng, keys, (key) => [key, key]),
    () => alter(rng, keys, () => [rng.pick(keys)]),
    () => keys.map((key) => key.replace(/^bull:[ab]:/, `bull:${rng.pick(QUEUES)}:`)),
    () => keys.map((key) => key.toUpperCase()),
  ])();
}

function alterArgv(rng, argv) {
  const isPacked = (arg) => /^[\x80-\x9f\xdc-\xdf]/.test(arg);
  return rng.weighted([
    [() => alter(rng, argv, (arg) => [isPacked(arg) ? repack(rng, arg) : rng.pick(ARGUMENTS)]), 8],
    [() => argv.map((arg) => (isPacked(arg) ? repack(rng, arg) : arg)), 8],
    [() => argv.map((arg) => (isPacked(arg) ? packOddly(rng, arg) : arg)), 2],
    [() => alter(rng, argv, () => []), 1],
    [() => [...argv, rng.pick(ARGUMENTS)], 1],
  ])();
}

/** In a queue in which nothing is, two keys are the same one. */
function withOneKeyTwice(rng, keys, argv) {
  const fresh = (words) => words.map((word) => word.replace(/bull:[ab]:/g, 'bull:c:'));
  return [alter(rng, fresh(keys), () => [fresh([rng.pick(keys)])[0]]), fresh(argv)];
}

/** The words of a call, made of those of one that a client made. */
function again(rng, [, sha, count, ...rest], queue) {
  let [keys, argv] = [rest.slice(0, Number(count)), rest.slice(Number(count))];
  if (rng.chance(0.15)) [keys, argv] = withOneKeyTwice(rng, keys, argv);
  else if (rng.chance(0.15)) keys = alterKeys(rng, keys, queue);
  else if (rng.chance(0.8)) argv = alterArgv(rng, argv);
  return ['EVALSHA', sha, String(keys.length + (rng.chance(0.02) ? rng.pick([-1, 1]) : 0)), ...keys, ...argv];
}

/* ---- near the limits of numbers ---- */

const limits = (rng) =>
  rng.pick([
    { key: 'id', number: '99999999999998', opts: [{}, {}] },
    { key: 'pc', number: '4294967294', opts: [{ priority: 3 }, { priority: 2 }] },
    { key: 'delayed', score: rng.pick([0, 4093, 4094, 4095]), opts: [{ delay: 50 }, { delay: 50 }] },
    { key: 'meta', opts: [{}, {}] },
  ]);

async function goToLimit(bull, { queue, limit }, both) {
  const key = `bull:${queue}:${limit.key}`;
  if (limit.key === 'delayed') await both.call(['ZADD', key, String(4096 * (clock.ms + 50) + limit.score), 'limit']);
  else if (limit.key === 'meta') await both.call(['HSET', key, 'concurrency', await activeCount(both, queue)]);
  else await both.call(['SET', key, limit.number]);
  for (const opts of limit.opts) await outcome(bull.queue(queue).add('limit', {}, opts));
  if (limit.key === 'id') await both.call(['SET', key, '1000']);
}

/** Of a queue that has just so many: one more or less makes the difference. */
async function activeCount(both, queue) {
  const reply = await both.call(['LLEN', `bull:${queue}:active`]);
  return reply.type === ':' ? reply.text : '0';
}

const WAYS = [['plain', 8], ['resp3', 3], ['multi', 2]];
const only = { plain: 0, mixed: 0, deduplication: 0, family: 0, schedule: 0, work: 0.02 };

export default [
  {
    name: 'odd:limit',
    weight: 5,
    themes: only,
    make: (rng) => ({ queue: rng.pick(QUEUES), limit: limits(rng) }),
    bullmq: (bull, args, state, both) => goToLimit(bull, args, both),
  },
  {
    name: 'odd:state',
    weight: 12,
    themes: only,
    make(rng) {
      const queue = rng.chance(0.8) ? QUEUES[0] : QUEUES[1];
      return { queue, commands: rng.pick(STATES)(rng, queue) };
    },
    async bullmq(bull, { commands }, state, both) {
      for (const args of commands) await both.call(args);
    },
  },
  {
    name: 'odd:call',
    weight: 30,
    themes: only,
    make(rng, { samples }) {
      const lists = [...samples.values()];
      if (lists.length === 0) return null;
      const queue = rng.pick(QUEUES);
      const count = rng.pick([1, 2, 4]);
      return { queue, way: rng.weighted(WAYS), calls: Array.from({ length: count }, () => again(rng, rng.pick(rng.pick(lists)), queue)) };
    },
    async bullmq(bull, { way, calls }, state, both) {
      const link = both.links[way];
      if (way === 'multi') await both.call(['MULTI'], link);
      for (const args of calls) await both.call(args, link);
      if (way === 'multi') await both.call(['EXEC'], link);
    },
  },
];
