// SPDX-License-Identifier: MIT
// node-redis as a plain client, speaking RESP2 and RESP3: each test is run with both.
import { assert, eventOf, range, test as plainTest, until, URL } from '../lib/kit.mjs';
import { currentVariant } from '../lib/variants.mjs';

const variant = currentVariant('redis-5');
const { createClient, createClientPool, defineScript, RESP_TYPES, WatchError } = await import(variant.module);
const DB = 4 + variant.major; // a database that no other file uses

let RESP;

function test(name, body) {
  for (const version of [2, 3]) {
    plainTest(`RESP${version}: ${name}`, async (scope) => {
      RESP = version;
      await body(scope, (text) => `${scope.label}:${text}`);
    });
  }
}

async function connect(scope, options = {}) {
  const client = scope.watch(createClient({ url: URL, RESP, unstableResp3: true, ...options }));
  scope.defer(() => client.isOpen && client.destroy());
  await client.connect();
  return client;
}

async function clientIsBlocked(admin, id) {
  await until('the client to block', async () => {
    const line = (await admin.sendCommand(['CLIENT', 'LIST'])).split('\n').find((each) => each.startsWith(`id=${id} `));
    return line && /flags=\S*b/.test(line);
  });
}

/** The entries of one stream as [id, fields], from any of the shapes in which node-redis gives them. */
function entriesOf(reply, name) {
  if (Array.isArray(reply)) return reply[0].messages.map(({ id, message }) => [id, { ...message }]);
  return reply[name].map(([id, fields]) => [id, { [fields[0]]: fields[1] }]);
}

test('strings, hashes, lists, sets, sorted sets and streams', async (scope, key) => {
  const redis = await connect(scope);
  assert.equal(await redis.set(key('k'), 'v', { expiration: { type: 'EX', value: 100 }, condition: 'NX' }), 'OK');
  assert.ok((await redis.ttl(key('k'))) > 90);
  assert.equal(await redis.get(key('none')), null);
  assert.equal(await redis.hSet(key('h'), { a: '1', b: 'two' }), 2);
  assert.deepEqual({ ...(await redis.hGetAll(key('h'))) }, { a: '1', b: 'two' });
  assert.deepEqual({ ...(await redis.hGetAll(key('none'))) }, {});
  assert.equal(await redis.lPush(key('l'), ['a', 'b']), 2);
  assert.deepEqual(await redis.lRange(key('l'), 0, -1), ['b', 'a']);
  await redis.sAdd(key('s'), ['x', 'y']);
  assert.deepEqual([...(await redis.sMembers(key('s')))].sort(), ['x', 'y']);
  assert.equal(Number(await redis.sIsMember(key('s'), 'x')), 1);
  await redis.zAdd(key('z'), [{ score: 1.5, value: 'a' }, { score: Infinity, value: 'b' }]);
  assert.deepEqual(await redis.zRangeWithScores(key('z'), 0, -1), [{ value: 'a', score: 1.5 }, { value: 'b', score: Infinity }]);
  assert.equal(await redis.zScore(key('z'), 'a'), 1.5);
  assert.equal(await redis.zScore(key('z'), 'none'), null);
  assert.equal(await redis.incrByFloat(key('n'), 2.5), '2.5');
  const id = await redis.xAdd(key('x'), '*', { f: 'v' });
  const [entry] = await redis.xRange(key('x'), '-', '+');
  assert.deepEqual([entry.id, { ...entry.message }], [id, { f: 'v' }]);
});

test('consumer groups read, acknowledge and claim', async (scope, key) => {
  const redis = await connect(scope);
  assert.equal(await redis.xGroupCreate(key('x'), 'g', '0', { MKSTREAM: true }), 'OK');
  const ids = [];
  for (const n of range(3)) ids.push(await redis.xAdd(key('x'), '*', { n: String(n) }));
  const read = await redis.xReadGroup('g', 'one', { key: key('x'), id: '>' }, { COUNT: 2 });
  assert.deepEqual(entriesOf(read, key('x')), [[ids[0], { n: '0' }], [ids[1], { n: '1' }]]);
  assert.equal(await redis.xAck(key('x'), 'g', ids[0]), 1);
  const pending = await redis.xPending(key('x'), 'g');
  assert.deepEqual([pending.pending, pending.firstId], [1, ids[1]]);
  const claimed = await redis.xAutoClaim(key('x'), 'g', 'two', 0, '0');
  assert.deepEqual(claimed.messages.map((each) => each.id), [ids[1]]);
  const [group] = await redis.xInfoGroups(key('x'));
  assert.deepEqual([group.name, group.consumers, group.pending], ['g', 2, 1]);
  assert.equal((await redis.xInfoStream(key('x'))).length, 3);
});

test('errors have the texts of Redis', async (scope, key) => {
  const redis = await connect(scope);
  await redis.set(key('k'), 'v');
  await assert.rejects(redis.lPush(key('k'), 'x'), { message: 'WRONGTYPE Operation against a key holding the wrong kind of value' });
  await assert.rejects(redis.sendCommand(['NOSUCH', 'a']), { message: "ERR unknown command 'NOSUCH', with args beginning with: 'a' " });
  await assert.rejects(redis.sendCommand(['EXPIRE', 'k']), { message: "ERR wrong number of arguments for 'expire' command" });
});

test('many commands at once are pipelined, and answered in order', async (scope, key) => {
  const redis = await connect(scope);
  const replies = await Promise.all(range(2000).map((n) => (n % 2 ? redis.get(key('n')) : redis.incr(key('n')))));
  assert.deepEqual(replies, range(2000).map((n) => (n % 2 ? String((n + 1) / 2) : n / 2 + 1)));
});

test('MULTI and WATCH', async (scope, key) => {
  const [redis, other] = [await connect(scope), await connect(scope)];
  const replies = await redis.multi().set(key('k'), '1').incr(key('k')).hSet(key('h'), 'a', '1').hGetAll(key('h')).exec();
  assert.deepEqual([replies[0], replies[1], replies[2], { ...replies[3] }], ['OK', 2, 1, { a: '1' }]);
  await redis.watch(key('k'));
  await other.set(key('k'), 'changed');
  await assert.rejects(redis.multi().set(key('k'), 'mine').exec(), WatchError);
  assert.equal(await redis.get(key('k')), 'changed');
  await assert.rejects(redis.multi().addCommand(['NOSUCH']).set(key('k'), 'never').exec());
  assert.equal(await redis.get(key('k')), 'changed');
});

test('messages reach channel and pattern subscribers', async (scope, key) => {
  const [redis, subscriber] = [await connect(scope), await connect(scope)];
  const seen = [];
  await subscriber.subscribe(key('news'), (message, channel) => seen.push(['plain', channel, message]));
  await subscriber.pSubscribe(`${scope.label}:n*`, (message, channel) => seen.push(['pattern', channel, message]));
  assert.equal(await redis.publish(key('news'), 'hello'), 2);
  await until('two messages', () => seen.length === 2);
  assert.deepEqual(seen.sort(), [['pattern', key('news'), 'hello'], ['plain', key('news'), 'hello']]);
  if (RESP === 3) assert.equal(await subscriber.get(key('none')), null); // a subscriber may ask, too
  await subscriber.unsubscribe(key('news'));
  await subscriber.pUnsubscribe();
  assert.equal(await redis.publish(key('news'), 'nobody'), 0);
  assert.equal(String(await subscriber.set(key('k'), 'usable again')), 'OK');
});

test('blocking commands wait, wake and time out', async (scope, key) => {
  const [redis, blocked] = [await connect(scope), await connect(scope)];
  const id = await blocked.clientId();
  const popped = blocked.blPop([key('none'), key('l')], 10);
  await clientIsBlocked(redis, id);
  await redis.rPush(key('l'), 'a');
  const { key: from, element } = await popped;
  assert.deepEqual([from, element], [key('l'), 'a']);
  const lowest = blocked.bzPopMin(key('z'), 10);
  await clientIsBlocked(redis, id);
  await redis.zAdd(key('z'), { score: 3, value: 'm' });
  const { value, score } = await lowest;
  assert.deepEqual([value, score], ['m', 3]);
  const read = blocked.xRead({ key: key('x'), id: '$' }, { BLOCK: 10_000 });
  await clientIsBlocked(redis, id);
  await redis.xAdd(key('x'), '7-1', { f: 'v' });
  assert.deepEqual(entriesOf(await read, key('x')), [['7-1', { f: 'v' }]]);
  assert.equal(await blocked.brPop(key('none'), 0.05), null);
});

test('scripts by defineScript, with EVALSHA and without', async (scope, key) => {
  const script = defineScript({
    SCRIPT: "redis.call('SET', KEYS[1], ARGV[1]); return {redis.call('GET', KEYS[1]), 7, false}",
    NUMBER_OF_KEYS: 1,
    parseCommand: (parser, name, value) => {
      parser.pushKey(name);
      parser.push(value);
    },
    transformReply: (reply) => reply,
  });
  const redis = await connect(scope, { scripts: { setAndGet: script } });
  assert.deepEqual(await redis.setAndGet(key('k'), 'v'), ['v', 7, null]);
  assert.deepEqual(await redis.setAndGet(key('k'), 'w'), ['w', 7, null]);
  assert.equal(await redis.eval('return #KEYS + #ARGV', { keys: ['a'], arguments: ['b', 'c'] }), 3);
  const map = await redis.eval("redis.setresp(3); redis.call('HSET', KEYS[1], 'a', '1'); return redis.call('HGETALL', KEYS[1])", { keys: [key('h')] });
  assert.deepEqual(RESP === 3 ? { ...map } : map, RESP === 3 ? { a: '1' } : ['a', '1']);
});

test('iterators find each key, field and member', async (scope, key) => {
  const redis = await connect(scope);
  const names = range(600).map((n) => key(`k${n}`));
  await redis.mSet(Object.fromEntries(names.map((name) => [name, 'v'])));
  await redis.hSet(key('h'), Object.fromEntries(range(600).map((n) => [`f${n}`, String(n)])));
  const found = new Set();
  for await (const batch of redis.scanIterator({ MATCH: `${scope.label}:k*`, COUNT: 50 })) for (const name of batch) found.add(name);
  assert.deepEqual([...found].sort(), names.sort());
  const fields = new Set();
  for await (const batch of redis.hScanIterator(key('h'))) for (const { field } of batch) fields.add(field);
  assert.equal(fields.size, 600);
});

test('databases, names and information about the connection', async (scope, key) => {
  const [redis, inDb] = [await connect(scope), await connect(scope, { database: DB, name: 'tester' })];
  await inDb.flushDb();
  await inDb.set(key('k'), 'v');
  assert.equal(await redis.get(key('k')), null);
  assert.equal(await inDb.dbSize(), 1);
  assert.equal(await inDb.clientGetName(), 'tester');
  const info = await inDb.clientInfo();
  assert.deepEqual([info.name, info.db, info.resp], ['tester', DB, RESP]);
  const hello = await redis.hello(RESP);
  assert.equal(hello.proto, RESP);
  assert.match(hello.version, /^\d+\.\d+\.\d+$/);
  await inDb.flushDb();
});

test('a killed connection comes back with its database and subscriptions', async (scope, key) => {
  const admin = await connect(scope);
  const socket = { reconnectStrategy: () => 10 };
  const [redis, subscriber] = [await connect(scope, { database: DB, socket }), await connect(scope, { name: `${scope.label}-s`, socket })];
  scope.expectsErrors = true; // node-redis tells of a lost connection by 'error'
  const seen = [];
  await subscriber.subscribe(key('news'), (message) => seen.push(message));
  const id = await redis.clientId();
  const line = (await admin.sendCommand(['CLIENT', 'LIST'])).split('\n').find((each) => each.includes(` name=${scope.label}-s `));
  const back = [eventOf(redis, 'ready'), eventOf(subscriber, 'ready')];
  await admin.sendCommand(['CLIENT', 'KILL', 'ID', String(id)]);
  await admin.sendCommand(['CLIENT', 'KILL', 'ID', line.match(/^id=(\d+)/)[1]]);
  await Promise.all(back);
  assert.notEqual(await redis.clientId(), id);
  assert.equal((await redis.clientInfo()).db, DB);
  await until('a message', async () => {
    await admin.publish(key('news'), 'again');
    return seen.includes('again');
  });
});

test('a pool of connections shares the work', async (scope, key) => {
  const pool = scope.watch(createClientPool({ url: URL, RESP }, { maximum: 4 }));
  scope.defer(() => pool.destroy());
  await pool.connect();
  const replies = await Promise.all(range(100).map(() => pool.incr(key('n'))));
  assert.deepEqual(replies.sort((a, b) => a - b), range(100).map((n) => n + 1));
});

test('bytes that are no text survive', async (scope, key) => {
  const redis = await connect(scope);
  const bytes = Buffer.from(range(256));
  await redis.set(key('k'), bytes);
  assert.deepEqual(await redis.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer }).get(key('k')), bytes);
});
