// SPDX-License-Identifier: MIT
/* Dead letters, whole queues that go, and the benchmark. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ask, check, equal, test, until } from '../daemon/lib/kit.mjs';
import { lines, objects, onEach, onRedis, onTerminal } from './lib/stores.mjs';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const FAILS = 'echo "no such address" >&2; exit 1';

/** Jobs that die, by this library's worker: a BullMQ worker knows nothing of dead letters. */
async function letDie(ok, count) {
  await ok('dlq', 'policy', 'mail', 'mail-dead');
  for (let i = 1; i <= count; i++) await ok('add', 'mail', i % 2 ? 'odd' : 'even', `{"user":{"id":${i}}}`, '--attempts', 2);
  await ok('work', 'mail', '--exec', FAILS, '--drain');
}

const count = async (queue) => Object.values(await queue.getJobCounts('wait', 'failed'));

onEach('dlq: dead letters are listed, shown, replayed and discarded', async (t, { node, ok, run }) => {
  await letDie(ok, 6);
  const [mail, dead] = [node.queue('mail'), node.queue('mail-dead')];
  equal([await count(mail), await count(dead)], [[0, 6], [6, 0]]);
  const table = lines(await ok('dlq', 'list', 'mail'));
  equal(table.length, 7);
  equal(table[0].split(/ +/), ['ID', 'QUEUE', 'JOB', 'NAME', 'ATTEMPTS', 'DIED', 'ERROR']);
  check(/^1 +mail +1 +odd +2 +.*no such address$/.test(table[1]), 'a row', table[1]);
  const listed = objects(await ok('dlq', 'list', 'mail-dead', '--json', '--name', 'even', '--newest'));
  equal(listed.map((letter) => [letter.letter, letter.queue, letter.id, letter.data.user.id, letter.attemptsMade]), [['6', 'mail', '6', 6, 2], ['4', 'mail', '4', 4, 2], ['2', 'mail', '2', 2, 2]]);
  equal(objects(await ok('dlq', 'list', 'mail', '--json', '--data', '/data/user/id=3')).map((letter) => letter.letter), ['3']);
  equal(await ok('dlq', 'list', 'mail', '--error', 'something else'), '');
  const shown = await ok('dlq', 'show', 'mail', '5');
  for (const text of ['dead letter 5 of mail-dead', 'no such address', '"id": 5', '"attempts": 2', 'stack 2']) check(shown.includes(text), `it shows ${text}`, shown);
  equal(objects(await ok('dlq', 'show', 'mail', '5', '--json'))[0].failedReason, 'no such address');
  const none = await run('dlq', 'show', 'mail', '99');
  check(none.status === 1 && none.lines[0].includes('no dead letter 99'), 'no such letter', none.stderr);

  const partly = await run('dlq', 'replay', 'mail', '1', '99');
  equal([partly.status, partly.stdout], [1, 'replayed 1 job, not 1\n']);
  const again = await mail.getJob('1');
  equal([again.attemptsMade, await again.getState(), again.data], [0, 'waiting', { user: { id: 1 } }]);
  equal(await ok('dlq', 'replay', 'mail', '--all', '--name', 'even', '--dry-run'), 'would have replayed 3 jobs');
  equal(await ok('dlq', 'replay', 'mail-dead', '--all', '--name', 'even', '--rate', '100/s', '--json'), '{"replayed":3,"failed":0}');
  equal([await count(mail), await count(dead)], [[4, 2], [2, 0]]);
  equal(await ok('dlq', 'discard', 'mail', '3', '--dry-run'), 'would have discarded 1 job');
  equal(await ok('dlq', 'discard', 'mail', '3', '--yes'), 'discarded 1 job');
  equal(await ok('dlq', 'discard', 'mail', '--all', '--yes'), 'discarded 1 job');
  equal([await count(mail), await count(dead)], [[4, 2], [0, 0]]);
});

onRedis('dlq discard asks, and does nothing for another answer', async (t, { url, node, ok, run }) => {
  await letDie(ok, 2);
  const dead = node.queue('mail-dead');
  const refused = await run('dlq', 'discard', 'mail', '--all');
  check(refused.status === 2 && refused.lines.length === 1 && refused.lines[0].includes('--yes'), 'without a terminal', refused.stderr);
  const no = await onTerminal(t, '"$OXQ" dlq discard mail --all', url, ['mail']);
  check(no.status === 1 && no.text.includes('discards 2 dead letters of mail-dead') && no.text.includes('nothing was done'), 'another word', no.text);
  equal(await count(dead), [2, 0]);
  const yes = await onTerminal(t, '"$OXQ" dlq discard mail --all', url, ['mail-dead']);
  check(yes.status === 0 && yes.text.includes('discarded 2 jobs'), 'its name', yes.text);
  equal(await count(dead), [0, 0]);
});

onRedis('dlq: a letter that cannot be replayed stays, and what is no letter is none', async (t, { node, ok, run }) => {
  await letDie(ok, 2);
  equal(await ok('retry', 'mail', '2'), 'retried 1 job');
  const done = await run('dlq', 'replay', 'mail', '2');
  equal([done.status, done.stdout], [1, 'replayed 0 jobs, not 1\n']);
  equal((await node.queue('mail-dead').add('by hand', {})).id, '3');
  check(done.lines[0].includes('replay dead letter 2: its job is in its queue'), 'why', done.stderr);
  equal(objects(await ok('dlq', 'list', 'mail', '--json')).map((letter) => letter.letter), ['1', '2']);
  const shown = await run('dlq', 'show', 'mail', '3');
  check(shown.status === 1 && shown.lines.length === 1, 'no dead letter', shown.stderr);
});

onEach('dlq discard takes dead letters alone', async (t, { node, ok, run }) => {
  for (let i = 0; i < 3; i++) await ok('add', 'mail', 'x', '{"queue":"mail"}');
  equal(await ok('dlq', 'discard', 'mail', '--all', '--yes'), 'discarded 0 jobs', 'a queue without dead letters');
  const one = await run('dlq', 'discard', 'mail', '1', '--yes');
  equal([one.status, one.stdout], [1, 'discarded 0 jobs, not 1\n']);
  equal(await ok('dlq', 'discard', 'mail', '--all', '--dry-run'), 'would have discarded 0 jobs');
  equal(await ok('dlq', 'replay', 'mail', '--all', '--dry-run'), 'would have replayed 0 jobs');
  equal(await ok('dlq', 'replay', 'mail', '--all'), 'replayed 0 jobs');
  equal(await count(node.queue('mail')), [3, 0]);
});

onEach('dlq policy: is shown, set and taken away', async (t, { ok, run }) => {
  equal(await ok('dlq', 'policy', 'mail'), 'none');
  equal(await ok('dlq', 'policy', 'mail', 'graves'), 'graves');
  equal(await ok('dlq', 'policy', 'mail', '--json'), '{"queue":"mail","dead_letters":"graves"}');
  equal(await ok('dlq', 'policy', 'mail', '--off', '--json'), '{"queue":"mail","dead_letters":null}');
  const itself = await run('dlq', 'policy', 'mail', 'mail');
  check(itself.status === 2 && itself.lines.length === 1, 'the queue itself', itself.stderr);
});

/* ---------------------------------------------------------------- obliterate */

const keysOf = async (client, queue) => (await ask(client, 'KEYS', `bull:${queue}:*`)).items.length;

onEach('obliterate: nothing is left, but not while jobs run', async (t, { node, ok, run }) => {
  for (let i = 0; i < 5; i++) await ok('add', 'q', 'x', ...(i % 2 ? ['--delay', '1h'] : []));
  await ok('schedule', 'q', 'often', '--every', '1h');
  let release;
  const held = new Promise((resolve) => (release = resolve));
  node.worker('q', () => held);
  const queue = node.queue('q');
  await until('one runs', async () => (await queue.getActiveCount()) === 1);
  const refused = await run('obliterate', 'q', '--yes');
  check(refused.status === 1 && refused.lines[0].includes('1 active job') && refused.lines[0].includes('--force'), 'a worker has one', refused.stderr);
  check(!(await queue.isPaused()), 'nothing was begun');
  check(/^would have removed \d+ jobs$/.test(await ok('obliterate', 'q', '--dry-run', '--force')), 'a dry run');
  const done = await ok('obliterate', 'q', '--yes', '--force');
  check(/^removed \d+ jobs$/.test(done), 'how many', done);
  release();
  equal(await queue.getJobCountByTypes('wait', 'delayed', 'active'), 0);
  equal(await queue.getJobSchedulersCount(), 0);
});

onRedis('obliterate asks by the name of the queue', async (t, { url, ok, run, connection }) => {
  const client = await t.connect(connection.port);
  for (let i = 0; i < 3; i++) await ok('add', 'mail', 'x');
  const refused = await run('obliterate', 'mail');
  check(refused.status === 2 && refused.lines.length === 1 && refused.lines[0].includes('--yes'), 'without a terminal', refused.stderr);
  const no = await onTerminal(t, '"$OXQ" obliterate mail', url, ['yes']);
  check(no.status === 1 && no.text.includes('the queue mail with 3 jobs') && no.text.includes('nothing was done'), 'another word', no.text);
  check((await keysOf(client, 'mail')) > 3, 'all is there');
  const yes = await onTerminal(t, '"$OXQ" obliterate mail', url, ['mail']);
  check(yes.status === 0 && yes.text.includes('removed 3 jobs'), 'its name', yes.text);
  equal(await keysOf(client, 'mail'), 0);
  equal(await ok('obliterate', 'mail', '--yes', '--json'), '{"removed":0,"failed":0}');
});

/* ---------------------------------------------------------------- bench */

onEach('bench: measures, says how durable that is, and leaves nothing', async (t, { url, ok }) => {
  const [told] = objects(await ok('bench', '--jobs', 300, '--size', 50, '--concurrency', 4, '--json'));
  equal([told.jobs, told.bytes, told.concurrency], [300, 50, 4]);
  for (const name of ['add_per_second', 'process_per_second', 'lifecycle_per_second', 'latency_p50_ms', 'latency_p99_ms']) check(told[name] > 0, `${name} is a number`, told);
  check(told.latency_p99_ms >= told.latency_p50_ms, 'p99 is not below p50', told);
  const isRedis = told.durability === 'appendonly no: jobs are in memory';
  check(isRedis || told.durability === 'durability always', 'how durable', told.durability, url);
  const table = await ok('bench', '--jobs', 10);
  for (const text of ['10 jobs of 200 bytes; ', 'add ', 'process ', 'lifecycle ', 'p50 from add to handler', 'p99']) check(table.includes(text), `it tells ${text}`, table);
  equal(await ok('queues', '--json'), '', 'no queue is left');
});

onRedis('bench: more jobs at a time than one request takes', async (t, { url }) => {
  const bench = t.spawn(['bench', '--jobs', 1100, '--concurrency', 1024, '--json', '--url', url]);
  await bench.ended;
  /* A machine that allows no thousand threads cannot tell. */
  if (bench.stderr.includes('too many threads')) return;
  equal(bench.status, 0, bench.stderr);
  const [told] = objects(bench.stdout);
  equal([told.jobs, told.concurrency], [1100, 1024]);
});

test('bench: a worker that gets nothing but errors is waited for no longer than --timeout', async (t) => {
  const redis = await t.redis(['--rename-command', 'RPOPLPUSH', '', '--rename-command', 'RPOP', '']);
  const url = `redis://127.0.0.1:${redis.port}`;
  const bench = t.spawn(['bench', '--jobs', 20, '--timeout', 1500, '--json', '--url', url]);
  const status = await bench.ended;
  equal(status, 1, bench.stdout + bench.stderr);
  equal(bench.stdout, '', 'nothing was measured');
  check(bench.stderr.includes('no job was taken for 1500 ms') && /the worker said: .*Unknown Redis command/.test(bench.stderr), 'why', bench.stderr);
});

onRedis('bench: a worker that gets neither jobs nor errors is not waited for for ever', async (t, { url, ok, connection }) => {
  const client = await t.connect(connection.port);
  const bench = t.spawn(['bench', '--jobs', 30_000, '--timeout', 1500, '--json', '--url', url]);
  const [key] = await until('its queue is there', async () => { const keys = (await ask(client, 'KEYS', 'bull:*:meta')).items.map((item) => item.text); return keys.length > 0 && keys; });
  /* So that it comes no further before its queue is paused. */
  bench.kill('SIGSTOP');
  await ok('pause', key.split(':')[1]);
  bench.kill('SIGCONT');
  equal(await bench.ended, 1, bench.stdout + bench.stderr);
  check(bench.stderr.includes('no job was taken for 9000 ms, and the worker had no error (is its queue paused?): given up'), 'why', bench.stderr);
  equal(await ok('queues', '--json'), '', 'no queue is left');
});

onRedis('bench: Ctrl-C ends it, and leaves nothing', async (t, { url, ok }) => {
  const bench = t.spawn(['bench', '--jobs', 100_000_000, '--url', url]);
  await until('its queue is there', async () => (await ok('queues', '--json')) !== '');
  bench.kill('SIGINT');
  equal(await bench.ended, 1);
  check(bench.lines.length === 1 && bench.lines[0].includes('stopped'), 'it says so', bench.stderr);
  equal(await ok('queues', '--json'), '', 'no queue is left');
});

/* ---------------------------------------------------------------- make run */

test('the demonstration of make run shows a retry, a dead letter and its replay, once', async (t) => {
  const { port } = await t.serve();
  const env = { OXQ_URL: `redis://127.0.0.1:${port}`, ...(process.env.OXQ_BIN && { OXQ_BIN: path.resolve(process.env.OXQ_BIN) }) };
  const show = async () => {
    const demo = t.start(path.join(ROOT, 'scripts/demo'), [t.path('demo.pid')], env);
    equal(await demo.ended, 0, demo.stderr);
    return demo.stdout;
  };
  const told = await show();
  for (const text of ['completed id=1', 'retry id=2', 'completed id=2', 'failed id=3', 'no such address', 'replayed 1 job', 'completed id=3']) check(told.includes(text), `it tells ${text}`, told);
  const counts = objects((await t.oxq(['queues', '--json'], env)).stdout).map((queue) => [queue.queue, queue.completed, queue.delayed, queue.failed, queue.waiting]);
  equal(counts, [['demo', 3, 1, 0, 0], ['demo-dead', 0, 0, 0, 0]]);
  equal(await show(), '', 'a store that is used is left alone');
  check(!existsSync(t.path('demo.pid')), 'no worker is left');
}, 240_000);

/* ---------------------------------------------------------------- what makes no sense; help */

test('dlq, obliterate and bench: what makes no sense is refused', async (t) => {
  const refused = (texts, ...args) => t.refused([...args, '--url', 'file:./data'], texts);
  await refused(['list, show, replay, discard and policy'], 'dlq');
  await refused(['not lst'], 'dlq', 'lst');
  await refused(['oxq dlq list QUEUE'], 'dlq', 'list');
  await refused(['oxq dlq show QUEUE ID'], 'dlq', 'show', 'mail');
  await refused(['oxq dlq replay QUEUE ID'], 'dlq', 'replay', 'mail');
  await refused(['--rate is for replay'], 'dlq', 'discard', 'mail', '--all', '--yes', '--rate', '5/s');
  await refused(['exclude'], 'dlq', 'policy', 'mail', 'dead', '--off');
  await refused(['oxq obliterate QUEUE'], 'obliterate');
  await refused(['--jobs'], 'bench', '--jobs', 0);
  await refused(["not 'mail'"], 'bench', 'mail');
});

test('the manual names each flag of dlq, obliterate and bench', async (t) => {
  const commands = ['dlq', 'dlq list', 'dlq show', 'dlq replay', 'dlq discard', 'dlq policy', 'obliterate', 'bench'];
  for (const command of commands) {
    const help = (await t.oxq([...command.split(' '), '--help'])).stdout;
    const page = readFileSync(new URL(`../../docs/man/oxq-${command.split(' ')[0]}.1`, import.meta.url), 'utf8');
    check(help.startsWith(`Usage: oxq ${command}`), 'help', help);
    for (const [, name] of help.matchAll(/^ +--([a-z-]+)/gm)) check(new RegExp(`Fl -${name}\\b`).test(page), `the page of ${command} has --${name}`);
    for (const line of lines(help)) check(line.length <= 120, `a line of the help of ${command} is too long`, line);
  }
});
