// SPDX-License-Identifier: MIT
/* What surrounds the commands is hostile: texts that steer terminals, narrow ones, closed descriptors, files that may not grow. */
import { ask, check, equal, test, until } from '../daemon/lib/kit.mjs';
import { lines, objects, onEach, onRedis } from './lib/stores.mjs';
import { onScreen } from './lib/terminal.mjs';

const ESC = '\u001b';
const CSI = '\u009b';

onEach('hard: what programs read is whole, and what people read steers no terminal', async (t, { url, node, run, ok }) => {
  const name = `日本 😀 ${ESC}[2J${CSI}31m\u007f`;
  const data = { text: `${ESC}]0;x\u0007${CSI}2J\u0085\u007f`, name: 'Grüße' };
  await node.queue('q').add(name, data, { attempts: 1 });
  const done = await t.shell(`"$OXQ" work q --drain --json --exec 'printf "kein Öl \\233 \\033[2J" >&2; exit 3'`, { OXQ_URL: url });
  equal(done.status, 0);
  const failed = objects(done.stderr).find((line) => line.text === 'failed');
  equal([failed.name, failed.reason], [name, `kein Öl \ufffd ${ESC}[2J`], 'the log, as JSON');
  const harmless = (text) => !/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/.test(text);
  check(harmless(done.stderr), 'the log', done.stderr);
  for (const args of [['jobs', 'q'], ['job', 'q', '1'], ['events', 'q'], ['stats', 'q'], ['top', 'q', '--once', '--interval', '50ms']]) {
    check(harmless(await ok(...args)), `oxq ${args.join(' ')}`, await ok(...args));
    check(harmless(await ok(...args, '--json')), `oxq ${args.join(' ')} --json`, await ok(...args, '--json'));
  }
  const [job] = objects(await ok('jobs', 'q', '--json'));
  equal([job.name, job.data, job.failedReason], [name, data, failed.reason]);
  const wrong = await run('retry', 'q', `no${CSI}2J`);
  check(wrong.status === 1 && harmless(wrong.stderr), 'an error', wrong.stderr);
});

onRedis('hard: a bar of progress stays in its line on a narrow terminal', async (t, { url, node }) => {
  await node.queue('q').addBulk(Array.from({ length: 50 }, () => ({ name: 'a', data: {} })));
  const line = '"$OXQ" remove q --state waiting --rate 30/s';
  await onScreen(t, line, url, { columns: 40 }, async (terminal) => {
    await until('the end', () => /ended with \d/.test(terminal.shown), 60_000);
    const frames = terminal.shown.split(`\r${ESC}[K`).slice(1, -1);
    check(frames.length > 0 && frames.every((frame) => frame.startsWith('remove ')), 'there are frames', terminal.shown);
    for (const frame of frames) check(frame.length < 40, 'a frame is shorter than a line', frame);
  });
});

test('hard: a flag whose value is empty is refused, and nothing is made', async (t) => {
  const cases = [['add', 'q', 'x', '{}', '--id', ''], ['add', 'q', 'x', '{}', '--url', ''], ['add', 'q', 'x', '{}', '--url='], ['add', 'q', 'x', '{}', '--dedup', ''], ['jobs', 'q', '--prefix', ''], ['retry', 'q', '--all', '--error', '']];
  for (const args of cases) {
    const flag = args.find((word) => word.startsWith('--') && word !== '--all').replace('=', '');
    await t.refused(args, [flag, 'needs a value, and has an empty one'], { OXQ_URL: '' });
  }
  equal((await t.shell('ls')).stdout, '');
});

test('hard: help of a command that there is not names the one that was meant', async (t) => {
  await t.refused(['help', 'jbos'], ["unknown command 'jbos'", "'oxq help jobs'"]);
  await t.refused(['--json', 'jobs', 'mail'], ['--json stands before the command', "'oxq jobs ... --json'"]);
  await t.refused(['--url=file:x'], ['--url=file:x stands where a command should']);
});

onRedis('hard: what is printed to a closed descriptor is an error, and goes nowhere else', async (t, { url, node, run, ok }) => {
  await node.queue('q').add('a', {});
  for (const command of ['jobs q', 'queues --json', `dump --url ${url}`]) {
    const done = await t.shell(`"$OXQ" ${command} >&-`, { OXQ_URL: url });
    equal([done.status, lines(done.stderr).at(-1)], [1, 'oxq: standard output cannot be written'], command);
  }
  /* The first files that it opens: they must not become its standard output and error. */
  const line = '"$OXQ" work other --exec true <&- >&- 2>&- & pid=$!; i=0; while [ $i -lt 1000 ] && [ -z "$("$OXQ" workers other --json)" ]; do sleep 0.05; i=$((i+1)); done; for n in 0 1 2; do readlink /proc/$pid/fd/$n; done; kill $pid; wait $pid';
  equal(lines((await t.shell(line, { OXQ_URL: url })).stdout), ['/dev/null', '/dev/null', '/dev/null']);
  equal(JSON.parse(await ok('queues', 'q', '--json')).waiting, 1);
  equal((await run('ping')).status, 0);
});

onRedis('hard: a file that may not grow is told', async (t, { url, node }) => {
  await node.queue('q').add('a', { text: 'x'.repeat(100_000) });
  const done = await t.shell('ulimit -f 8; "$OXQ" dump --url "$OXQ_URL" >file', { OXQ_URL: url });
  equal(done.status, 1);
  check(done.stderr.includes('File too large'), 'the reason', done.stderr);
});

onRedis('hard: a key that somebody has overwritten is one queue\'s problem, and no wrong input', async (t, { url, node, run, ok, connection }) => {
  await node.queue('good').add('a', {});
  await node.queue('bad').add('a', {}, { jobId: 'odd' });
  const client = await t.connect(connection.port);
  await ask(client, 'DEL', 'bull:bad:wait');
  await ask(client, 'SET', 'bull:bad:wait', 'text');
  for (const args of [['queues'], ['top', '--once', '--interval', '50ms']]) {
    const done = await run(...args);
    equal(done.status, 1, args[0]);
    check(/^good +1/m.test(done.stdout), 'the other queue is shown', done.stdout);
    equal(lines(done.stderr), ['oxq: queue bad: the server answers: WRONGTYPE Operation against a key holding the wrong kind of value']);
  }
  equal(objects((await run('queues', '--json')).stdout).map((queue) => queue.queue), ['good']);
  const [good, bad] = JSON.parse((await run('top', '--once', '--json', '--interval', '50ms')).stdout).queues.sort((a, b) => (a.queue > b.queue ? -1 : 1));
  equal([good.waiting, good.error, bad.error.includes('WRONGTYPE')], [1, undefined, true]);
  await ask(client, 'HSET', 'bull:good:1', 'timestamp', 'soon');
  const broken = await run('job', 'good', '1');
  equal([broken.status, lines(broken.stderr)], [1, ['oxq: job 1: its field timestamp is no number']]);
  await ok('remove', 'good', '1');
});
