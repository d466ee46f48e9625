// SPDX-License-Identifier: MIT
/** A small queue with jobs in all states, their parents, a scheduler, and dead letters: the commands that make it. */
export const NOW = Date.UTC(2026, 0, 1);
export const QUEUE = 'bull:mail:';
export const OTHER = 'bull:other:';
export const DEAD = 'bull:mail-dead:';

const RUN = `repeat:sch:${NOW + 60_000}`;
const score = (ms) => String(ms * 4096);

/** id, fields beside those that all have. */
const job = (prefix, id, fields = {}) => [
  'HSET', prefix + id, 'name', 'send', 'data', '{"to":1}', 'opts', '{"attempts":3}', 'timestamp', NOW - 1000, 'delay', 0, 'priority', 0,
  ...Object.entries(fields).flat(),
];

const parent = (prefix, id, more = {}) => ({
  parentKey: prefix + id,
  parent: JSON.stringify({ id, queueKey: prefix.slice(0, -1), ...more }),
});

const letter = {
  queue: 'mail', id: 'f1', name: 'send', data: { to: 1 }, opts: { attempts: 3 }, failedReason: 'no', stacktrace: null, attemptsMade: 1,
  attemptsStarted: 1, stalledCount: 0, processedBy: null, parentKey: null, parent: null, timestamp: NOW - 1000, processedOn: NOW, finishedOn: NOW,
};

/** Where the ids of a queue's jobs are, by state. */
export const STATES = {
  wait: ['w1', 'w2', 'w3'],
  prioritized: ['p1', 'p2'],
  active: ['a1', 'a2', 'a3', 'a4', 'a5'],
  delayed: ['d1', 'd2', RUN],
  'waiting-children': ['pa', 'pc1'],
  completed: ['k1', 'k2'],
  failed: ['f1', 'f2', 'f3'],
};
export const IDS = Object.values(STATES).flat();

const finished = (reason) => ({ ...reason, finishedOn: NOW - 10, processedOn: NOW - 20, atm: 1, ats: 1 });
const taken = (more) => ({ processedOn: NOW - 20, ats: 1, pb: 'w', ...more });

const JOBS = [
  ...STATES.wait.map((id) => job(QUEUE, id, id === 'w2' ? parent(QUEUE, 'pa') : {})),
  job(QUEUE, 'p1', { priority: 2 }),
  job(QUEUE, 'p2', { priority: 2, ...parent(QUEUE, 'pc1') }),
  job(QUEUE, 'a1', taken(parent(QUEUE, 'pa'))),
  job(QUEUE, 'a2', taken(parent(OTHER, 'pb', { fpof: true }))),
  job(QUEUE, 'a3', taken({ deid: 'x' })),
  job(QUEUE, 'a4', taken({ atm: 1, stc: 1 })),
  job(QUEUE, 'a5', taken(parent(QUEUE, 'pc1', { cpof: true }))),
  job(QUEUE, 'd1', { delay: 5 }),
  job(QUEUE, 'd2', { delay: 5000, deid: 'y' }),
  job(QUEUE, RUN, { delay: 60_000, rjk: 'sch' }),
  job(QUEUE, 'pa'),
  job(QUEUE, 'pc1', { priority: 1, ...parent(OTHER, 'pb', { idof: true }) }),
  job(QUEUE, 'k1', finished({ returnvalue: '1' })),
  job(QUEUE, 'k2', { ...finished({ returnvalue: '1' }), ...parent(QUEUE, 'pa') }),
  job(QUEUE, 'f1', { ...finished({ failedReason: 'no' }), 'oxq.dead': 'L1' }),
  job(QUEUE, 'f2', { ...finished({ failedReason: 'no' }), ...parent(OTHER, 'pb') }),
  job(QUEUE, 'f3', finished({ failedReason: 'no' })),
  job(OTHER, 'pb', { delay: 0 }),
  job(OTHER, 'o1'),
  ['HSET', `${DEAD}L1`, 'name', 'send', 'data', JSON.stringify(letter), 'opts', '{"attempts":0}', 'timestamp', NOW, 'delay', 0, 'priority', 0],
];

const FAMILY = [
  ['SADD', `${QUEUE}pa:dependencies`, `${QUEUE}a1`],
  ['HSET', `${QUEUE}pa:processed`, `${QUEUE}k2`, '1'],
  ['SADD', `${QUEUE}pc1:dependencies`, `${QUEUE}p2`, `${QUEUE}a5`],
  ['ZADD', `${QUEUE}pc1:unsuccessful`, NOW, `${QUEUE}gone`],
  ['SADD', `${OTHER}pb:dependencies`, `${QUEUE}a2`, `${QUEUE}pc1`],
  ['HSET', `${OTHER}pb:failed`, `${QUEUE}f2`, 'no'],
];

const PLACES = [
  ['RPUSH', `${QUEUE}wait`, ...STATES.wait],
  ['ZADD', `${QUEUE}prioritized`, String(2 * 2 ** 32 + 1), 'p1', String(2 * 2 ** 32 + 2), 'p2'],
  ['RPUSH', `${QUEUE}active`, ...STATES.active],
  ['ZADD', `${QUEUE}delayed`, score(NOW - 5), 'd1', score(NOW + 5000), 'd2', score(NOW + 60_000), RUN],
  ['ZADD', `${QUEUE}waiting-children`, NOW - 1000, 'pa', NOW - 999, 'pc1'],
  ['ZADD', `${QUEUE}completed`, NOW - 10, 'k1', NOW - 9, 'k2'],
  ['ZADD', `${QUEUE}failed`, NOW - 10, 'f1', NOW - 9, 'f2', NOW - 8, 'f3'],
  ['ZADD', `${OTHER}waiting-children`, NOW - 1000, 'pb'],
  ['RPUSH', `${OTHER}wait`, 'o1'],
  ['RPUSH', `${DEAD}wait`, 'L1'],
  ...STATES.active.slice(0, 4).map((id) => ['SET', `${QUEUE}${id}:lock`, 't', 'PX', 600_000]),
  ['SADD', `${QUEUE}stalled`, ...STATES.active],
];

const REST = [
  ['SET', `${QUEUE}id`, 20],
  ['SET', `${QUEUE}pc`, 2],
  ['SET', `${DEAD}id`, 1],
  ['XADD', `${QUEUE}events`, '1-1', 'event', 'added', 'jobId', 'w1'],
  ['ZADD', `${QUEUE}marker`, 0, '0'],
  ['SET', `${QUEUE}de:x`, 'a3'],
  ['HSET', `${QUEUE}dn:x`, 'name', 'send', 'data', '{}', 'opts', '{"de":{"id":"x"}}', 'jid', 'n1', 'pk', `${QUEUE}pa`, 'pd', '{}', 'pdk', `${QUEUE}pa:dependencies`],
  ['SET', `${QUEUE}de:y`, 'd2'],
  ['ZADD', `${QUEUE}repeat`, NOW + 60_000, 'sch'],
  ['HSET', `${QUEUE}repeat:sch`, 'name', 'send', 'every', 60_000, 'ic', 1, 'data', '{}', 'offset', 0],
  ['HSET', `${QUEUE}metrics:completed`, 'count', 5, 'prevTS', NOW - 130_000, 'prevCount', 2],
  ['RPUSH', `${QUEUE}metrics:completed:data`, 1, 0],
  ['HSET', `${QUEUE}metrics:failed`, 'count', 1, 'prevTS', NOW - 70_000, 'prevCount', 0],
  ['RPUSH', `${QUEUE}w1:logs`, 'line'],
];

/** How queues may be set. */
const META = [
  {}, {}, { 'opts.maxLenEvents': 100 }, { paused: 1 }, { concurrency: 6 }, { concurrency: 2 }, { max: 3, duration: 1000 },
  { paused: 1, version: 'bullmq:5.1.0' },
];

export function makeQueue(rng) {
  const meta = { version: 'bullmq:6.2.0', ...rng.pick(META), ...(rng.chance(0.5) ? { 'oxq.deadQueue': 'mail-dead' } : {}) };
  return [...JOBS, ...FAMILY, ...PLACES, ...REST, ['HSET', `${QUEUE}meta`, ...Object.entries(meta).flat()]];
}

/* ---- where jobs are ---- */

const KEYS_OF_JOBS = /^(bull:[^:]+:)([^:]+|repeat:[^:]+:\d+)$/;
const NO_JOBS = new Set(['wait', 'paused', 'active', 'delayed', 'prioritized', 'waiting-children', 'completed', 'failed', 'meta', 'id', 'pc', 'events', 'marker',
  'stalled', 'stalled-check', 'limiter', 'repeat', 'delay']);
const LISTS = ['wait', 'paused', 'active'];
const SETS = ['delayed', 'prioritized', 'waiting-children', 'completed', 'failed'];

function idsIn(held, state) {
  if (held?.kind !== (LISTS.includes(state) ? 'list' : 'zset')) return [];
  return held.kind === 'list' ? held.value : held.value.map((line) => line.slice(0, line.lastIndexOf(' ')));
}

/** Whether there is something else in the place of a list or a set of the queue's jobs. */
export function isBroken(keyspace) {
  const kindOf = (state) => keyspace[QUEUE + state]?.kind;
  return LISTS.some((state) => ![undefined, 'list'].includes(kindOf(state))) || SETS.some((state) => ![undefined, 'zset'].includes(kindOf(state)));
}

/** Of each hash of a job, by its key: the states it is in. */
export function placesOf(keyspace) {
  const places = new Map();
  for (const [key, { kind }] of Object.entries(keyspace)) {
    const [, prefix, id] = KEYS_OF_JOBS.exec(key) ?? [];
    if (!prefix || kind !== 'hash' || NO_JOBS.has(id)) continue;
    places.set(key, [...LISTS, ...SETS].flatMap((state) => idsIn(keyspace[prefix + state], state).filter((one) => one === id).map(() => state)));
  }
  return places;
}
