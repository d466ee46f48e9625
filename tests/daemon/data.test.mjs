// SPDX-License-Identifier: MIT
/* oxq backup, restore and check with a server that works: tests of damage are src/cli/check_test.c. */
import { existsSync, realpathSync } from 'node:fs';
import { ask, check, equal, test, until } from './lib/kit.mjs';

/** Writes jobs until it is stopped; `acknowledged` counts those that were answered. */
function writeJobs(client) {
  const load = { acknowledged: 0, isStopped: false };
  const run = async () => {
    while (!load.isStopped) {
      const from = load.acknowledged;
      for (let i = from; i < from + 50; i++) {
        client.send(['HSET', `bull:q:${i}`, 'data', `job ${i} ${'x'.repeat(300)}`]);
        client.send(['RPUSH', 'bull:q:wait', `${i}`]);
      }
      for (let i = 0; i < 100; i++) {
        const reply = await client.read();
        if (reply.type !== ':') return;
      }
      load.acknowledged += 50;
    }
  };
  load.ended = run();
  return load;
}

/** Starts a server on a folder and counts the jobs from 0 on that are whole there. */
async function countJobs(t, folder) {
  const server = await t.serve(['--dir', folder]);
  const client = await t.connect(server);
  await until('it has loaded', async () => (await client.call('PING')).text === 'PONG');
  const ids = (await ask(client, 'LRANGE', 'bull:q:wait', 0, -1)).items.map((item) => item.text);
  ids.forEach((id, i) => check(id === `${i}`, `the list is whole up to ${i}`, id));
  for (let i = 0; i < ids.length; i++) client.send(['HGET', `bull:q:${i}`, 'data']);
  for (let i = 0; i < ids.length; i++) check((await client.read()).text?.startsWith(`job ${i} x`), `job ${i} is there`);
  equal(await server.stop(), 0);
  return ids.length;
}

test('data: a backup under load has what was acknowledged before, also when it was interrupted', async (t) => {
  const server = await t.serve();
  const client = await t.connect(server);
  const other = await t.connect(server);
  const load = writeJobs(client);
  await until('there are some jobs', () => load.acknowledged >= 2000);
  await ask(other, 'SAVE');
  await until('there are more', () => load.acknowledged >= 4000);
  const first = t.spawn(['backup', '--rate', '200kb', t.path('data'), t.path('copy')]);
  await until('it has begun', () => existsSync(t.path('copy/backup.partial')));
  await ask(other, 'SAVE');
  first.kill();
  await first.ended;
  const unfinished = await t.oxq(['restore', t.path('copy'), t.path('early')]);
  check(unfinished.status === 2 && unfinished.stderr.includes('unfinished'), 'an unfinished backup is no backup', unfinished.stderr);
  await until('there are yet more', () => load.acknowledged >= 6000);
  const before = load.acknowledged;
  const second = await t.oxq(['backup', t.path('data'), t.path('copy')]);
  equal(second.status, 0, second.stderr);
  check(/oxq: backed up .* records after it, up to \d+; .* copied.*, in/.test(second.stderr), 'the summary', second.stderr);
  load.isStopped = true;
  await load.ended;
  const sound = await t.oxq(['check', t.path('copy')]);
  check(sound.status === 0 && sound.stdout.endsWith('sound\n'), 'the backup is sound', sound.stdout + sound.stderr);
  equal((await t.oxq(['restore', t.path('copy'), t.path('restored')])).status, 0);
  await server.stop('SIGKILL');
  const jobs = await countJobs(t, t.path('restored'));
  check(jobs >= before && jobs <= load.acknowledged, `${before} to ${load.acknowledged} jobs`, jobs);
  equal(await countJobs(t, t.path('data')), load.acknowledged, 'the source has all');
});

test('data: check refuses the folder of a server that runs, and likes it when it ended', async (t) => {
  const server = await t.serve();
  await ask(await t.connect(server), 'SET', 'key', 'value');
  await t.refused(['check', t.path('data')], ['lock', String(server.child.pid), 'stop that server first']);
  await server.stop('SIGKILL');
  const run = await t.oxq(['check', t.path('data')]);
  check(run.status === 0 && run.stdout.includes('database 0: 1 keys (1 string)'), 'it is sound', run.stdout + run.stderr);
});

test('data: a folder that is mounted read-only is checked and backed up, and refused to a server', async (t) => {
  const server = await t.serve();
  await ask(await t.connect(server), 'SET', 'key', 'value');
  await server.stop('SIGKILL');
  /* A mount that nobody else sees, and that goes with the shell. */
  const readOnly = 'unshare --user --map-root-user --mount sh -e -c \'mount --bind data data; mount -o remount,bind,ro data; "$@"\' --';
  if ((await t.shell(`${readOnly} true`)).status !== 0) return console.log('SKIPPED data: a folder that is mounted read-only: unshare(1) may not mount here');
  equal((await t.shell(`${readOnly} touch data/x`)).status, 1, 'it is read-only');
  for (const words of ['check data', 'backup data copy', 'check copy']) {
    const run = await t.shell(`${readOnly} "$OXQ" ${words}`);
    equal(run.status, 0, `${words}: ${run.stderr}`);
  }
  const refused = await t.shell(`${readOnly} "$OXQ" serve --dir data --port ${server.port} --http-port 0`);
  check(refused.status === 2 && /data: Read-only file system: choose a folder/.test(refused.stderr), 'it says why', refused.stderr);
});

test('data: restore refuses a mount point, which it could not replace', async (t) => {
  const server = await t.serve();
  await ask(await t.connect(server), 'SET', 'key', 'value');
  equal((await t.oxq(['backup', t.path('data'), t.path('copy')])).status, 0);
  const mounted = 'mkdir -p new && unshare --user --map-root-user --mount sh -e -c \'mount --bind new new; "$@"\' --';
  if ((await t.shell(`${mounted} true`)).status !== 0) return console.log('SKIPPED data: restore refuses a mount point: unshare(1) may not mount here');
  const run = await t.shell(`${mounted} "$OXQ" restore copy new`);
  check(run.status === 2 && run.stderr.includes('new is a mount point') && !existsSync(t.path('new.restoring')), 'before it copies', run.stderr);
  const inside = await t.shell(`${mounted} "$OXQ" restore copy new/data`);
  equal(inside.status, 0, inside.stderr);
});

test('data: check, backup and restore are JSON for programs', async (t) => {
  const one = async (...args) => {
    const run = await t.oxq(args);
    equal([run.status, run.stderr, run.stdout.split('\n').length], [0, '', 2], `oxq ${args.join(' ')}`);
    return JSON.parse(run.stdout);
  };
  const server = await t.serve();
  const client = await t.connect(server);
  await ask(client, 'SET', 'key', 'value');
  await ask(client, 'SAVE');
  await ask(client, 'RPUSH', 'list', 'a', 'b');
  const { seconds, copied_bytes, ...copied } = await one('backup', '--json', t.path('data'), t.path('copy'));
  check(seconds >= 0 && copied_bytes > 0, 'how much in what time', seconds, copied_bytes);
  const { checkpoint_record, last_record, files } = copied;
  equal(copied, { folder: realpathSync(t.path('data')), target: t.path('copy'), checkpoint_record, last_record, keys: 1, records: last_record - checkpoint_record, files, kept_bytes: 0 });
  check(last_record > checkpoint_record && files >= 2, 'the list after the checkpoint', copied);
  equal((await t.oxq(['backup', '--json', t.path('data'), t.path('copy')])).stdout, '', 'no result of what was not done');
  await server.stop();
  const back = await one('restore', '--json', t.path('copy'), t.path('new'));
  equal({ ...back, seconds: 0 }, { target: t.path('copy'), folder: t.path('new'), last_record, files, copied_bytes, seconds: 0 });
  const { checkpoint, journal, ...found } = await one('check', '--json', t.path('new'));
  equal(found, {
    folder: t.path('new'),
    is_sound: true,
    is_quick: false,
    databases: [{ db: 0, keys: 2, types: { string: 1, list: 1 } }],
    lost: { keys: 0, records: 0, journal_bytes: 0, checkpoint: false },
    damages_count: 0,
    damages: [],
  });
  equal([checkpoint.record, checkpoint.keys, checkpoint.saved_ms > 0, checkpoint.bytes > 0], [checkpoint_record, 1, true, true]);
  equal([journal.records, journal.last_record, journal.torn_bytes], [last_record - checkpoint_record, last_record, 0]);
  await t.refused(['check', '--json', t.folder], ['no data folder']);
});

test('data: words that make no sense', async (t) => {
  await t.refused(['backup', t.path('none')], ['needs the data folder']);
  await t.refused(['backup', t.path('none'), t.path('copy')], ['none']);
  await t.refused(['backup', t.folder, t.path('copy')], ['no data folder']);
  await t.refused(['backup', '--rate', 'fast', t.folder, t.path('copy')], ['50mb']);
  await t.refused(['restore', t.folder, t.path('new')], ['backup.json']);
  await t.refused(['restore', t.folder], ['needs the folder']);
  await t.refused(['check'], ['one data folder']);
  await t.refused(['check', '--quick', '--repair', t.folder], ['exclude']);
  check(!existsSync(t.path('copy')) && !existsSync(t.path('new')), 'nothing was made');
});
