// SPDX-License-Identifier: MIT
/* Random list commands. Rows: [weight, (g) => args, way]. */
const MANY = 300;

export const lists = [
  [12, (g) => [g.pick(['LPUSH', 'RPUSH']), g.key('list'), ...g.some(1, 5, () => g.text())]],
  [1, (g) => [g.pick(['LPUSH', 'RPUSH']), g.key('list'), ...g.some(50, MANY, (_, i) => g.pick([String(i), g.text()]))]],
  [3, (g) => [g.pick(['LPUSHX', 'RPUSHX']), g.key('list'), ...g.some(1, 3, () => g.text())]],
  [6, (g) => [g.pick(['LPOP', 'RPOP']), g.key('list'), ...g.maybe(0.4, () => g.count())]],
  [3, (g) => ['LLEN', g.key('list')]],
  [3, (g) => ['LINDEX', g.key('list'), g.index()]],
  [4, (g) => ['LINSERT', g.key('list'), g.pick(['BEFORE', 'AFTER']), g.text(), g.text()]],
  [3, (g) => ['LSET', g.key('list'), g.index(), g.text()]],
  [8, (g) => ['LRANGE', g.key('list'), g.index(), g.index()]],
  [5, (g) => ['LREM', g.key('list'), String(g.int(-3, 3)), g.text()]],
  [2, (g) => ['LTRIM', g.key('list'), g.index(), g.index()]],
  [4, lpos],
  [4, (g) => ['LMOVE', g.key('list'), g.key('list'), g.pick(['LEFT', 'RIGHT']), g.pick(['LEFT', 'RIGHT'])]],
  [4, (g) => ['RPOPLPUSH', g.key('list'), g.key('list')]],
  [3, (g) => mpop(g, ['LMPOP'], g.keys('list', 1, 3))],
];

/** These may wait; the last word of most is the time-out in seconds. */
export const blockingLists = [
  [6, (g) => [g.pick(['BLPOP', 'BRPOP']), ...g.pureKeys('list'), timeout(g)]],
  [2, (g) => ['BLMOVE', g.pureKey('list'), g.key('list'), g.pick(['LEFT', 'RIGHT']), g.pick(['LEFT', 'RIGHT']), timeout(g)]],
  [2, (g) => ['BRPOPLPUSH', g.pureKey('list'), g.key('list'), timeout(g)]],
  [2, (g) => mpop(g, ['BLMPOP', timeout(g)], g.pureKeys('list'))],
];

/* Odd milliseconds: the clock moves by even ones, and nobody's time is over at the very millisecond. */
export function timeout(g) {
  return g.weighted([[5, '0'], [5, `${g.int(1, 4)}.001`], [5, String((2 * g.int(0, 1500) + 1) / 1000)], [1, g.pick(['-1', 'x', '1e400', '99999999999999999999'])]]);
}

function lpos(g) {
  const options = [g.maybe(0.4, 'RANK', () => String(g.int(-3, 3))), g.maybe(0.4, 'COUNT', () => g.count()), g.maybe(0.3, 'MAXLEN', () => g.count())];
  return ['LPOS', g.key('list'), g.text(), ...g.shuffle(options).flat()];
}

function mpop(g, start, keys) {
  return [...start, String(keys.length), ...keys, g.pick(['LEFT', 'RIGHT']), ...g.maybe(0.5, 'COUNT', () => g.count())];
}
