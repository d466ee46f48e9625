// SPDX-License-Identifier: MIT
/* Random stream commands. Rows: [weight, (g) => args, way]. */
export const streams = [
  [14, xadd],
  [2, (g) => ['XLEN', g.key('stream')]],
  [4, (g) => ['XRANGE', g.key('stream'), end(g), end(g), ...g.maybe(0.3, 'COUNT', () => g.count())]],
  [3, (g) => ['XREVRANGE', g.key('stream'), end(g), end(g), ...g.maybe(0.3, 'COUNT', () => g.count())]],
  [4, (g) => xread(g, g.keys('stream', 1, 3), [])],
  [3, (g) => ['XTRIM', g.key('stream'), ...trim(g)]],
  [5, (g) => ['XDEL', g.key('stream'), ...g.some(1, 3, () => id(g))]],
  [1, (g) => ['XSETID', g.key('stream'), id(g), ...g.maybe(0.3, 'ENTRIESADDED', () => g.count(), 'MAXDELETEDID', () => id(g))]],
  [3, (g) => ['XINFO', 'STREAM', g.key('stream')], 'xinfo'],
  [3, (g) => ['XINFO', 'STREAM', g.key('stream'), 'FULL', ...g.maybe(0.5, 'COUNT', () => g.count())], 'xinfo'],
  [2, (g) => ['XINFO', 'GROUPS', g.key('stream')], 'xinfo'],
  [2, (g) => ['XINFO', 'CONSUMERS', g.key('stream'), group(g)], 'xinfo'],
  [5, (g) => ['XGROUP', 'CREATE', g.key('stream'), group(g), g.pick(['$', '0', id(g)]), ...g.maybe(0.3, 'MKSTREAM'),
    ...g.maybe(0.1, 'ENTRIESREAD', () => g.count())]],
  [1, (g) => ['XGROUP', 'SETID', g.key('stream'), group(g), g.pick(['$', '0', id(g)]), ...g.maybe(0.3, 'ENTRIESREAD', () => g.count())]],
  [1, (g) => ['XGROUP', 'DESTROY', g.key('stream'), group(g)]],
  [2, (g) => ['XGROUP', 'CREATECONSUMER', g.key('stream'), group(g), consumer(g)]],
  [1, (g) => ['XGROUP', 'DELCONSUMER', g.key('stream'), group(g), consumer(g)]],
  [8, (g) => xreadgroup(g, g.keys('stream', 1, 2), [])],
  [4, (g) => ['XACK', g.key('stream'), group(g), ...g.some(1, 3, () => id(g))]],
  [4, xpending],
  [3, xclaim],
  [3, (g) => ['XAUTOCLAIM', g.key('stream'), group(g), consumer(g), String(g.int(-1, 3000)), end(g), ...g.maybe(0.4, 'COUNT', () => g.count()),
    ...g.maybe(0.3, 'JUSTID')]],
];

export const blockingStreams = [
  [3, (g) => xread(g, g.pureKeys('stream'), ['BLOCK', String(g.pick([0, 2 * g.int(0, 1500) + 1, -1, 'x']))])],
  [3, (g) => xreadgroup(g, g.pureKeys('stream'), ['BLOCK', String(g.pick([0, 2 * g.int(0, 1500) + 1, -1]))])],
];

function group(g) {
  return g.pick(['g1', 'g1', 'g1', 'g2', 'g3']);
}

function consumer(g) {
  return g.pick(['c1', 'c1', 'c2', 'c3']);
}

/* Ids are mostly small, some are of the clock. */
function id(g) {
  return g.weighted([
    [8, () => `${g.int(1, 30)}-${g.int(0, 3)}`],
    [2, () => `${g.int(1, 3000)}-${g.int(0, 2)}`],
    [3, () => String(g.int(1, 30))],
    [2, () => `<now+0>-${g.int(0, 2)}`],
    [1, () => g.pick(['0-0', '0', '-', 'x', '1-x', '18446744073709551615-18446744073709551615', '18446744073709551616', '1-1-1'])],
  ])();
}

function end(g) {
  return (g.chance(0.1) ? '(' : '') + g.weighted([[4, () => id(g)], [4, () => g.pick(['-', '+'])]])();
}

function trim(g) {
  const limit = g.maybe(0.15, 'LIMIT', () => g.count());
  return g.pick([
    ['MAXLEN', ...g.maybe(0.3, '='), String(g.int(0, 15))],
    ['MAXLEN', '~', String(g.pick([g.int(0, 15), g.int(0, 1000)])), ...limit],
    ['MINID', ...g.maybe(0.3, '='), id(g)],
    ['MINID', '~', id(g), ...limit],
    ['MAXLEN', ...g.maybe(0.5, '='), String(g.int(-1, 5)), ...limit],
  ]);
}

function xadd(g) {
  const fields = g.some(1, 3, () => [g.letter(), g.text()]).flat();
  const at = g.weighted([[10, () => '*'], [3, () => `${g.int(1, 30)}-*`], [5, () => id(g)]])();
  const key = g.key('stream');
  // who waits must not be woken by an entry that is trimmed at once
  const trimming = !g.isPure(key) && g.chance(0.25) ? trim(g) : [];
  return ['XADD', key, ...g.maybe(0.1, 'NOMKSTREAM'), ...trimming, at, ...fields];
}

function xread(g, keys, block) {
  return ['XREAD', ...g.maybe(0.4, 'COUNT', () => g.count()), ...block, 'STREAMS', ...keys, ...keys.map(() => g.pick(['$', '0', id(g)]))];
}

function xreadgroup(g, keys, block) {
  return ['XREADGROUP', 'GROUP', group(g), consumer(g), ...g.maybe(0.4, 'COUNT', () => g.count()), ...block, ...g.maybe(0.2, 'NOACK'), 'STREAMS', ...keys,
    ...keys.map(() => g.pick(['>', '>', '>', '0', id(g)]))];
}

function xpending(g) {
  if (g.chance(0.3)) return ['XPENDING', g.key('stream'), group(g)];
  return ['XPENDING', g.key('stream'), group(g), ...g.maybe(0.3, 'IDLE', () => String(g.int(0, 3000))), end(g), end(g), g.count(),
    ...g.maybe(0.4, () => consumer(g))];
}

function xclaim(g) {
  const options = [
    g.maybe(0.2, 'IDLE', () => String(g.int(0, 3000))), g.maybe(0.15, 'TIME', () => `<now-${g.int(0, 3000)}>`),
    g.maybe(0.2, 'RETRYCOUNT', () => g.count()), g.maybe(0.3, 'FORCE'), g.maybe(0.3, 'JUSTID'), g.maybe(0.1, 'LASTID', () => id(g)),
  ];
  return ['XCLAIM', g.key('stream'), group(g), consumer(g), String(g.int(-1, 3000)), ...g.some(1, 3, () => id(g)), ...g.shuffle(options).flat()];
}
