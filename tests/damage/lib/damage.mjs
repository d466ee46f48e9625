// SPDX-License-Identifier: MIT
/** What somebody does to a queue by hand: the commands. */
import { DEAD, IDS, NOW, OTHER, QUEUE } from './queue.mjs';

const DEEP = '['.repeat(1500);
const NUMBERS = ['x', '', ' 5', '5 ', '0x10', '1e300', '-1', '-0', '0', '2', 'nan', 'inf', '-inf', '9223372036854775807', '9223372036854775808', '1.5', '1e3', '1e10000',
  '99999999999999999999', '-99'];
const TEXTS = ['{', '[]', 'null', '7', '"a"', '{}', '{"id":5}', '{"id":{},"queueKey":[]}', '{"id":"pa","queueKey":"bull:mail"}', '{"a":NaN}', DEEP, 'nonsense', ':', `${QUEUE}pa`,
  `${QUEUE}wait`, 'bull:none:1', '{"delay":"x","priority":"y"}', '{"delay":-5,"priority":1e300}', '{"de":7,"delay":1e300}', '{"lifo":', '{"lifo":{}}', '{"de":{"ttl":"x"}}',
  '{"de":{"ttl":1.5,"id":{}},"priority":-1}', '{"delay":{},"priority":[]}', '{"de":{"id":"x","ttl":1e300},"priority":5}'];
const JOB_FIELDS = ['atm', 'ats', 'stc', 'priority', 'delay', 'timestamp', 'processedOn', 'finishedOn', 'opts', 'data', 'name', 'parent', 'parentKey', 'deid', 'rjk', 'defa', 'pb', 'stacktrace',
  'oxq.dead'];
const FIELDS = {
  meta: ['concurrency', 'opts.maxLenEvents', 'max', 'duration', 'paused', 'oxq.deadQueue', 'version'],
  repeat: ['every', 'offset', 'ic', 'name', 'data', 'opts', 'limit'],
  metrics: ['count', 'prevTS', 'prevCount'],
  next: ['name', 'data', 'opts', 'jid', 'pk', 'pd', 'pdk', 'rjk'],
};
/* A queue's, and those that a transition may make. */
const QUEUE_KEYS = ['wait', 'paused', 'active', 'delayed', 'prioritized', 'waiting-children', 'completed', 'failed', 'meta', 'id', 'pc', 'events', 'marker', 'stalled', 'stalled-check',
  'limiter', 'repeat', 'repeat:sch', 'metrics:completed', 'metrics:completed:data', 'metrics:failed', 'metrics:failed:data', 'de:x', 'dn:x', 'de:y', 'dn:y', 'de:new', 'dn:new', '21', '22', 'n1',
  'new', `repeat:sch:${NOW + 120_000}`, `repeat:sch2:${NOW + 60_000}`, 'repeat:sch2'];
const JOB_KEYS = ['', '', '', ':lock', ':dependencies', ':processed', ':failed', ':unsuccessful', ':logs'];
const ODD_IDS = ['none', '', ':', 'a:b', 'repeat:sch:x', 'x'.repeat(300)];

const FAMILY_KEYS = ['pa', 'pc1', 'pb', 'a1', 'a2', 'a3', 'a5', 'p2'];

function someKey(rng) {
  return rng.weighted([
    [() => QUEUE + rng.pick(QUEUE_KEYS), 6],
    [() => QUEUE + rng.pick(IDS) + rng.pick(JOB_KEYS), 4],
    [() => rng.pick([QUEUE, OTHER]) + rng.pick(FAMILY_KEYS) + rng.pick(JOB_KEYS), 4],
    [() => OTHER + rng.pick(QUEUE_KEYS.slice(0, 14)), 3],
    [() => DEAD + rng.pick([...QUEUE_KEYS.slice(0, 14), 'L1', '1', '2', 'L1:lock']), 3],
  ])();
}

const oddNumber = (rng) => rng.pick(NUMBERS);
const oddText = (rng) => rng.pick(rng.chance(0.4) ? NUMBERS : TEXTS);
const oddScore = (rng) => rng.pick(['inf', '-inf', '1e300', '-5', '0', '1.5', '-1e300', String(NOW * 4096), String(2 ** 63)]);

/** A value of some type in the key's place. */
function replace(rng) {
  const key = someKey(rng);
  const put = rng.pick([
    () => ['SET', key, oddNumber(rng)],
    () => ['RPUSH', key, rng.pick(IDS)],
    () => ['SADD', key, rng.pick(IDS)],
    () => ['HSET', key, rng.pick(JOB_FIELDS), oddText(rng)],
    () => ['ZADD', key, oddScore(rng), rng.pick(IDS)],
    () => ['XADD', key, '1-1', 'f', 'v'],
  ])();
  return [['DEL', key], put];
}

const someJob = (rng) => (rng.chance(0.15) ? `${OTHER}pb` : rng.chance(0.1) ? `${DEAD}L1` : QUEUE + rng.pick(IDS));

const DAMAGES = [
  [replace, 12],
  [(rng) => [['DEL', someKey(rng)]], 3],
  [(rng) => [['HSET', someJob(rng), rng.pick(JOB_FIELDS), oddText(rng)]], 10],
  [(rng) => [['HDEL', someJob(rng), rng.pick(JOB_FIELDS)]], 2],
  [(rng) => [['HSET', `${rng.pick([QUEUE, QUEUE, OTHER, DEAD])}meta`, rng.pick(FIELDS.meta), oddText(rng)]], 6],
  [(rng) => [['HSET', `${QUEUE}meta`, 'oxq.deadQueue', rng.pick(['', ':', 'mail', 'mail-dead', 'other', 'x y', '{mail}', '\u0001'])]], 2],
  [(rng) => [['HSET', `${QUEUE}repeat:sch`, rng.pick(FIELDS.repeat), oddText(rng)]], 3],
  [(rng) => [['HSET', `${QUEUE}metrics:${rng.pick(['completed', 'failed'])}`, rng.pick(FIELDS.metrics), oddNumber(rng)]], 3],
  [(rng) => [['HSET', `${QUEUE}dn:x`, rng.pick(FIELDS.next), oddText(rng)]], 3],
  [(rng) => [['HDEL', `${QUEUE}dn:x`, rng.pick(FIELDS.next)]], 1],
  [(rng) => [['SET', rng.pick([QUEUE, QUEUE, OTHER, DEAD]) + rng.pick(['id', 'pc', 'limiter']), oddNumber(rng)]], 4],
  [(rng) => [['SET', `${QUEUE}${rng.pick(['de:x', 'de:y', 'limiter', 'stalled-check'])}`, rng.pick([...NUMBERS, ...IDS, '']), 'PX', 600_000]], 2],
  [(rng) => [['ZADD', QUEUE + rng.pick(['delayed', 'prioritized', 'completed', 'failed', 'waiting-children']), oddScore(rng), rng.pick([...IDS, ...ODD_IDS])]], 4],
  [(rng) => [['ZADD', QUEUE + rng.pick(['repeat', 'marker']), oddScore(rng), rng.pick(['sch', '0', '1', 'none', ''])]], 2],
  [(rng) => [[rng.pick(['LPUSH', 'RPUSH']), QUEUE + rng.pick(['wait', 'active', 'paused']), rng.pick(ODD_IDS)]], 3],
  [(rng) => [['SADD', QUEUE + rng.pick(['stalled', 'pa:dependencies', 'pc1:dependencies']), rng.pick([...ODD_IDS, ...IDS, `${QUEUE}none`, `${QUEUE}w1`, `${QUEUE}pa`])]], 3],
  [(rng) => [['XADD', `${rng.pick([QUEUE, OTHER, DEAD])}events`, '18446744073709551615-18446744073709551615', 'f', 'v']], 1],
];

/** One, sometimes more. */
export function makeDamage(rng) {
  const commands = [];
  for (let n = rng.weighted([[1, 6], [2, 2], [3, 1]]); n > 0; n--) commands.push(...rng.weighted(DAMAGES)(rng));
  return commands;
}
