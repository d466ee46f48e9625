// SPDX-License-Identifier: MIT
/* The data folder and its files while somebody else moves or removes them. */
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, truncateSync } from 'node:fs';
import path from 'node:path';
import { ask, check, equal, loggedOnce, test, until } from './lib/kit.mjs';

/**
 * Does something to the folder of a server that has written, while that stands still: what it says then does not depend on when it looked, nor on a
 * file that it was just making.
 */
async function whileItStands(server, folder, act) {
  const journal = path.join(folder, 'journal');
  const isWhole = (name) => name.startsWith('spare.') && statSync(path.join(journal, name), { throwIfNoEntry: false })?.size > 0;
  await until('there is a spare segment', () => readdirSync(journal).some(isWhole));
  server.kill('SIGSTOP');
  await until('it has stopped', () => /^State:\tT/m.test(readFileSync(`/proc/${server.child.pid}/status`, 'utf8')));
  const result = await act();
  server.kill('SIGCONT');
  return result;
}

/** Writes keys until one is refused: { acknowledged, text }. */
async function writeUntilRefused(client) {
  const value = 'x'.repeat(100_000);
  for (let acknowledged = 0; ; acknowledged++) {
    const reply = await client.call('SET', `key${acknowledged}`, value);
    if (reply.type === '-') return { acknowledged, text: reply.text };
    /* Refused too, when the journal has failed since. */
    await client.call('BGSAVE');
  }
}

test('place: a folder that was moved, with another server in its place: neither loses anything', async (t) => {
  const first = await t.serve(['--journal-segment-size', '1mb']);
  const client = await t.connect(first);
  await ask(client, 'SET', 'mine', 'first');
  const second = await whileItStands(first, t.path('data'), async () => {
    renameSync(t.path('data'), t.path('moved'));
    return t.serve(['--journal-segment-size', '1mb']);
  });
  const other = await t.connect(second);
  await ask(other, 'SET', 'mine', 'second');
  const { acknowledged, text } = await writeUntilRefused(client);
  check(/^MISCONF the journal failed \(.*data\/journal was replaced by another while it was in use\)/.test(text), 'it says why', text);
  await loggedOnce(first, 'the journal failed');
  equal((await ask(client, 'GET', 'mine')).text, 'first', 'reads go on');
  equal([await first.stop(), await second.stop()], [1, 0]);
  for (const [name, keys] of [['moved', acknowledged + 1], ['data', 1]]) {
    const checked = await t.oxq(['check', name]);
    equal(checked.status, 0, checked.stdout + checked.stderr);
    const again = await t.serve(['--dir', t.path(name)]);
    const reader = await t.connect(again);
    await until('it has loaded', async () => (await reader.call('PING')).text === 'PONG');
    const count = Number((await ask(reader, 'DBSIZE')).text);
    /* What was refused because it is not known to be on the disk may be there. */
    check(count >= keys, `${name} has what was acknowledged`, `${count} of ${keys}`);
    equal((await ask(reader, 'GET', 'mine')).text, name === 'moved' ? 'first' : 'second');
    equal(await again.stop(), 0);
  }
});

test('place: a folder that was removed is told within moments, not when the next segment is wanted', async (t) => {
  const server = await t.serve();
  await ask(await t.connect(server), 'SET', 'a', '0');
  await whileItStands(server, t.path('data'), () => rmSync(t.path('data'), { recursive: true }));
  await until('a line says so', () => server.logged('data/journal was moved or removed while it was in use').length === 1);
  check((await (await t.connect(server)).call('SET', 'a', '1')).text.startsWith('MISCONF'), 'nothing more is acknowledged');
  check(!existsSync(t.path('data')), 'and nothing is made there');
  equal(await server.stop(), 1);
});

test("place: a checkpoint's file that was removed is told within moments, and nothing more is acknowledged that it is needed for", async (t) => {
  const server = await t.serve();
  const client = await t.connect(server);
  await ask(client, 'SET', 'a', '0');
  await ask(client, 'SAVE');
  await whileItStands(server, t.path('data'), () => rmSync(t.path('data/checkpoint/data.mdb')));
  await until('a line says so', () => server.logged('checkpoint/data.mdb was moved or removed while it was in use').length === 1);
  check((await client.call('SET', 'a', '1')).text.startsWith('MISCONF'), 'nothing more is acknowledged');
  equal((await ask(client, 'GET', 'a')).text, '0', 'reads go on, so that it can be dumped');
  equal(await server.stop(), 1);
});

test("place: a checkpoint's file that was cut short ends it with a line that names it", async (t) => {
  const server = await t.serve();
  const client = await t.connect(server);
  await ask(client, 'SET', 'a', '0');
  await ask(client, 'SAVE');
  await ask(client, 'SET', 'a', '1');
  truncateSync(t.path('data/checkpoint/data.mdb'));
  client.send(['SAVE']);
  equal(await server.ended, 'SIGBUS');
  check(/^oxq: .*data\/checkpoint: a file could not be read: .*: see to the disk/m.test(server.stderr), 'it says why', server.stderr);
});

test('place: without its lock and its socket a folder still has one server', async (t) => {
  const server = await t.serve();
  const client = await t.connect(server);
  await ask(client, 'SET', 'a', '1');
  for (const name of ['lock', 'oxq.sock']) rmSync(t.path(`data/${name}`));
  await t.refused(['serve', '--dir', t.path('data'), '--port', '0', '--http-port', '0'], ['data/journal is in use by another process']);
  equal((await ask(client, 'SET', 'a', '2')).text, 'OK');
});

test('place: the socket of a folder is made anew when somebody has removed it', async (t) => {
  const server = await t.serve(['--unix', t.path('own.sock')]);
  for (const name of ['data/oxq.sock', 'own.sock']) rmSync(t.path(name));
  /* Not the files: these are there a moment before somebody listens. */
  await until('they are there again', () => server.logged('was removed and is made anew').length === 2);
  for (const name of ['data/oxq.sock', 'own.sock']) equal((await ask(await t.connectUnix(t.path(name)), 'PING')).text, 'PONG');
  const added = await t.oxq(['add', 'q', 'x', '{}', '--url', `file:${t.path('data')}`]);
  equal(added.status, 0, added.stderr);
  equal(server.logged('was removed and is made anew').length, 2);
  equal(await server.stop(), 0);
  check(!existsSync(t.path('own.sock')), 'and goes with the server');
});
