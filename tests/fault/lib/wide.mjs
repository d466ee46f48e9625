// SPDX-License-Identifier: MIT
/*
 * Large values and many small ones, in a database that the history does not touch. Each is made by one script, so it is whole or absent.
 */
const DATABASE = 5;
/* key, what makes it from the key, and what then tells that it is whole. */
const VALUES = [
  ['w:text', `redis.call('SET', KEYS[1], string.rep('text ', 40000))`, ['STRLEN', 'w:text'], '200000'],
  ['w:list', `for i = 1, 3000 do redis.call('RPUSH', KEYS[1], 'element ' .. i) end`, ['LLEN', 'w:list'], '3000'],
  ['w:hash', `for i = 1, 3000 do redis.call('HSET', KEYS[1], 'field' .. i, 'value ' .. i) end`, ['HLEN', 'w:hash'], '3000'],
  ['w:set', `for i = 1, 2000 do redis.call('SADD', KEYS[1], 'member ' .. i) end`, ['SCARD', 'w:set'], '2000'],
  ['w:zset', `for i = 1, 3000 do redis.call('ZADD', KEYS[1], i, 'member ' .. i) end`, ['ZCARD', 'w:zset'], '3000'],
  ['w:stream', `for i = 1, 1000 do redis.call('XADD', KEYS[1], i .. '-1', 'name', 'value ' .. i) end`, ['XLEN', 'w:stream'], '1000'],
  [
    'w:job',
    `local job = cmsgpack.unpack(cmsgpack.pack(cjson.decode('{"name": "mail", "data": {"to": [1, 2, 3]}}')))
     for i = 1, 200 do redis.call('HSET', KEYS[1] .. i, 'name', job.name, 'data', cjson.encode(job.data) .. string.rep(' ', 300), 'n', i) end
     redis.call('HSET', KEYS[1], 'data', cjson.encode(job.data))`,
    ['EVAL', `local n = 0; for i = 1, 200 do n = n + #(redis.call('HGET', 'w:job' .. i, 'data') or '') end; return n`, '0'],
    String(200 * ('{"to":[1,2,3]}'.length + 300)),
  ],
];

/** Makes them on a connection of its own that is at its end afterwards. The keys that were acknowledged. */
export async function makeWide(client) {
  const acked = [];
  await client.call('SELECT', DATABASE);
  for (const [key, script] of VALUES) {
    if (client.isClosed) break;
    const reply = await client.call('EVAL', script, 1, key);
    if (reply.type === '$') acked.push(key);
  }
  return acked;
}

/** Why the values are not those acknowledged, each whole or absent; null: they are. */
export async function faultOfWide(client, acked) {
  await client.call('SELECT', DATABASE);
  for (const [key, , read, whole] of VALUES) {
    const isThere = (await client.call('EXISTS', key)).text === '1';
    if (!isThere && acked.includes(key)) return `${key} was acknowledged and is not there`;
    const reply = await client.call(...read);
    const found = reply.type === '-' ? reply.text : (reply.text ?? '');
    if (found !== (isThere ? whole : '0')) return `${key} is ${isThere ? 'there' : 'not there'}, and ${read[0]} tells ${found} in place of ${isThere ? whole : 0}`;
  }
  await client.call('SELECT', 0);
  return null;
}
