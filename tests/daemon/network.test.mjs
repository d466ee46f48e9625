// SPDX-License-Identifier: MIT
/* Addresses, and clients that behave badly or slowly. */
import { closeSync, openSync, statSync } from 'node:fs';
import { ask, check, closed, equal, loggedOnce, test, testOfLateScript, until } from './lib/kit.mjs';

async function clientList(client) {
  return (await ask(client, 'CLIENT', 'LIST')).text.trim().split('\n');
}

test('network: it listens on all the addresses it was given', async (t) => {
  const server = await t.serve(['--bind', '127.0.0.1 127.0.0.2']);
  for (const host of ['127.0.0.1', '127.0.0.2']) {
    const client = await t.connect(server, host);
    const [line] = (await clientList(client)).slice(-1);
    check(line.includes(` laddr=${host}:${server.port} `), 'CLIENT LIST tells our address', line);
    check(/ addr=127\.0\.0\.\d:\d+ /.test(line), 'CLIENT LIST tells theirs', line);
  }
});

test('network: a unix socket of the mode it was given serves beside TCP, or alone', async (t) => {
  const both = await t.serve(['--unix', t.path('s'), '--unix-perm', '0666']);
  equal((statSync(t.path('s')).mode & 0o777).toString(8), '666');
  const client = await t.connectUnix(t.path('s'));
  await ask(client, 'SET', 'a', 'x');
  const [line] = await clientList(client);
  check(line.includes(` addr=${t.path('s')}:0 `.slice(0, 30)), 'CLIENT LIST tells the path', line);
  equal((await ask(await t.connect(both), 'GET', 'a')).text, 'x');
  await t.serve(['--port', '0', '--unix', t.path('alone'), '--dir', t.path('data of its own')]);
  equal((await ask(await t.connectUnix(t.path('alone')), 'PING')).text, 'PONG');
});

test('network: the socket in the data folder asks for no password, and nobody else may open it', async (t) => {
  const folder = t.path('d'.repeat(120));
  await t.serve(['--dir', folder, '--password', 'secret']);
  const socket = `${folder}/oxq.sock`;
  equal((statSync(socket).mode & 0o777).toString(8), '600');
  /* Its path is longer than an address may be. */
  const fd = openSync(folder, 'r');
  equal((await ask(await t.connectUnix(`/proc/self/fd/${fd}/oxq.sock`), 'SET', 'a', 'x')).text, 'OK');
  closeSync(fd);
});

test('network: a long pipeline is answered in order', async (t) => {
  const client = await t.connect(await t.serve());
  const count = 20_000;
  client.write(Array.from({ length: count }, (_, i) => `*2\r\n$4\r\nECHO\r\n$${String(i).length}\r\n${i}\r\n`).join(''));
  for (let i = 0; i < count; i++) {
    const { text } = await client.read();
    if (text !== String(i)) equal(text, String(i));
  }
});

test('network: arguments of tens of megabytes come and go', async (t) => {
  const server = await t.serve();
  const client = await t.connect(server);
  const used = async () => Number(/used_memory:(\d+)/.exec((await ask(client, 'INFO', 'memory')).text)[1]);
  await ask(client, 'PING');
  const before = await used();
  const big = 'x'.repeat(40_000_000);
  await ask(client, 'SET', 'big', big);
  equal((await ask(client, 'STRLEN', 'big')).text, '40000000');
  await ask(client, 'DEL', 'big');
  check((await used()) - before < 2_000_000, 'the room is given back', before, await used());
});

test('network: a claim of 512 MB costs nothing until bytes come', async (t) => {
  const server = await t.serve();
  const client = await t.connect(server);
  const used = async () => Number(/used_memory:(\d+)/.exec((await ask(client, 'INFO', 'memory')).text)[1]);
  await ask(client, 'PING');
  const before = await used();
  for (let i = 0; i < 50; i++) (await t.connect(server)).write('*2\r\n$4\r\nECHO\r\n$536870912\r\nabc');
  await until('all have sent it', async () => (await clientList(client)).filter((line) => !line.includes(' qbuf=0 ')).length >= 50);
  check((await used()) - before < 50 * 100_000, 'memory in use', before, await used());
});

test('network: half requests, resets and closed sockets leave nothing behind', async (t) => {
  const server = await t.serve();
  const client = await t.connect(server);
  for (const bytes of ['*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1000000\r\nxx', '*1\r\n', 'PIN', '', 'BLPOP q 0\r\n', 'SUBSCRIBE c\r\n', 'MULTI\r\nSET a 1\r\n', 'WATCH a\r\n']) {
    for (let i = 0; i < 20; i++) {
      const other = await t.connect(server);
      if (bytes) other.write(bytes);
      if (i % 2) other.reset();
      else other.end();
    }
  }
  await until('only one client is left', async () => (await clientList(client)).length === 1);
  equal((await ask(client, 'RPUSH', 'q', 'x')).text, '1');
  equal((await ask(client, 'LLEN', 'q')).text, '1');
  equal((await ask(client, 'PUBLISH', 'c', 'x')).text, '0');
});

test('network: a slow reader gets all of a long reply, and others do not wait', async (t) => {
  const server = await t.serve();
  const slow = await t.connect(server);
  const other = await t.connect(server);
  await ask(slow, 'SET', 'big', 'y'.repeat(8_000_000));
  slow.pause();
  slow.send(['GET', 'big']);
  slow.send(['PING']);
  for (let i = 0; i < 100; i++) await ask(other, 'PING');
  slow.resume();
  equal((await slow.read()).text, 'y'.repeat(8_000_000), 'the long reply');
  equal((await slow.read()).text, 'PONG');
});

test('network: what speaks HTTP is closed with one line', async (t) => {
  const server = await t.serve();
  const client = await t.connect(server);
  client.write('POST / HTTP/1.1\r\nHost: localhost\r\n\r\nSET a 1\r\n');
  await closed(client);
  equal(client.pendingCount, 0);
  await loggedOnce(server, 'HTTP: a browser');
  equal((await ask(await t.connect(server), 'EXISTS', 'a')).text, '0');
});

test('network: a protocol error is replied, logged once and closes', async (t) => {
  const server = await t.serve();
  const client = await t.connect(server);
  client.write('PING\r\n*1\r\n$x\r\nPING\r\n');
  equal((await client.read()).text, 'PONG');
  equal((await client.read()).text, 'ERR Protocol error: invalid bulk length');
  await closed(client);
  await loggedOnce(server, 'protocol error');
});

testOfLateScript('network: others are served while a script runs for long', async (t) => {
  const server = await t.serve(['--busy-reply-threshold', '50']);
  const script = await t.connect(server);
  const waiting = await t.connect(server);
  waiting.send(['BLPOP', 'q', '0']);
  script.write('*1\r\n$5\r\nMULTI\r\n*2\r\n$4\r\nINCR\r\n$1\r\na\r\n*3\r\n$4\r\nEVAL\r\n$17\r\nwhile true do end\r\n$1\r\n0\r\n*1\r\n$4\r\nEXEC\r\n*1\r\n$4\r\nPING\r\n');
  const other = await t.connect(server);
  await until('it is busy', async () => (await other.call('PING')).text.startsWith('BUSY'));
  waiting.destroy();
  const late = await t.connect(server);
  check((await late.call('GET', 'a')).text.startsWith('BUSY'), 'one that came later is told too');
  check(script.pendingCount <= 3, 'nothing of the reply to EXEC came', script.pendingCount);
  equal((await ask(late, 'SCRIPT', 'KILL')).text, 'OK');
  for (const want of ['OK', 'QUEUED', 'QUEUED']) equal((await script.read()).text, want);
  const exec = await script.read();
  equal(exec.items[0].text, '1');
  check(exec.items[1].text.includes('killed'), 'the script was killed', exec.raw);
  equal((await script.read()).text, 'PONG');
  equal((await ask(other, 'GET', 'a')).text, '1');
});
