// SPDX-License-Identifier: MIT
/* Random string commands. Rows: [weight, (g) => args, way]. */
export const strings = [
  [12, (g) => ['SET', g.key('string'), g.text(), ...setOptions(g)]],
  [8, (g) => ['GET', g.key('string')]],
  [2, (g) => ['GETSET', g.key('string'), g.text()]],
  [2, (g) => ['GETDEL', g.key('string')]],
  [3, (g) => ['GETEX', g.key('string'), ...g.maybe(0.7, ...expiry(g, ['PERSIST']))]],
  [3, (g) => ['MSET', ...g.some(1, 3, () => [g.key('string'), g.text()]).flat()]],
  [2, (g) => ['MSETNX', ...g.some(1, 2, () => [g.key('string'), g.text()]).flat()]],
  [4, (g) => ['MGET', ...g.keys('string', 1, 5)]],
  [4, (g) => ['APPEND', g.key('string'), g.text()]],
  [3, (g) => ['STRLEN', g.key('string')]],
  [3, (g) => ['SETRANGE', g.key('string'), String(g.int(-1, 30)), g.text()]],
  [3, (g) => [g.pick(['GETRANGE', 'SUBSTR']), g.key('string'), g.index(), g.index()]],
  [5, (g) => [g.pick(['INCR', 'DECR']), g.key('string')]],
  [4, (g) => [g.pick(['INCRBY', 'DECRBY']), g.key('string'), g.integer()]],
  [3, (g) => ['INCRBYFLOAT', g.key('string'), g.float()]],
  [2, (g) => ['SETNX', g.key('string'), g.text()]],
  [2, (g) => ['SETEX', g.key('string'), String(g.int(-1, 100)), g.text()]],
  [2, (g) => ['PSETEX', g.key('string'), String(g.soonMs()), g.text()]],
  [2, lcs],
];

function expiry(g, others) {
  const ms = g.soonMs();
  return g.pick([
    ['EX', String(Math.trunc(ms / 1000))],
    ['PX', String(ms)],
    ['EXAT', `<now_s${signed(Math.trunc(ms / 1000))}>`],
    ['PXAT', `<now${signed(ms)}>`],
    ...others.map((word) => [word]),
  ]);
}

export function signed(n) {
  return n < 0 ? String(n) : `+${n}`;
}

function setOptions(g) {
  if (g.chance(0.5)) return [];
  const parts = [g.maybe(0.4, () => g.pick(['NX', 'XX'])), g.maybe(0.4, 'GET'), g.chance(0.5) ? expiry(g, ['KEEPTTL']) : []];
  if (g.chance(0.05)) parts.push(expiry(g, ['KEEPTTL']));
  return g.shuffle(parts).flat();
}

function lcs(g) {
  return ['LCS', g.key('string'), g.key('string'), ...g.maybe(0.2, 'LEN'), ...g.maybe(0.5, 'IDX'), ...g.maybe(0.3, 'MINMATCHLEN', g.count()),
    ...g.maybe(0.3, 'WITHMATCHLEN')];
}
