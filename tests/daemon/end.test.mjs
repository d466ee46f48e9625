// SPDX-License-Identifier: MIT
/* Ending: by signals, by SHUTDOWN, and what is left behind. */
import { existsSync } from 'node:fs';
import { ask, check, closed, equal, test, testOfLateScript, until } from './lib/kit.mjs';

for (const signal of ['SIGTERM', 'SIGINT']) {
  test(`end: ${signal} ends it with 0 and a line`, async (t) => {
    const server = await t.serve();
    const idle = await t.connect(server);
    const waiting = await t.connect(server);
    await ask(waiting, 'PING');
    waiting.send(['BLPOP', 'q', '0']);
    await ask(idle, 'PING');
    equal(await server.stop(signal), 0);
    await closed(idle);
    await closed(waiting);
    check(server.logged(`signal=${signal}`).length === 1, 'a line names the signal', server.stderr);
    check(server.logged(' stopped ').length === 1, 'a line says that it stopped', server.stderr);
  });
}

test('end: requests that were read are answered before it ends', async (t) => {
  const server = await t.serve();
  const client = await t.connect(server);
  await ask(client, 'SET', 'big', 'x'.repeat(2_000_000));
  for (let i = 0; i < 20; i++) client.send(['GET', 'big']);
  await until('the first reply', () => client.pendingCount > 0);
  equal(await server.stop(), 0);
  await closed(client);
  check(client.pendingCount >= 1, 'replies came whole', client.pendingCount);
  for (let i = 0; i < client.pendingCount; i++) equal((await client.read()).text?.length ?? 2_000_000, 2_000_000);
});

test('end: somebody who does not read does not keep it from ending', async (t) => {
  const server = await t.serve();
  const client = await t.connect(server);
  await ask(client, 'SET', 'big', 'x'.repeat(5_000_000));
  client.pause();
  for (let i = 0; i < 10; i++) client.send(['GET', 'big']);
  const other = await t.connect(server);
  await until('the replies wait', async () => Number(/ omem=(\d+)/.exec((await ask(other, 'CLIENT', 'LIST')).text)?.[1]) > 1_000_000);
  equal(await server.stop(), 0);
});

test('end: SIGHUP changes nothing', async (t) => {
  const server = await t.serve();
  const client = await t.connect(server);
  server.kill('SIGHUP');
  equal((await ask(client, 'PING')).text, 'PONG');
  equal(await server.stop(), 0);
});

test('end: SHUTDOWN ends it with 0', async (t) => {
  const server = await t.serve();
  const client = await t.connect(server);
  client.send(['SHUTDOWN', 'NOSAVE']);
  equal(await server.ended, 0);
  await closed(client);
});

/* A server that is late with an endless script, whose client this is, and somebody else. */
async function serveEndlessScript(t, ...args) {
  const server = await t.serve(['--busy-reply-threshold', '50', ...args]);
  const script = await t.connect(server);
  script.send(['EVAL', 'while true do end', '0']);
  const other = await t.connect(server);
  await until('others are told that it is busy', async () => (await other.call('PING')).text.startsWith('BUSY'));
  return { server, script, other };
}

testOfLateScript('end: a second signal does not wait for an endless script', async (t) => {
  const { server } = await serveEndlessScript(t);
  server.kill('SIGTERM');
  await until('the first signal is noted', () => server.logged('stopping').length === 1);
  check(server.status === undefined, 'it waits for the script');
  server.kill('SIGTERM');
  equal(await server.ended, 1);
});

testOfLateScript('end: whom a signal waits for can be ended by SCRIPT KILL of somebody who comes after it', async (t) => {
  const { server } = await serveEndlessScript(t);
  server.kill('SIGTERM');
  await until('the signal is noted', () => server.logged('SCRIPT KILL').length === 1);
  const late = await t.connect(server);
  equal((await late.call('SCRIPT', 'KILL')).text, 'OK');
  equal(await server.ended, 0);
});

testOfLateScript('end: SHUTDOWN NOSAVE does not wait for an endless script', async (t) => {
  const { server, script, other } = await serveEndlessScript(t, '--unix', t.path('s'));
  check((await other.call('SHUTDOWN')).text.startsWith('BUSY'), 'SHUTDOWN alone is refused');
  other.send(['SHUTDOWN', 'NOSAVE']);
  equal(await server.ended, 0);
  await closed(script);
  check(!existsSync(t.path('s')), 'the unix socket is gone');
});

test('end: a unix socket is taken away, and one left by a killed server is replaced', async (t) => {
  const socket = t.path('s');
  const killed = await t.serve(['--unix', socket]);
  await killed.stop('SIGKILL');
  check(existsSync(socket), 'the socket is still there');
  const server = await t.serve(['--unix', socket]);
  const client = await t.connectUnix(socket);
  equal((await ask(client, 'PING')).text, 'PONG');
  await t.refused(['serve', '--port', '0', '--unix', socket], [`${socket} is in use`, '--unix']);
  equal(await server.stop(), 0);
  check(!existsSync(socket), 'the socket is gone');
});
