// SPDX-License-Identifier: MIT
// ioredis as a plain client: what applications and BullMQ use of it, with every reply as on Redis.
import { assert, eventOf, KIND, range, test, until, URL } from '../lib/kit.mjs';
import { startServer } from '../lib/server.mjs';
import { currentVariant } from '../lib/variants.mjs';

const variant = currentVariant('ioredis-5');
const { Redis } = await import(variant.module);
const DB = 8 + variant.major; // a database that no other file uses

function connect(scope, options = {}) {
  const client = scope.watch(new Redis(URL, options));
  scope.defer(() => client.disconnect());
  return client;
}

const key = (scope, name) => `${scope.label}:${name}`;

async function idOf(admin, name) {
  const line = (await admin.client('LIST')).split('\n').find((each) => each.includes(` name=${name} `));
  return line.match(/^id=(\d+)/)[1];
}

async function clientIsBlocked(admin, id) {
  await until('the client to block', async () => {
    const line = (await admin.client('LIST')).split('\n').find((each) => each.startsWith(`id=${id} `));
    return line && /flags=\S*b/.test(line);
  });
}

test('strings, numbers and times to live', async (scope) => {
  const redis = connect(scope);
  const k = key(scope, 'k');
  assert.equal(await redis.set(k, 'v', 'EX', 100, 'NX'), 'OK');
  assert.equal(await redis.set(k, 'w', 'NX'), null);
  assert.equal(await redis.set(k, 'w', 'XX', 'KEEPTTL', 'GET'), 'v');
  assert.ok((await redis.ttl(k)) > 90);
  assert.equal(await redis.persist(k), 1);
  assert.equal(await redis.pttl(k), -1);
  assert.equal(await redis.append(k, '12'), 3);
  assert.equal(await redis.getrange(k, 0, 1), 'w1');
  assert.equal(await redis.incrby(key(scope, 'n'), 5), 5);
  assert.equal(await redis.incrbyfloat(key(scope, 'n'), 0.5), '5.5');
  assert.deepEqual(await redis.mget(k, key(scope, 'none')), ['w12', null]);
  assert.equal(await redis.pexpire(k, 30), 1);
  await until('it to expire', async () => (await redis.exists(k)) === 0);
  assert.equal(await redis.ttl(k), -2);
});

test('hashes, lists, sets, sorted sets and streams', async (scope) => {
  const redis = connect(scope);
  assert.equal(await redis.hset(key(scope, 'h'), { a: 1, b: 'two' }), 2);
  assert.deepEqual(await redis.hgetall(key(scope, 'h')), { a: '1', b: 'two' });
  assert.deepEqual(await redis.hmget(key(scope, 'h'), 'b', 'c'), ['two', null]);
  assert.equal(await redis.rpush(key(scope, 'l'), 'a', 'b', 'c'), 3);
  assert.deepEqual(await redis.lrange(key(scope, 'l'), -2, -1), ['b', 'c']);
  assert.equal(await redis.lpos(key(scope, 'l'), 'c'), 2);
  assert.equal(await redis.sadd(key(scope, 's'), 'x', 'y', 'x'), 2);
  assert.deepEqual((await redis.smembers(key(scope, 's'))).sort(), ['x', 'y']);
  assert.equal(await redis.zadd(key(scope, 'z'), 1, 'a', 2.5, 'b', '-inf', 'c'), 3);
  assert.deepEqual(await redis.zrange(key(scope, 'z'), 0, -1, 'WITHSCORES'), ['c', '-inf', 'a', '1', 'b', '2.5']);
  assert.deepEqual(await redis.zrange(key(scope, 'z'), '(1', '+inf', 'BYSCORE', 'LIMIT', 0, 10), ['b']);
  assert.deepEqual(await redis.zpopmin(key(scope, 'z')), ['c', '-inf']);
  const id = await redis.xadd(key(scope, 'x'), '*', 'f', 'v', 'f2', 'v2');
  assert.deepEqual(await redis.xrange(key(scope, 'x'), '-', '+'), [[id, ['f', 'v', 'f2', 'v2']]]);
  assert.equal(await redis.type(key(scope, 'x')), 'stream');
});

test('bytes that are no text survive, in keys and in values', async (scope) => {
  const redis = connect(scope);
  const bytes = Buffer.from(range(256));
  const k = Buffer.concat([Buffer.from(`${scope.label}:`), Buffer.from([0, 255, 13, 10])]);
  await redis.set(k, bytes);
  assert.deepEqual(await redis.getBuffer(k), bytes);
  await redis.hset(k.subarray(0, -1), bytes, bytes);
  assert.deepEqual(await redis.hgetBuffer(k.subarray(0, -1), bytes), bytes);
});

test('a value of sixteen megabytes goes there and back', async (scope) => {
  const redis = connect(scope);
  const value = Buffer.alloc(16 << 20, 'x');
  await redis.set(key(scope, 'big'), value);
  assert.equal((await redis.getBuffer(key(scope, 'big'))).equals(value), true);
  assert.equal(await redis.del(key(scope, 'big')), 1);
});

test('errors have the texts of Redis', async (scope) => {
  const redis = connect(scope);
  await redis.set(key(scope, 'k'), 'v');
  await assert.rejects(redis.lpush(key(scope, 'k'), 'x'), { message: 'WRONGTYPE Operation against a key holding the wrong kind of value' });
  await assert.rejects(redis.incr(key(scope, 'k')), { message: 'ERR value is not an integer or out of range' });
  await assert.rejects(redis.call('NOSUCH', 'a', 'b'), { message: "ERR unknown command 'NOSUCH', with args beginning with: 'a' 'b' " });
  await assert.rejects(redis.call('GET'), { message: "ERR wrong number of arguments for 'get' command" });
  await assert.rejects(redis.set(key(scope, 'k'), 'v', 'BOGUS'), { message: 'ERR syntax error' });
});

test('a pipeline gives each reply or error in its place', async (scope) => {
  const redis = connect(scope);
  const k = key(scope, 'k');
  const replies = await redis.pipeline().set(k, '1').lpush(k, 'x').incr(k).get(k).exec();
  assert.deepEqual(replies.map(([error, reply]) => error?.message.slice(0, 9) ?? reply), ['OK', 'WRONGTYPE', 2, '2']);
  const many = redis.pipeline();
  for (const n of range(5000)) many.set(`${k}:${n}`, n).get(`${k}:${n}`);
  const found = await many.exec();
  assert.ok(found.every(([error, reply], i) => !error && reply === (i % 2 ? String(i >> 1) : 'OK')));
});

test('commands of one turn of the loop are pipelined by themselves', async (scope) => {
  const redis = connect(scope, { enableAutoPipelining: true });
  await redis.set(key(scope, 'n'), 0);
  const replies = await Promise.all(range(500).map(() => redis.incr(key(scope, 'n'))));
  assert.deepEqual(replies, range(500).map((n) => n + 1));
});

test('MULTI runs all or nothing', async (scope) => {
  const redis = connect(scope);
  const k = key(scope, 'k');
  assert.deepEqual(await redis.multi().set(k, 'a').append(k, 'b').get(k).exec(), [[null, 'OK'], [null, 2], [null, 'ab']]);
  const mixed = await redis.multi().set(k, 'a').incr(k).exec();
  assert.match(mixed[1][0].message, /not an integer/);
  await assert.rejects(redis.multi().set(k, 'never').call('GET').exec(), /EXECABORT Transaction discarded because of previous errors/);
  assert.equal(await redis.get(k), 'a');
  await redis.multi({ pipeline: false });
  assert.equal(await redis.set(k, 'queued'), 'QUEUED');
  assert.equal(await redis.discard(), 'OK');
  assert.equal(await redis.get(k), 'a');
});

test('WATCH lets EXEC fail when a key has changed', async (scope) => {
  const [redis, other] = [connect(scope), connect(scope)];
  const k = key(scope, 'k');
  await redis.set(k, '1');
  await redis.watch(k);
  await other.set(k, '2');
  assert.equal(await redis.multi().set(k, '3').exec(), null);
  assert.equal(await redis.get(k), '2');
  await redis.watch(k);
  assert.deepEqual(await redis.multi().set(k, '3').exec(), [[null, 'OK']]);
});

test('messages reach channel and pattern subscribers', async (scope) => {
  const [redis, subscriber] = [connect(scope), connect(scope)];
  const channel = key(scope, 'news');
  assert.equal(await subscriber.subscribe(channel), 1);
  assert.equal(await subscriber.psubscribe(`${scope.label}:n*`), 2);
  const plain = eventOf(subscriber, 'message');
  const matched = eventOf(subscriber, 'pmessage');
  const raw = eventOf(subscriber, 'messageBuffer');
  assert.equal(await redis.publish(channel, 'hello'), 2);
  assert.deepEqual(await plain, [channel, 'hello']);
  assert.deepEqual(await matched, [`${scope.label}:n*`, channel, 'hello']);
  assert.deepEqual((await raw)[1], Buffer.from('hello'));
  assert.deepEqual(await redis.pubsub('NUMSUB', channel), [channel, 1]);
  assert.deepEqual(await redis.pubsub('CHANNELS', `${scope.label}*`), [channel]);
  assert.equal(await subscriber.unsubscribe(channel), 1);
  assert.equal(await subscriber.punsubscribe(`${scope.label}:n*`), 0);
  assert.equal(await redis.publish(channel, 'nobody'), 0);
  assert.equal(await subscriber.set(key(scope, 'k'), 'usable again'), 'OK');
});

test('blocking commands wait, wake and time out', async (scope) => {
  const [redis, blocked] = [connect(scope), connect(scope)];
  const [k, other] = [key(scope, 'l'), key(scope, 'l2')];
  const id = await blocked.client('ID');
  const wake = async (command, push) => {
    const answer = command();
    await clientIsBlocked(redis, id);
    await push();
    return answer;
  };
  assert.deepEqual(await wake(() => blocked.blpop(other, k, 10), () => redis.rpush(k, 'a')), [k, 'a']);
  assert.deepEqual(await wake(() => blocked.brpop(k, 10), () => redis.rpush(k, 'b', 'c')), [k, 'c']);
  assert.equal(await wake(() => blocked.blmove(other, k, 'LEFT', 'RIGHT', 10), () => redis.rpush(other, 'd')), 'd');
  assert.deepEqual(await wake(() => blocked.bzpopmin(key(scope, 'z'), 10), () => redis.zadd(key(scope, 'z'), 2, 'm', 1, 'n')), [key(scope, 'z'), 'n', '1']);
  const stream = key(scope, 'x');
  const read = await wake(() => blocked.xread('BLOCK', 10_000, 'STREAMS', stream, '$'), () => redis.xadd(stream, '5-1', 'f', 'v'));
  assert.deepEqual(read, [[stream, [['5-1', ['f', 'v']]]]]);
  assert.equal(await blocked.blpop(key(scope, 'none'), 0.05), null);
  assert.equal(await blocked.xread('BLOCK', 50, 'STREAMS', stream, '$'), null);
});

test('blocked clients are served in the order in which they came', async (scope) => {
  const redis = connect(scope);
  const waiting = [];
  for (const _ of range(3)) {
    const client = connect(scope);
    const id = await client.client('ID');
    waiting.push(client.blpop(key(scope, 'l'), 10));
    await clientIsBlocked(redis, id);
  }
  await redis.rpush(key(scope, 'l'), 'first', 'second', 'third');
  assert.deepEqual((await Promise.all(waiting)).map(([, value]) => value), ['first', 'second', 'third']);
});

test('a blocked client that goes away takes nothing with it', async (scope) => {
  const [redis, leaver] = [connect(scope), connect(scope)];
  scope.expectsErrors = true;
  const id = await leaver.client('ID');
  const lost = leaver.blpop(key(scope, 'l'), 0).catch((error) => error);
  await clientIsBlocked(redis, id);
  leaver.disconnect();
  await until('the client to be gone', async () => !(await redis.client('LIST')).includes(`id=${id} `));
  await redis.rpush(key(scope, 'l'), 'kept');
  assert.equal(await redis.llen(key(scope, 'l')), 1);
  assert.match((await lost).message, /Connection is closed/);
});

test('scripts by defineCommand, EVALSHA, and again after SCRIPT FLUSH', async (scope) => {
  const redis = connect(scope);
  redis.defineCommand('addTwice', { numberOfKeys: 1, lua: "redis.call('RPUSH', KEYS[1], ARGV[1], ARGV[1]); return redis.call('LLEN', KEYS[1])" });
  assert.equal(await redis.addTwice(key(scope, 'l'), 'x'), 2);
  assert.equal(await redis.addTwice(key(scope, 'l'), 'x'), 4);
  const sha = await redis.script('LOAD', 'return {1, 2.9, "three", false, true, {4}, redis.status_reply("FINE")}');
  assert.deepEqual(await redis.evalsha(sha, 0), [1, 2, 'three', null, 1, [4], 'FINE']);
  assert.deepEqual(await redis.script('EXISTS', sha, '0'.repeat(40)), [1, 0]);
  await assert.rejects(redis.evalsha('0'.repeat(40), 0), /NOSCRIPT No matching script/);
  await assert.rejects(redis.eval("return redis.call('INCR', KEYS[1])", 1, key(scope, 'l')), /WRONGTYPE/);
  await assert.rejects(redis.eval("return redis.error_reply('MY error')", 0), { message: 'MY error' });
  assert.equal(await redis.eval("return redis.pcall('INCR', KEYS[1]).err ~= nil and 1 or 0", 1, key(scope, 'l')), 1);
  const piped = await redis.pipeline().addTwice(key(scope, 'l'), 'y').exec();
  assert.deepEqual(piped, [[null, 6]]);
  const struct = await redis.eval('local t = cmsgpack.unpack(cmsgpack.pack({a = {1, 2}})); return cjson.encode(t)', 0);
  assert.deepEqual(JSON.parse(struct), { a: [1, 2] });
});

test('scan streams find each key, field and member', async (scope) => {
  const redis = connect(scope);
  const names = range(1500).map((n) => key(scope, `k${n}`));
  await redis.mset(Object.fromEntries(names.map((name) => [name, 'v'])));
  await redis.hset(key(scope, 'h'), Object.fromEntries(range(700).map((n) => [`f${n}`, n])));
  await redis.sadd(key(scope, 's'), range(700));
  await redis.zadd(key(scope, 'z'), ...range(700).flatMap((n) => [n, `m${n}`]));
  const collect = async (stream) => {
    const found = [];
    for await (const batch of stream) found.push(...batch);
    return found;
  };
  const keys = await collect(redis.scanStream({ match: `${scope.label}:k*`, count: 100 }));
  assert.deepEqual([...new Set(keys)].sort(), names.sort());
  assert.deepEqual(await collect(redis.scanStream({ match: `${scope.label}:*`, type: 'zset', count: 500 })), [key(scope, 'z')]);
  assert.equal(new Set(await collect(redis.sscanStream(key(scope, 's')))).size, 700);
  const fields = await collect(redis.hscanStream(key(scope, 'h'), { match: 'f69*' }));
  assert.equal(fields.length, 2 * 11);
  assert.equal((await collect(redis.zscanStream(key(scope, 'z')))).length, 2 * 700);
});

test('keyPrefix is put before each key', async (scope) => {
  const [redis, plain] = [connect(scope, { keyPrefix: `${scope.label}:p:` }), connect(scope)];
  await redis.set('k', 'v');
  await redis.rpush('l', 'a');
  assert.equal(await redis.get('k'), 'v');
  assert.equal(await plain.get(`${scope.label}:p:k`), 'v');
  assert.deepEqual(await redis.blpop('l', 1), [`${scope.label}:p:l`, 'a']);
  redis.defineCommand('readTwo', { numberOfKeys: 2, lua: "return redis.call('MGET', KEYS[1], KEYS[2])" });
  assert.deepEqual(await redis.readTwo('k', 'none'), ['v', null]);
});

test('databases are apart, and a connection may choose', async (scope) => {
  const [redis, inDb] = [connect(scope), connect(scope, { db: DB })];
  await inDb.flushdb();
  await inDb.set(key(scope, 'k'), 'there');
  assert.equal(await redis.get(key(scope, 'k')), null);
  assert.equal(await inDb.dbsize(), 1);
  await redis.select(DB);
  assert.equal(await redis.get(key(scope, 'k')), 'there');
  assert.equal(await redis.move(key(scope, 'k'), 0), 1);
  assert.equal(await inDb.dbsize(), 0);
  await assert.rejects(redis.select(16), /ERR DB index is out of range/);
  await inDb.flushdb();
});

test('a killed connection comes back with its database, name and subscriptions', async (scope) => {
  const admin = connect(scope);
  const redis = connect(scope, { db: DB, connectionName: `${scope.label}-named`, retryStrategy: () => 10 });
  const subscriber = connect(scope, { connectionName: `${scope.label}-subscriber`, retryStrategy: () => 10 });
  await subscriber.subscribe(key(scope, 'news'));
  const [id, subscriberId] = [await redis.client('ID'), await idOf(admin, `${scope.label}-subscriber`)];
  const back = [eventOf(redis, 'ready'), eventOf(subscriber, 'ready')];
  await admin.client('KILL', 'ID', id);
  await admin.client('KILL', 'ID', subscriberId);
  await Promise.all(back);
  assert.notEqual(await redis.client('ID'), id);
  assert.equal(await redis.client('GETNAME'), `${scope.label}-named`);
  await redis.set(key(scope, 'k'), 'in its database');
  await admin.select(DB);
  assert.equal(await admin.get(key(scope, 'k')), 'in its database');
  await admin.del(key(scope, 'k'));
  const message = eventOf(subscriber, 'message');
  await until('the subscription', async () => (await redis.publish(key(scope, 'news'), 'again')) === 1);
  assert.equal((await message)[1], 'again');
});

test('a blocking command is sent again when its connection was killed', async (scope) => {
  const [admin, blocked] = [connect(scope), connect(scope, { connectionName: scope.label, retryStrategy: () => 10, maxRetriesPerRequest: null })];
  const id = await blocked.client('ID');
  const popped = blocked.blpop(key(scope, 'l'), 10);
  await clientIsBlocked(admin, id);
  await admin.client('KILL', 'ID', id);
  await until('it to block again', async () => {
    const lines = (await admin.client('LIST')).split('\n');
    return lines.some((line) => line.includes(` name=${scope.label} `) && /cmd=blpop/.test(line));
  });
  await admin.rpush(key(scope, 'l'), 'v');
  assert.deepEqual(await popped, [key(scope, 'l'), 'v']);
});

test('CLIENT, INFO, CONFIG and TIME', async (scope) => {
  const redis = connect(scope);
  assert.equal(await redis.client('SETNAME', 'tester'), 'OK');
  assert.equal(await redis.client('GETNAME'), 'tester');
  assert.match(await redis.client('INFO'), /name=tester .*cmd=client\|info/);
  assert.equal(await redis.client('NO-EVICT', 'on'), 'OK');
  const info = await redis.info();
  for (const field of ['redis_version', 'connected_clients', 'used_memory', 'maxmemory_policy:noeviction', 'role:master', 'loading:0']) {
    assert.ok(info.includes(field), field);
  }
  assert.match(await redis.info('keyspace'), /# Keyspace/);
  assert.deepEqual(await redis.config('GET', 'maxmemory-policy'), ['maxmemory-policy', 'noeviction']);
  const [seconds, micros] = await redis.time();
  assert.ok(Math.abs(Number(seconds) * 1000 - Date.now()) < 60_000 && Number(micros) < 1_000_000);
});

test('MONITOR shows the commands of others', async (scope) => {
  const server = await startServer(KIND); // a quiet one: ioredis takes no command for its answer to MONITOR
  scope.defer(() => server.kill());
  const redis = scope.watch(new Redis(server.url));
  await redis.ping(); // after all that ioredis sends by itself
  const monitor = await redis.monitor();
  scope.defer(() => [redis, monitor].forEach((client) => client.disconnect()));
  const seen = eventOf(monitor, 'monitor', (time, args) => args[0].toLowerCase() === 'set');
  await redis.set('watched', 'with "quotes"');
  const [time, args, , database] = await seen;
  assert.deepEqual([args.slice(1), database], [['watched', 'with "quotes"'], '0']);
  assert.ok(Math.abs(time * 1000 - Date.now()) < 60_000);
});

test('lazyConnect connects when asked, quit says goodbye', async (scope) => {
  const redis = connect(scope, { lazyConnect: true });
  assert.equal(redis.status, 'wait');
  await redis.connect();
  assert.equal(await redis.ping(), 'PONG');
  assert.equal(await redis.quit(), 'OK');
  await until('the end', () => redis.status === 'end');
});

if (variant.major >= 6) {
  test('protocol 3: maps, doubles and pushed messages', async (scope) => {
    const redis = connect(scope, { protocol: 3, replyMapping: 'resp3' });
    await redis.hset(key(scope, 'h'), { a: 1 });
    assert.deepEqual({ ...(await redis.hgetall(key(scope, 'h'))) }, { a: '1' });
    await redis.zadd(key(scope, 'z'), 1.5, 'm');
    assert.equal(Number(await redis.zscore(key(scope, 'z'), 'm')), 1.5);
    const subscriber = connect(scope, { protocol: 3 });
    await subscriber.subscribe(key(scope, 'news'));
    const message = eventOf(subscriber, 'message');
    await redis.publish(key(scope, 'news'), 'pushed');
    assert.deepEqual(await message, [key(scope, 'news'), 'pushed']);
  });
}
