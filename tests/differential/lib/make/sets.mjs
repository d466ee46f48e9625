// SPDX-License-Identifier: MIT
/* Random set commands. Rows: [weight, (g) => args, way]. */
import { scanOptions } from './keys.mjs';

const MANY = 540; // past the 512 integers of an intset

export const sets = [
  [12, (g) => ['SADD', g.key('set'), ...g.some(1, 5, () => g.member())]],
  [5, (g) => ['SADD', g.key('set'), ...g.some(1, 5, () => g.integer())]],
  [1, (g) => ['SADD', g.key('set'), ...g.some(100, MANY, (_, i) => String(i * 3))]],
  [6, (g) => ['SREM', g.key('set'), ...g.some(1, 4, () => g.member())]],
  [4, (g) => ['SISMEMBER', g.key('set'), g.member()]],
  [3, (g) => ['SMISMEMBER', g.key('set'), ...g.some(1, 4, () => g.member())]],
  [4, (g) => ['SMEMBERS', g.key('set')], 'unordered'],
  [3, (g) => ['SCARD', g.key('set')]],
  [2, (g) => ['SRANDMEMBER', g.key('set'), ...g.maybe(0.7, () => String(g.int(-8, 8)))], 'shape'],
  [4, (g) => ['SMOVE', g.key('set'), g.key('set'), g.member()]],
  [5, (g) => [g.pick(['SINTER', 'SUNION', 'SDIFF']), ...g.keys('set', 1, 4)], 'unordered'],
  [5, (g) => [g.pick(['SINTERSTORE', 'SUNIONSTORE', 'SDIFFSTORE']), ...g.keys('set', 2, 4)]],
  [3, sintercard],
  [2, (g) => ['SSCAN', g.key('set'), '0', ...scanOptions(g)], 'scan'],
];

/* What SPOP leaves is up to chance: only what was taken whole, or what is deleted afterwards, can be compared. */
export function spop(g) {
  const key = g.key('set');
  return [{ args: ['SPOP', key, ...g.maybe(0.7, () => g.count())], way: 'shape' }, { args: ['DEL', key], way: 'any' }];
}

function sintercard(g) {
  const keys = g.keys('set', 1, 3);
  return ['SINTERCARD', String(keys.length), ...keys, ...g.maybe(0.4, 'LIMIT', () => g.count())];
}
