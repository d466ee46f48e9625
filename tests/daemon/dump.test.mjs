// SPDX-License-Identifier: MIT
/* oxq dump and oxq load, between oxq and a real Redis. */
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import net from 'node:net';
import { ask, check, equal, test } from './lib/kit.mjs';

const FAR_MS = 4_000_000_000_000;

/** The values of a dump by key, whatever lines they came in. */
function readDump(text) {
  const keys = {};
  for (const line of text.split('\n').filter((one) => one)) {
    const { key, more, end, value, group, pending, ...rest } = JSON.parse(line);
    if (key === undefined) continue;
    const one = (keys[JSON.stringify(key)] ??= { value: [], groups: [], pending: [] });
    Object.assign(one, rest);
    if (value !== undefined) one.value = one.value.concat(value);
    if (group) one.groups.push(group);
    if (pending) one.pending.push(...pending.entries.map(([id, consumer, , times]) => [pending.group, id, consumer, times]));
  }
  for (const one of Object.values(keys)) if (['set', 'hash'].includes(one.type)) one.value.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  return Object.fromEntries(Object.entries(keys).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Dumps a server to a file of the test's folder; gives what is in it. */
async function dump(t, server, file, ...flags) {
  const run = await t.oxq(['dump', '--json', '--port', server.port, ...flags]);
  equal(run.status, 0, run.stderr);
  t.write(file, run.stdout);
  return readDump(run.stdout);
}

async function load(t, server, file, ...flags) {
  const run = await t.oxq(['load', '--port', server.port, ...flags, t.path(file)]);
  equal(run.status, 0, run.stderr);
  return run;
}

async function flat(client, ...args) {
  const text = (node) => node.text ?? node.items?.map(text) ?? null;
  return text(await ask(client, ...args));
}

/* Each type, small and large; bytes that are no text; expiry; streams with groups, deletions and what is pending. */
async function fill(client) {
  const big = 3000;
  await ask(client, 'SET', 'text', 'grüße\n"\\ \u0000');
  await ask(client, 'SET', '', '');
  await ask(client, 'SET', 'binary \xff key', '\x00\xff\xc3\x28');
  await ask(client, 'SET', 'gone:later', 'x', 'PXAT', FAR_MS);
  await ask(client, 'SET', 'megabytes', 'ab\xff\u0001'.repeat(700_000));
  await ask(client, 'RPUSH', 'list', 'a', '', 'b', 'a', '\xfe');
  await ask(client, 'SADD', 'set', 'x', 'y', '\xfd');
  await ask(client, 'SADD', 'numbers', ...Array.from({ length: 40 }, (_, i) => i * 7));
  await ask(client, 'HSET', 'hash', 'field', 'value', '\xfc', '', 'opts', '{"a":1}');
  await ask(client, 'PEXPIREAT', 'hash', FAR_MS + 1);
  await ask(client, 'ZADD', 'zset', '1.5', 'a', '-inf', 'b', 'inf', 'c', '0.1', 'd', '5e-324', 'e', '9007199254740993', 'f');
  const many = (make) => Array.from({ length: big }, (_, i) => make(i)).flat();
  await ask(client, 'RPUSH', 'many:list', ...many((i) => `element ${i}`));
  await ask(client, 'SADD', 'many:set', ...many((i) => `member ${i}`));
  await ask(client, 'HSET', 'many:hash', ...many((i) => [`field ${i}`, `value ${i}`]));
  await ask(client, 'ZADD', 'many:zset', ...many((i) => [(i * 7919) % 1000, `member ${i}`]));
  await ask(client, 'PEXPIREAT', 'many:list', FAR_MS + 2);
  await ask(client, 'RPUSH', 'wide', ...Array.from({ length: 400 }, (_, i) => String(i % 10).repeat(20_000)));
  for (let i = 1; i <= 500; i++) client.send(['XADD', 'stream', `${i}-1`, 'f', `${i}`, 'empty', '']);
  for (let i = 1; i <= 500; i++) await client.read();
  await ask(client, 'XDEL', 'stream', '7-1', '500-1');
  await ask(client, 'XGROUP', 'CREATE', 'stream', 'readers', '0');
  await ask(client, 'XGROUP', 'CREATE', 'stream', 'late\xfb', '$');
  await ask(client, 'XREADGROUP', 'GROUP', 'readers', 'one', 'COUNT', 150, 'STREAMS', 'stream', '>');
  await ask(client, 'XREADGROUP', 'GROUP', 'readers', 'two', 'COUNT', 3, 'STREAMS', 'stream', '>');
  await ask(client, 'XCLAIM', 'stream', 'readers', 'two', 0, '3-1', 'RETRYCOUNT', 9);
  await ask(client, 'XACK', 'stream', 'readers', '4-1');
  await ask(client, 'XGROUP', 'CREATECONSUMER', 'stream', 'readers', 'idle');
  await ask(client, 'XADD', 'stream:plain', '5-5', 'k', 'v');
  await ask(client, 'XADD', 'stream:empty', '9-9', 'k', 'v');
  await ask(client, 'XDEL', 'stream:empty', '9-9');
  await ask(client, 'XGROUP', 'CREATE', 'stream:group', 'g', '$', 'MKSTREAM');
}

/* What a dump alone could get wrong on both sides: read from the server itself. */
async function facts(client) {
  const pending = (await flat(client, 'XPENDING', 'stream', 'readers', '-', '+', 1000)).map(([id, consumer, , times]) => [id, consumer, times]);
  const info = (name) => flat(client, 'XINFO', 'STREAM', name).then((all) => ['length', 'last-generated-id', 'max-deleted-entry-id', 'entries-added', 'groups'].map((field) => all[all.indexOf(field) + 1]));
  return {
    strings: await flat(client, 'MGET', 'text', '', 'binary \xff key', 'gone:later', 'megabytes'),
    times: await Promise.all(['gone:later', 'hash', 'many:list', 'zset'].map((key) => flat(client, 'PEXPIRETIME', key))),
    list: [await flat(client, 'LRANGE', 'list', 0, -1), await flat(client, 'LRANGE', 'many:list', 0, -1)],
    zset: [await flat(client, 'ZRANGE', 'zset', 0, -1, 'WITHSCORES'), await flat(client, 'ZRANGE', 'many:zset', 0, -1, 'WITHSCORES')],
    counts: await Promise.all([flat(client, 'SCARD', 'many:set'), flat(client, 'HLEN', 'many:hash'), flat(client, 'LLEN', 'wide'), flat(client, 'DBSIZE')]),
    hash: await flat(client, 'HMGET', 'hash', 'field', '\xfc', 'opts'),
    streams: await Promise.all(['stream', 'stream:plain', 'stream:empty', 'stream:group'].map(info)),
    groups: await flat(client, 'XINFO', 'GROUPS', 'stream'),
    consumers: (await flat(client, 'XINFO', 'CONSUMERS', 'stream', 'readers')).map((one) => one.slice(0, 4)),
    pending,
  };
}

test('dump: what Redis has, oxq has after load, and the way back', async (t) => {
  const [redis, oxq] = [await t.redis(), await t.serve()];
  const [there, here] = [await t.connect(redis), await t.connect(oxq)];
  await fill(there);
  const wanted = await facts(there);
  const first = await dump(t, redis, 'first.json');
  await load(t, oxq, 'first.json');
  equal(await facts(here), wanted, 'oxq differs from Redis');
  equal(await dump(t, oxq, 'second.json'), first, 'the dump of oxq differs');
  await ask(there, 'FLUSHALL');
  await load(t, redis, 'second.json');
  equal(await facts(there), wanted, 'Redis differs after the way back');
  equal(await dump(t, redis, 'third.json'), first, 'the third dump differs');
});

test('dump: when an entry was delivered travels', async (t) => {
  const [redis, oxq] = [await t.redis(), await t.serve()];
  const [there, here] = [await t.connect(redis), await t.connect(oxq)];
  await ask(there, 'XADD', 's', '1-1', 'f', 'v');
  await ask(there, 'XGROUP', 'CREATE', 's', 'g', '0');
  await ask(there, 'XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 's', '>');
  const hours = 5 * 3600_000;
  await ask(there, 'XCLAIM', 's', 'g', 'c', 0, '1-1', 'IDLE', hours);
  await dump(t, redis, 'd.json');
  await load(t, oxq, 'd.json');
  const idle = Number((await flat(here, 'XPENDING', 's', 'g', '-', '+', 1))[0][2]);
  check(idle >= hours - 1000 && idle < hours + 600_000, 'idle for five hours', idle);
});

test('dump: a queue, a pattern, a database', async (t) => {
  const oxq = await t.serve();
  const client = await t.connect(oxq);
  for (const key of ['bull:mail:1', 'bull:mail:wait', 'bull:mail2:1', 'bull:ma*l:1', 'other:mail:1']) await ask(client, 'SET', key, 'x');
  await ask(client, 'SELECT', 3);
  await ask(client, 'SET', 'third', 'x');
  const keys = async (...flags) => Object.keys(await dump(t, oxq, 'd.json', ...flags)).map((key) => JSON.parse(key));
  equal(await keys('--queue', 'mail'), ['bull:mail:1', 'bull:mail:wait']);
  equal(await keys('--queue', 'ma*l'), ['bull:ma*l:1']);
  equal(await keys('--queue', 'mail', '--prefix', 'other'), ['other:mail:1']);
  equal(await keys('--match', 'bull:mail?:1'), ['bull:mail2:1']);
  equal(await keys('--db', '3'), ['third']);
  await load(t, oxq, 'd.json', '--db', '9');
  equal(await keys('--url', `redis://127.0.0.1:${oxq.port}/9`).catch(() => null), null, '--url and --port exclude each other');
  equal((await t.oxq(['dump', '--quiet', '--url', `redis://127.0.0.1:${oxq.port}/9`])).stdout.split('\n').length, 4);
});

test('dump: jobs stand before the lists that name them', async (t) => {
  const oxq = await t.serve();
  const client = await t.connect(oxq);
  for (let i = 0; i < 300; i++) {
    client.send(['HSET', `bull:q:${i}`, 'name', 'job']);
    client.send(['RPUSH', `bull:q${i}:wait`, `${i}`]);
  }
  for (let i = 0; i < 600; i++) await client.read();
  const types = (await t.oxq(['dump', '--port', oxq.port])).stdout.split('\n').filter((line) => line.includes('"key"')).map((line) => JSON.parse(line).type);
  equal(types.length, 600);
  equal(types.indexOf('list'), 300);
  equal(types.lastIndexOf('hash'), 299);
});

test('dump: what the server refuses to show ends it, and is not taken for gone', async (t) => {
  const redis = await t.redis();
  const client = await t.connect(redis);
  await ask(client, 'SET', 's', 'v');
  await ask(client, 'HSET', 'h', 'a', 'b');
  await ask(client, 'XADD', 'x', '*', 'a', 'b');
  for (const [command, denied] of [['GET', 's'], ['STRLEN', 's'], ['HGETALL', 'h'], ['XINFO', 'x'], ['XRANGE', 'x']]) {
    await ask(client, 'ACL', 'SETUSER', 'half', 'reset', 'on', '>p', '~*', '+@all', `-${command.toLowerCase()}`);
    const run = await t.oxq(['dump', '--quiet', '--url', `redis://half:p@127.0.0.1:${redis.port}`]);
    equal(run.status, 1, `without ${command}, which is needed for ${denied}`);
    check(run.lines.length === 1 && run.stderr.includes('NOPERM'), 'one line that says why', run.stderr);
  }
});

/** A way to a server on which `meddle` runs before a request with this text is passed on. */
async function meddler(server, text, meddle) {
  const way = net.createServer((from) => {
    const to = net.connect(server.port, '127.0.0.1');
    let passed = Promise.resolve();
    from.on('data', (bytes) => (passed = passed.then(() => bytes.includes(text) && meddle()).then(() => to.write(bytes))));
    for (const socket of [from, to]) socket.on('error', () => {}).on('close', () => [from, to].forEach((one) => one.destroy()));
    to.pipe(from);
  });
  await once(way.listen(0, '127.0.0.1'), 'listening');
  return { port: way.address().port, close: () => way.close() };
}

test('dump: what goes while it is read in parts is told, and ends nothing', async (t) => {
  for (const server of [await t.redis(), await t.serve()]) {
    const client = await t.connect(server);
    for (const [text, ...change] of [
      ['GROUPS', 'DEL', 'many'],
      ['CONSUMERS', 'XGROUP', 'DESTROY', 'many', 'group'],
      ['XPENDING', 'DEL', 'many'],
      ['XRANGE', 'SET', 'many', 'text'],
    ]) {
      await ask(client, 'FLUSHALL');
      await ask(client, 'SET', 'other', 'x');
      await ask(client, 'XADD', 'many', '1-1', 'field', 'value');
      await ask(client, 'XGROUP', 'CREATE', 'many', 'group', '0');
      await ask(client, 'XREADGROUP', 'GROUP', 'group', 'consumer', 'STREAMS', 'many', '>');
      const way = await meddler(server, text, () => ask(client, ...change));
      const run = await t.oxq(['dump', '--port', way.port]);
      way.close();
      equal(run.status, 0, `${text}: ${run.stderr}`);
      /* Redis's WATCH does not see that a group goes. */
      if (text !== 'CONSUMERS') check(run.stderr.includes("the stream 'many' changed while it was read") && run.stderr.includes('1 changed meanwhile'), `${text}: it is told`, run.stderr);
      t.write('dump', run.stdout);
      await ask(client, 'FLUSHALL');
      await load(t, server, 'dump');
      equal(await flat(client, 'GET', 'other'), 'x');
    }
  }
});

test('load: an empty file is no dump; line ends of another system are none of the text', async (t) => {
  const server = await t.serve();
  const nothing = await t.oxq(['load', '--quiet', '--port', server.port, t.write('empty', '')]);
  check(nothing.status === 1 && nothing.stderr.includes('empty is empty: that is no dump'), 'it is told', nothing.status, nothing.stderr);
  t.write('crlf', '{"oxq_dump":1,"db":0}\r\n\r\n{"key":"k","type":"string","value":"x"}\r\n{"oxq_dump_end":true,"keys":1}\r\n\r\n');
  await load(t, server, 'crlf');
});

test('load: a group may have any name', async (t) => {
  const server = await t.serve();
  const client = await t.connect(server);
  await ask(client, 'XGROUP', 'CREATE', 'x', 'oxq-load', '$', 'MKSTREAM');
  await dump(t, server, 'dump');
  await ask(client, 'FLUSHALL');
  await load(t, server, 'dump');
  equal((await flat(client, 'XINFO', 'GROUPS', 'x'))[0][1], 'oxq-load');
});

test('load: what is there already', async (t) => {
  const oxq = await t.serve();
  const client = await t.connect(oxq);
  await ask(client, 'RPUSH', 'l', 1, 2, 3);
  await ask(client, 'RPUSH', 'large', ...Array.from({ length: 2000 }, (_, i) => i));
  await dump(t, oxq, 'd.json');
  await ask(client, 'DEL', 'l');
  await ask(client, 'SET', 'l', 'other', 'PXAT', FAR_MS);
  await ask(client, 'RPOP', 'large');
  const refused = await t.oxq(['load', '--port', oxq.port, t.path('d.json')]);
  equal(refused.status, 1);
  check(/line \d+: the key '\w+' is there already: --skip .* --replace/.test(refused.stderr), 'it says what to do', refused.stderr);
  const skipped = await load(t, oxq, 'd.json', '--skip');
  check(skipped.stderr.includes('loaded 0 keys, skipped 2 that were there'), 'the summary', skipped.stderr);
  equal([await flat(client, 'GET', 'l'), await flat(client, 'LLEN', 'large')], ['other', '1999']);
  await load(t, oxq, 'd.json', '--replace');
  equal([await flat(client, 'LRANGE', 'l', 0, -1), await flat(client, 'LLEN', 'large'), await flat(client, 'PTTL', 'l')], [['1', '2', '3'], '2000', '-1']);
  equal(await flat(client, 'DBSIZE'), '2', 'nothing else is left behind');
});

test('load: the summary is JSON for programs, also after an error', async (t) => {
  const oxq = await t.serve();
  const lines = ['{"key":"a","type":"string","value":"x"}', '{"key":"b","type":"string","value":"y"}', '{"key":"old","type":"string","expire_ms":1000,"value":"x"}'];
  const summary = async (status, ...flags) => {
    const run = await t.oxq(['load', '--json', ...flags, '--port', oxq.port, t.path('d.json')]);
    equal([run.status, run.lines.length, run.stdout.split('\n').length], [status, status, 2], run.stderr);
    const { seconds, ...counts } = JSON.parse(run.stdout);
    check(seconds >= 0, 'how long', seconds);
    return counts;
  };
  const write = (text) => {
    t.write('d.json', text);
    return Buffer.byteLength(text);
  };
  let bytes = write(`${lines[0]}\n`);
  equal(await summary(0), { loaded: 1, skipped: 0, expired: 0, bytes });
  bytes = write(`${lines.join('\n')}\n`);
  equal(await summary(0, '--skip'), { loaded: 1, skipped: 1, expired: 1, bytes });
  bytes = write(`${lines[2]}\n${lines[0]}\nnonsense\n`);
  equal(await summary(1, '--replace', '--quiet'), { loaded: 1, skipped: 0, expired: 1, bytes });
});

test('load: keys whose time has come are left out', async (t) => {
  const oxq = await t.serve();
  const client = await t.connect(oxq);
  t.write('d.json', '{"key":"old","type":"string","expire_ms":1000,"value":"x"}\n{"key":"new","type":"string","value":"y"}');
  const run = await load(t, oxq, 'd.json');
  check(run.stderr.includes('loaded 1 keys, left out 1 that had expired'), 'the summary', run.stderr);
  equal(await flat(client, 'KEYS', '*'), ['new']);
});

test('load: a bad line is named with its place, and what was whole before it is there', async (t) => {
  const oxq = await t.serve();
  const client = await t.connect(oxq);
  const good = '{"key":"good","type":"string","value":"x"}';
  const bad = [
    ['{"key":"k","type":"string","value":"x"', 'line 2: column'],
    ['{"key":"k","type":"string","value":"\xff"}', 'line 2: column', 'latin1'],
    ['nonsense', 'line 2: column'],
    ['{"key":"k","type":"thing","value":[]}', 'line 2: "type" must be one of'],
    ['{"type":"list","value":["a"]}', '"key" is missing'],
    ['{"key":"k","type":"list","value":[]}', 'a list with something in it'],
    ['{"key":"k","type":"list"}', 'a "value" is missing'],
    ['{"key":"k","type":"list","value":["a",{"base64":"!"}]}', 'element 2 of "value" is no text'],
    ['{"key":"k","type":"hash","value":[["a","b"],["c"]]}', 'element 2 of "value" is no pair'],
    ['{"key":"k","type":"zset","value":[["a",1]]}', 'element 1 of "value" is no pair'],
    ['{"key":"k","type":"zset","value":[["a","much"]]}', 'the server answers: ERR value is not a valid float'],
    ['{"key":"k","type":"stream","value":[["1-1",["f"]]]}', 'element 1 of "value"'],
    ['{"key":"k","type":"string","expire_ms":"soon","value":"x"}', '"expire_ms" must be'],
    ['{"key":"k","type":"string","value":"x","group":{"name":"g","last_id":"0"}}', '"group" is of streams'],
    ['{"key":"k","type":"list","more":true,"value":["a"]}\n{"key":"j","type":"list","value":["a"]}', 'line 3: the key that starts in line 2 has not come to its end'],
    ['{"key":"k","type":"list","more":true,"value":["a"]}', 'it was cut off'],
    ['{"oxq_dump":2}', 'format 2'],
    ['{"oxq_dump_end":true,"keys":1}', 'line 2: the dump that ends here has no beginning'],
    ['{"oxq_dump":1,"db":0}\n{"key":"k","type":"string","value":"x"}', 'it was cut off'],
  ];
  for (const [line, text, encoding] of bad) {
    t.write('d.json', Buffer.from(`${good}\n${line}\n`, encoding));
    await ask(client, 'FLUSHALL');
    const run = await t.oxq(['load', '--quiet', '--port', oxq.port, t.path('d.json')]);
    equal(run.status, 1, `exit code for ${line}`);
    check(run.lines.length === 1 && run.lines[0].includes(text) && run.lines[0].includes('d.json'), `one line with: ${text}`, run.stderr);
    equal((await flat(client, 'KEYS', '*')).sort(), line.startsWith('{"oxq_dump":1') ? ['good', 'k'] : ['good'], `what is there after ${line}`);
  }
});

test('load: a value of which the server refuses a part is not there at all', async (t) => {
  const oxq = await t.serve();
  const client = await t.connect(oxq);
  const many = (last) => [...Array.from({ length: 600 }, (_, i) => [`m${i}`, `${i}`]), last];
  const values = [
    [{ type: 'zset', value: many(['bad', 'much']) }, 'ERR value is not a valid float'],
    [{ type: 'zset', value: [['bad', 'much'], ...many(['good', '1'])] }, 'ERR value is not a valid float'],
    [{ type: 'zset', more: true, value: [['a', '1']] }, { value: [['bad', 'much']] }, { end: true }, 'ERR value is not a valid float'],
    [{ type: 'zset', more: true, value: many(['bad', 'much']) }, { end: true, value: [['a', '1']] }, 'ERR value is not a valid float'],
    [{ type: 'hash', value: many(['bad']) }, 'element 601 of "value" is no pair'],
    [{ type: 'stream', value: [['2-1', ['f', 'v']], ['1-1', ['f', 'v']]] }, 'ERR The ID specified in XADD'],
    [{ type: 'stream', value: [['2-1', ['f', 'v']]], group: { name: 'g', last_id: 'x' } }, 'ERR Invalid stream ID'],
    [{ type: 'stream', value: [['2-1', ['f', 'v']]], stream: { last_id: '1-1' } }, 'ERR The ID specified in XSETID'],
    [{ type: 'stream', stream: { last_id: '1-1' } }, 'a "value" is missing'],
  ];
  for (const flags of [[], ['--replace'], ['--skip']]) {
    for (const value of values) {
      const text = value[value.length - 1];
      const lines = value.slice(0, -1).map((line) => JSON.stringify({ key: 'k', ...line }));
      t.write('d.json', `{"key":"good","type":"string","value":"x"}\n${lines.join('\n')}\n`);
      await ask(client, 'FLUSHALL');
      const run = await t.oxq(['load', '--quiet', ...flags, '--port', oxq.port, t.path('d.json')]);
      equal([run.status, run.lines.length], [1, 1], lines[0].slice(0, 60) + run.stderr);
      check(run.stderr.includes(text), `one line with: ${text}`, run.stderr);
      equal(await flat(client, 'KEYS', '*'), ['good'], `what is there after ${lines[0].slice(0, 60)} ${flags}`);
    }
  }
  t.write('d.json', `${JSON.stringify({ key: 'z', type: 'zset', value: many(['last', '7']) })}\n${JSON.stringify({ key: 's', type: 'stream', value: [['2-1', ['f', 'v']]] })}\n`);
  await load(t, oxq, 'd.json');
  equal([await flat(client, 'ZCARD', 'z'), await flat(client, 'XLEN', 's'), await flat(client, 'DBSIZE'), await flat(client, 'TTL', 'z')], ['601', '1', '3', '-1']);
});

test('load: what the server has no room for leaves nothing half-made', async (t) => {
  const [full, oxq] = [await t.redis(['--maxmemory', '4mb']), await t.serve()];
  const client = await t.connect(oxq);
  for (let i = 0; i < 200; i++) await ask(client, 'RPUSH', 'large', ...Array.from({ length: 100 }, (_, n) => `${'x'.repeat(500)} ${i} ${n}`));
  equal((await t.shell(`"$OXQ" dump --quiet --port ${oxq.port} >d.json`)).status, 0);
  const run = await t.oxq(['load', '--quiet', '--port', full.port, t.path('d.json')]);
  equal([run.status, run.lines.length], [1, 1], run.stderr);
  check(run.stderr.includes('OOM'), 'the reason', run.stderr);
  equal(await flat(await t.connect(full), 'KEYS', '*'), []);
});

test('dump and load: pipes, and words that make no sense', async (t) => {
  const [oxq, redis] = [await t.serve(), await t.redis()];
  const client = await t.connect(oxq);
  await ask(client, 'SET', 'k', 'v');
  const run = await t.shell(`"$OXQ" dump --port ${oxq.port} | "$OXQ" load --quiet --port ${redis.port} -`);
  equal(run.status, 0, run.stderr);
  check(/dumped 1 keys, \d+ bytes, in/.test(run.stderr), 'the summary', run.stderr);
  equal(await flat(await t.connect(redis), 'GET', 'k'), 'v');
  const full = await t.shell(`"$OXQ" dump --port ${oxq.port} >/dev/full`);
  check(full.status === 1 && full.stderr.includes('cannot be written'), 'a full disk is told', full.stderr);
  await t.refused(['dump', 'file'], ['standard output']);
  await t.refused(['dump', '--mach', 'x'], ['--match']);
  await t.refused(['dump', '--match', 'x', '--queue', 'y'], ['exclude']);
  await t.refused(['dump', '--prefix', 'x'], ['--queue']);
  await t.refused(['dump', '--db', 'first'], ['number of a database']);
  await t.refused(['load'], ['one file']);
  await t.refused(['load', '--skip', '--replace', 'f'], ['exclude']);
  await t.refused(['load', '--skip=yes', 'f'], ['takes no value']);
  await t.refused(['load', t.path('none')], ['none', 'No such file']);
  equal(readdirSync(t.folder).includes('none'), false);
});
