// SPDX-License-Identifier: MIT
/* Limits by their names, and what happens at each. */
import { ask, check, closed, equal, loggedOnce, sleep, test, until } from './lib/kit.mjs';

test('limits: maxclients is told to whoever comes too late, and can be raised', async (t) => {
  const server = await t.serve(['--maxclients', '3']);
  const [a, b, c] = [await t.connect(server), await t.connect(server), await t.connect(server)];
  for (const client of [a, b, c]) await ask(client, 'PING');
  const late = await t.connect(server);
  equal((await late.read()).text, 'ERR max number of clients reached');
  await closed(late);
  await loggedOnce(server, 'maxclients is reached');
  b.destroy();
  await until('there is room again', async () => (await (await t.connect(server)).call('PING')).text === 'PONG');
  await ask(a, 'CONFIG', 'SET', 'maxclients', '10');
  equal((await ask(await t.connect(server), 'PING')).text, 'PONG');
});

test('limits: timeout closes who is idle, not who waits or listens', async (t) => {
  /* On a slow machine the busy one may be idle for long as well. */
  const server = await t.serve(['--timeout', '3']);
  const [idle, waiting, listening, busy] = [await t.connect(server), await t.connect(server), await t.connect(server), await t.connect(server)];
  const from = Date.now();
  await ask(idle, 'PING');
  waiting.send(['BLPOP', 'q', '0']);
  await ask(listening, 'SUBSCRIBE', 'c');
  while (!idle.isClosed) {
    await ask(busy, 'PING');
    await sleep(50);
    check(Date.now() - from < 45_000, 'the idle one is closed');
  }
  check(Date.now() - from > 2900, 'not before its time');
  await ask(busy, 'RPUSH', 'q', 'job');
  equal((await waiting.read()).items[1].text, 'job');
  equal((await ask(busy, 'PUBLISH', 'c', 'x')).text, '1');
  await loggedOnce(server, 'idle for longer');
});

test('limits: a subscriber that does not read is closed at the hard limit, with one line', async (t) => {
  const server = await t.serve(['--client-output-buffer-limit', 'pubsub 1mb 0 0']);
  const slow = await t.connect(server);
  const other = await t.connect(server);
  await ask(slow, 'SUBSCRIBE', 'c');
  slow.pause();
  const message = 'x'.repeat(500_000);
  await until('it is closed', async () => (await ask(other, 'PUBLISH', 'c', message)).text === '0');
  await loggedOnce(server, 'hard client-output-buffer-limit');
});

test('limits: a subscriber that reads slowly for too long is closed at the soft limit', async (t) => {
  const server = await t.serve(['--client-output-buffer-limit', 'pubsub 0 1mb 1']);
  const slow = await t.connect(server);
  const other = await t.connect(server);
  await ask(slow, 'SUBSCRIBE', 'c');
  slow.pause();
  const message = 'x'.repeat(500_000);
  /* The system's buffers come first, and they may be large. */
  await until('messages wait', async () => {
    await ask(other, 'PUBLISH', 'c', message);
    return (await ask(other, 'CLIENT', 'LIST')).text.split('\n').some((line) => Number(/ omem=(\d+)/.exec(line)?.[1]) > 1_500_000);
  });
  await until('it is closed', async () => (await ask(other, 'PUBSUB', 'NUMSUB', 'c')).items[1].text === '0');
  await loggedOnce(server, 'soft client-output-buffer-limit');
});

test('limits: who sends more than client-query-buffer-limit without an end is closed, with one line', async (t) => {
  const server = await t.serve(['--client-query-buffer-limit', '1mb']);
  const client = await t.connect(server);
  client.write(`*2\r\n$4\r\nECHO\r\n$20000000\r\n${'x'.repeat(10_000_000)}`);
  await closed(client);
  await loggedOnce(server, 'client-query-buffer-limit');
});

test('limits: an argument beyond proto-max-bulk-len is refused by its length', async (t) => {
  const server = await t.serve(['--proto-max-bulk-len', '1mb']);
  const client = await t.connect(server);
  client.write('*2\r\n$4\r\nECHO\r\n$1048577\r\n');
  equal((await client.read()).text, 'ERR Protocol error: invalid bulk length');
  await closed(client);
});

test('limits: without the password, requests are kept short', async (t) => {
  const server = await t.serve(['--password', 'sesame']);
  for (const [bytes, text] of [['*11\r\n', 'multibulk'], ['*1\r\n$16385\r\n', 'bulk']]) {
    const client = await t.connect(server);
    client.write(bytes);
    equal((await client.read()).text, `ERR Protocol error: unauthenticated ${text} length`);
    await closed(client);
  }
  const client = await t.connect(server);
  client.write('*2\r\n$4\r\nAUTH\r\n$6\r\nsesame\r\n*2\r\n$4\r\nECHO\r\n$20000\r\n' + 'x'.repeat(20_000) + '\r\n');
  equal((await client.read()).text, 'OK');
  equal((await client.read()).text.length, 20_000);
});

test('limits: more connections than files does not stop the server', async (t) => {
  const server = await t.serve(['--maxclients', '400']);
  const clients = [];
  for (let i = 0; i < 390; i++) clients.push(await t.connect(server));
  for (const client of clients) equal((await ask(client, 'PING')).text, 'PONG');
});

test('limits: an idle connection costs little memory', async (t) => {
  const server = await t.serve();
  const client = await t.connect(server);
  const used = async () => Number(/used_memory:(\d+)/.exec((await ask(client, 'INFO', 'memory')).text)[1]);
  await used();
  const before = await used();
  const count = 500;
  for (let i = 0; i < count; i++) await ask(await t.connect(server), 'PING');
  const bytes = await until('buffers are given back', async () => {
    const now = ((await used()) - before) / count;
    await sleep(100);
    return now < 2048 && now;
  });
  console.log(`an idle connection: ${Math.round(bytes)} bytes`);
});

test('limits: maxmemory holds with another allocator than the one that oxq was linked with', async (t) => {
  const memory = async (client) => Object.fromEntries((await ask(client, 'INFO', 'memory')).text.trim().split('\r\n').map((line) => line.split(':')));
  const own = await t.connect(await t.serve());
  if (!(await memory(own)).mem_allocator.startsWith('jemalloc')) return console.log('the allocator of a sanitizer: left out');
  /* The C library's, as it comes for those who look for mistakes. */
  const server = await t.serve(['--dir', t.path('other'), '--maxmemory', '20mb'], { LD_PRELOAD: 'libc_malloc_debug.so.0' });
  const client = await t.connect(server);
  equal((await memory(client)).mem_allocator, 'libc');
  const value = 'x'.repeat(1_000_000);
  for (let i = 0; i < 10; i++) await ask(client, 'SET', `key${i}`, value);
  check(Number((await memory(client)).used_memory) > 10_000_000, 'it is counted');
  let refused;
  for (let i = 10; i < 30 && !refused; i++) {
    const reply = await client.call('SET', `key${i}`, value);
    if (reply.type === '-') refused = reply.text;
  }
  check(refused?.startsWith('OOM'), 'the limit is met', refused);
});

test('limits: a maxclients that the system has no files for is lowered, with a line', async (t) => {
  const server = await t.serve(['--maxclients', '4000000000']);
  equal(server.logged('the limit of open files is lower').length, 1);
  const client = await t.connect(server);
  const fits = Number((await ask(client, 'CONFIG', 'GET', 'maxclients')).items[1].text);
  check(fits > 0 && fits < 4_000_000_000, 'what fits', fits);
});

test('limits: INFO counts what was refused and what passed', async (t) => {
  const server = await t.serve(['--maxclients', '2', '--client-output-buffer-limit', 'pubsub 1mb 0 0']);
  const [a, slow] = [await t.connect(server), await t.connect(server)];
  const stats = async () => Object.fromEntries((await ask(a, 'INFO', 'stats')).text.trim().split('\r\n').map((line) => line.split(':')));
  await closed(await t.connect(server));
  await ask(slow, 'SUBSCRIBE', 'c');
  slow.pause();
  await until('it is closed', async () => (await ask(a, 'PUBLISH', 'c', 'x'.repeat(500_000))).text === '0');
  const now = await stats();
  equal([now.rejected_connections, now.client_output_buffer_limit_disconnections, now.client_query_buffer_limit_disconnections], ['1', '1', '0']);
  check(Number(now.total_net_input_bytes) > 500_000 && Number(now.total_reads_processed) > 1, 'input', now);
  check(Number(now.total_net_output_bytes) > 500_000 && Number(now.total_writes_processed) > 1, 'output', now);
  await ask(a, 'CONFIG', 'RESETSTAT');
  equal((await stats()).rejected_connections, '0');
});

test('limits: the level of the log can be changed while it runs', async (t) => {
  const server = await t.serve();
  const client = await t.connect(server);
  await ask(client, 'CONFIG', 'SET', 'loglevel', 'debug');
  (await t.connect(server)).destroy();
  await until('a line about the client that left', () => server.logged(' debug client closed').length === 1);
  await ask(client, 'CONFIG', 'SET', 'log-format', 'json');
  (await t.connect(server)).destroy();
  await until('the same as JSON', () => server.logged('"text":"client closed"').length === 1);
});
