// SPDX-License-Identifier: MIT
/** A call of each transition, as src/jobs makes them: name, arguments (src/jobs/lua/<name>.lua says what they are). */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

import { DEAD, IDS, NOW, OTHER, QUEUE, STATES } from './queue.mjs';

const require = createRequire(fileURLToPath(new URL('../../e2e/package.json', import.meta.url)));
const { Packr } = require('msgpackr');
const packr = new Packr({ useRecords: false, variableMapSize: true });
const pack = (map) => (map ? Buffer.from(packr.pack(map)) : '');

const NO_FETCH = [NOW, 0, 't', 30_000, '', '', ''];

const fetching = (rng) => [NOW, rng.pick([1, 1, 2, 3, 10]), rng.pick(['t2', 't2', 't2', 0]), 30_000, rng.pick(['', 'w']), ...rng.pick([['', ''], ['', ''], [4, 1000]])];
const maybeFetching = (rng) => (rng.chance(0.5) ? fetching(rng) : NO_FETCH);

/** Some of a list, each once, in any order. */
function some(rng, list, most = 3) {
  const left = [...list];
  const out = [];
  for (let n = rng.int(1, most); n > 0 && left.length > 0; n--) out.push(...left.splice(rng.int(0, left.length - 1), 1));
  return out;
}

const active = (rng) => some(rng, STATES.active);
const tokenOf = (rng) => rng.pick(['t', 't', 't', '0', '0', 'other']);

function finished(rng, id) {
  const hasFailed = rng.chance(0.5);
  const keep = rng.pick([[-1, '', 1000], [-1, '', 1000], [0, '', 1000], [1, '', 1000], [-1, 0, 1], [0, '', 1000]]);
  return [id, tokenOf(rng), hasFailed ? 'failed' : 'completed', hasFailed ? 'no' : '"yes"', ...keep, rng.int(0, 3), hasFailed && rng.chance(0.7) ? '["Error"]' : ''];
}

function leaving(rng, id) {
  const to = rng.pick(['wait', 'delayed', 'front', 'children']);
  const what = { wait: rng.pick(['LPUSH', 'RPUSH']), delayed: rng.pick([0, 1000]), front: '', children: rng.pick(['', `${QUEUE}w2`]) }[to];
  return [id, tokenOf(rng), to, what, ...rng.pick([[1, 'no', '["Error"]'], [0, '', ''], [1, 'no', '']])];
}

const PARENT = [QUEUE, 'pa', `{"id":"pa","queueKey":"bull:mail"}`];
const MORE = [
  undefined, undefined, { delay: 500 }, { priority: 3 }, { lifo: true }, { children: true }, { parent: PARENT }, { parent: [OTHER, 'pb', '{"id":"pb","queueKey":"bull:other"}'] },
  { de: { id: 'x' } }, { de: { id: 'y', replace: true }, delay: 9 }, { de: { id: 'x', keepLastIfActive: true } }, { de: { id: 'new', ttl: 1000 } }, { de: { id: 'y', extend: true, ttl: 500 } },
  { de: { id: 'y', reschedule: true }, delay: 70 }, { queue: OTHER }, { queue: OTHER, delay: 5 }, { timestamp: NOW - 5, priority: 1 }, { parent: PARENT, queue: OTHER },
];

const added = (rng) => [rng.pick(['', '', 'new', 'w1', 'k1', 'k2', 'a1', 'wait']), 'send', '{}', '{}', pack(rng.pick(MORE))];
const addedTo = (rng, parent) => [rng.pick(['', 'k1', 'k2']), 'send', '{}', '{}', pack({ parent })];

/* make: the arguments; removes: jobs may go; isUnordered: it goes through a set. */
export const CALLS = {
  add: {
    weight: 5,
    removes: true,
    make(rng) {
      const jobs = Array.from({ length: rng.int(1, 3) }, () => added(rng));
      const numbered = rng.pick([0, 0, -2, -1, jobs.length]);
      if (numbered === -1) jobs[jobs.length - 1] = addedTo(rng, PARENT);
      return [NOW, numbered, ...jobs.flat()];
    },
  },
  add_plain: { weight: 2, make: (rng) => [NOW, ...Array.from({ length: rng.int(1, 3) }, () => ['send', '{}', '{}']).flat()] },
  change_delay: { make: (rng) => [NOW, rng.pick([...STATES.delayed, 'w1']), rng.pick([0, 700])] },
  change_priority: { make: (rng) => [rng.pick([...STATES.wait, ...STATES.prioritized, 'd2']), rng.int(0, 2), rng.int(0, 1)] },
  disown_child: { make: (rng) => [rng.pick(['a1', 'a2', 'w2', 'p2', 'pc1', 'w1'])] },
  extend_locks: { make: (rng) => [30_000, ...active(rng).flatMap((id) => [id, tokenOf(rng)])] },
  fetch: { weight: 5, make: fetching },
  finish: { weight: 10, removes: true, make: (rng) => [...maybeFetching(rng), rng.pick(['', 3, 2000]), ...active(rng).flatMap((id) => finished(rng, id))] },
  keep_step: { make: (rng) => [rng.pick(STATES.active), 't', 1, 'oxq.step:a', '1'] },
  leave: { weight: 7, make: (rng) => [...maybeFetching(rng), ...active(rng).flatMap((id) => leaving(rng, id))] },
  limits: { make: (rng) => [rng.pick(['', 3])] },
  log: { make: (rng) => [rng.pick(IDS), rng.pick([0, 1]), 'line', 'another'] },
  next_run: {
    weight: 2,
    make: (rng) => [NOW, 'sch', `repeat:sch:${NOW + 60_000}`, rng.pick(['', NOW + 90_000]), '{"repeat":{}', pack(rng.pick([{}, { every: 60_000, priority: 2 }, { every: 60_000, de: 'z' }]))],
  },
  obliterate: { weight: 2, removes: true, make: (rng) => [rng.pick([1, 5, 1000]), rng.int(0, 1)] },
  pause: { make: () => [] },
  progress: { make: (rng) => [rng.pick(IDS), '5'] },
  promote: { make: (rng) => some(rng, [...STATES.delayed, 'w1', 'none']) },
  publish: { make: () => ['custom', 'a', 'b'] },
  purge: {
    weight: 3,
    removes: true,
    make: (rng) => [rng.pick([...Object.keys(STATES), 'paused']), rng.pick(['', NOW]), rng.pick([1, 100]), 0, rng.int(0, 1)],
  },
  read_node: { isUnordered: true, make: (rng) => [rng.pick(['pa', 'pc1', 'w1']), rng.pick([0, 20])] },
  read_schedulers: { make: (rng) => rng.pick([['one', 'sch'], ['asc', 0, 9], ['desc', 0, 9]]) },
  release_locks: { make: (rng) => active(rng).flatMap((id) => [id, 't']) },
  remove: { weight: 3, removes: true, isUnordered: true, make: (rng) => [rng.pick(IDS), rng.int(0, 1), 1000] },
  remove_children: { removes: true, isUnordered: true, make: (rng) => [rng.pick(['pa', 'pc1', 'w1']), 1000] },
  remove_deduplication: { make: (rng) => rng.pick([['x', 'a3'], ['y', 'd2'], ['y', 'w1']]) },
  remove_orphans: { removes: true, make: (rng) => [1000, ...some(rng, [...IDS, 'none'], 5)] },
  remove_scheduler: { removes: true, make: (rng) => [rng.pick(['sch', 'sch', 'none'])] },
  replay: { weight: 3, removes: true, prefix: DEAD, make: (rng) => [NOW, ...some(rng, ['L1', 'none'])] },
  retake: { make: (rng) => [tokenOf(rng), 30_000, rng.pick([1, 3, 10])] },
  rerun: { weight: 2, make: (rng) => rerunning(rng, rng.pick(['completed', 'failed'])) },
  resume: { weight: 2, make: () => [] },
  set_fields: { make: (rng) => [rng.pick(IDS), 'data', '{}'] },
  stalled: { weight: 4, isUnordered: true, make: (rng) => [NOW, 1000, rng.pick([0, 1]), 1000, rng.pick([-1, -1, 0, 2])] },
  upsert_scheduler: { weight: 3, removes: true, make: upserting },
};

function rerunning(rng, state) {
  return [state, rng.int(0, 1), rng.int(0, 1), rng.int(0, 1), ...some(rng, [...STATES[state], 'none'])];
}

function upserting(rng) {
  const more = rng.pick([{ every: 60_000 }, { every: 30_000, offset: 5 }, { pattern: '* * * * *' }, { every: 60_000, priority: 2 }, { every: 1000, lifo: true }]);
  return [NOW, rng.pick(['sch', 'sch', 'sch2']), more.every ? '' : NOW + 60_000, 'send', '{}', '{}', '{"repeat":{}', pack(more)];
}

export function makeCall(rng, names) {
  const name = rng.weighted(names.map((one) => [one, CALLS[one].weight ?? 1]));
  const { prefix = QUEUE, removes, isUnordered, make } = CALLS[name];
  const isShort = rng.chance(0.1);
  return { name, prefix, removes, isUnordered, isShort, args: make(rng).map((arg) => (Buffer.isBuffer(arg) ? arg : String(arg))) };
}
