// SPDX-License-Identifier: MIT
/* The steps that show everything a database holds, made as the replies to the first ones tell. */
const CONTENTS = {
  string: (key) => [{ args: ['GET', key] }],
  hash: (key) => [{ args: ['HGETALL', key], way: 'pairs' }, { args: ['HLEN', key] }],
  list: (key) => [{ args: ['LRANGE', key, '0', '-1'] }, { args: ['LLEN', key] }],
  set: (key) => [{ args: ['SMEMBERS', key], way: 'unordered' }, { args: ['SCARD', key] }],
  zset: (key) => [{ args: ['ZRANGE', key, '0', '-1', 'WITHSCORES'] }, { args: ['ZCARD', key] }],
  stream: (key) => [{ args: ['XRANGE', key, '-', '+'] }, { args: ['XINFO', 'STREAM', key, 'FULL', 'COUNT', '0'], way: 'xinfo' },
    { args: ['XINFO', 'STREAM', key], way: 'xinfo' }],
};

/** isLoaded: the values were just read from disk, and how they lie in memory tells how they came there. */
export async function* keyspaceSteps(session, on, database, isLoaded = false) {
  const step = (args, way = 'exact') => ({ does: 'call', on, args, way });
  yield step(['SELECT', String(database)]);
  yield step(['KEYS', '*'], 'unordered');
  const [left] = await session.on(on);
  const keys = (await left.call('KEYS', '*')).items.map((item) => item.text).sort();
  for (const key of keys) {
    yield step(['TYPE', key]);
    yield step(['PEXPIRETIME', key]);
    if (!isLoaded) yield step(['OBJECT', 'ENCODING', key]);
    const type = (await left.call('TYPE', key)).text;
    for (const { args, way } of CONTENTS[type](key)) yield step(args, way);
  }
}
