// SPDX-License-Identifier: MIT
/* Random sorted set commands. Rows: [weight, (g) => args, way]. */
import { timeout } from './lists.mjs';
import { scanOptions } from './keys.mjs';

const MANY = 150; // past the 128 members of a small sorted set

export const zsets = [
  [14, (g) => ['ZADD', g.key('zset'), ...addOptions(g), ...g.some(1, 4, () => [g.score(), g.member()]).flat()]],
  [2, (g) => ['ZADD', g.key('zset'), ...addOptions(g), 'INCR', g.score(), g.member()]],
  [1, (g) => ['ZADD', g.key('zset'), ...g.some(60, MANY, (_, i) => [String(i % 40), `m${i}`]).flat()]],
  [6, (g) => ['ZADD', g.lexKey(), ...g.some(1, 5, () => ['0', g.member()]).flat()], 'asis'],
  [6, (g) => ['ZREM', g.key('zset'), ...g.some(1, 4, () => g.member())]],
  [4, (g) => ['ZSCORE', g.key('zset'), g.member()]],
  [2, (g) => ['ZMSCORE', g.key('zset'), ...g.some(1, 4, () => g.member())]],
  [4, (g) => ['ZINCRBY', g.key('zset'), g.score(), g.member()]],
  [2, (g) => ['ZCARD', g.key('zset')]],
  [3, (g) => ['ZCOUNT', g.key('zset'), g.scoreEnd(), g.scoreEnd()]],
  [3, (g) => ['ZLEXCOUNT', g.lexKey(), g.lexEnd(), g.lexEnd()], 'asis'],
  [8, (g) => ['ZRANGE', g.key('zset'), ...range(g)]],
  [4, (g) => ['ZRANGE', g.lexKey(), g.lexEnd(), g.lexEnd(), 'BYLEX', ...g.maybe(0.3, 'REV'), ...limit(g)], 'asis'],
  [4, (g) => ['ZRANGESTORE', g.key('zset'), g.key('zset'), ...range(g, true)]],
  [3, (g) => ['ZREVRANGE', g.key('zset'), g.index(), g.index(), ...g.maybe(0.4, 'WITHSCORES')]],
  [4, (g) => [g.pick(['ZRANGEBYSCORE', 'ZREVRANGEBYSCORE']), g.key('zset'), g.scoreEnd(), g.scoreEnd(), ...g.maybe(0.4, 'WITHSCORES'), ...limit(g)]],
  [3, (g) => [g.pick(['ZRANGEBYLEX', 'ZREVRANGEBYLEX']), g.lexKey(), g.lexEnd(), g.lexEnd(), ...limit(g)], 'asis'],
  [4, (g) => [g.pick(['ZRANK', 'ZREVRANK']), g.key('zset'), g.member()], 'asis'],
  [5, (g) => [g.pick(['ZPOPMIN', 'ZPOPMAX']), g.key('zset'), ...g.maybe(0.4, () => g.count())]],
  [3, (g) => mpop(g, ['ZMPOP'], g.keys('zset', 1, 3))],
  [2, (g) => ['ZREMRANGEBYRANK', g.key('zset'), g.index(), g.index()]],
  [2, (g) => ['ZREMRANGEBYSCORE', g.key('zset'), g.scoreEnd(), g.scoreEnd()]],
  [2, (g) => ['ZREMRANGEBYLEX', g.lexKey(), g.lexEnd(), g.lexEnd()], 'asis'],
  [4, (g) => combine(g, g.pick(['ZUNION', 'ZINTER', 'ZDIFF']))],
  [4, (g) => combine(g, g.pick(['ZUNIONSTORE', 'ZINTERSTORE', 'ZDIFFSTORE']), g.key('zset'))],
  [2, (g) => intercard(g)],
  [2, (g) => ['ZRANDMEMBER', g.key('zset'), ...g.maybe(0.7, () => String(g.int(-8, 8)), ...g.maybe(0.3, 'WITHSCORES'))], 'shape'],
  [2, (g) => ['ZSCAN', g.key('zset'), '0', ...scanOptions(g)], 'scan'],
];

export const blockingZsets = [
  [6, (g) => [g.pick(['BZPOPMIN', 'BZPOPMAX']), ...g.pureKeys('zset'), timeout(g)]],
  [2, (g) => mpop(g, ['BZMPOP', timeout(g)], g.pureKeys('zset'))],
];

function addOptions(g) {
  return g.shuffle([g.maybe(0.2, () => g.pick(['NX', 'XX'])), g.maybe(0.2, () => g.pick(['GT', 'LT'])), g.maybe(0.2, 'CH')]).flat();
}

function limit(g) {
  return g.maybe(0.3, 'LIMIT', () => String(g.int(-1, 4)), () => String(g.int(-2, 6)));
}

function range(g, isStore = false) {
  const isByScore = g.chance(0.4);
  const ends = isByScore ? [g.scoreEnd(), g.scoreEnd()] : [g.index(), g.index()];
  const options = [g.maybe(0.3, 'REV'), isByScore ? ['BYSCORE'] : [], isByScore || g.chance(0.03) ? limit(g) : [], g.maybe(isStore ? 0.02 : 0.4, 'WITHSCORES')];
  return [...ends, ...g.shuffle(options).flat()];
}

function mpop(g, start, keys) {
  return [...start, String(keys.length), ...keys, g.pick(['MIN', 'MAX']), ...g.maybe(0.5, 'COUNT', () => g.count())];
}

/* Sums of halves are exact in any order; of arbitrary floats they are not, so weights are halves. */
function combine(g, name, ...target) {
  const keys = g.some(1, 3, () => g.key(g.chance(0.8) ? 'zset' : 'set'));
  const weights = () => keys.map(() => g.pick(['1', '2', '0.5', '-1', '0', 'inf']));
  const isDiff = name.startsWith('ZDIFF');
  const options = isDiff && g.chance(0.97) ? [] : [g.maybe(0.3, 'WEIGHTS'), g.maybe(0.4, 'AGGREGATE', () => g.pick(['SUM', 'MIN', 'MAX']))];
  if (options[0]?.length) options[0].push(...weights());
  const withScores = g.maybe(target.length > 0 ? 0.02 : 0.5, 'WITHSCORES');
  return [name, ...target, String(keys.length), ...keys, ...g.shuffle([...options, withScores]).flat()];
}

function intercard(g) {
  const keys = g.keys('zset', 1, 3);
  return ['ZINTERCARD', String(keys.length), ...keys, ...g.maybe(0.4, 'LIMIT', () => g.count())];
}
