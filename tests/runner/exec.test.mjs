// SPDX-License-Identifier: MIT
/* oxq work --exec: a program for each job. */
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { ask, check, equal, test, until } from '../daemon/lib/kit.mjs';
import { Node, BULLS } from '../interop/lib/sides.mjs';
import { STORES, benchTest } from './lib/bench.mjs';

const BIG = 5_000_000;

benchTest('exec: the job is a line of JSON on standard input', async (b) => {
  const job = await b.add({ to: 'Zoë', n: [1, 2.5, null], text: 'two\nlines' }, { attempts: 3, priority: 4 }, 'hello');
  await b.drain(['--exec', 'cat']);
  const { state, result } = await b.see(job);
  equal(state, 'completed');
  equal([result.id, result.name, result.queue, result.data], [job.id, 'hello', 'q', { to: 'Zoë', n: [1, 2.5, null], text: 'two\nlines' }]);
  equal([result.attempt, result.attempts, result.attemptsMade, result.priority, result.timestamp], [1, 3, 0, 4, job.timestamp]);
  equal(result.opts.attempts, 3);
});

benchTest('exec: the environment says which job it is', async (b) => {
  const job = await b.add({}, { attempts: 2 }, 'two words');
  await b.drain(['--exec', 'test $OXQ_ATTEMPT = 2 || exit 1; echo "$OXQ_JOB_ID|$OXQ_JOB_NAME|$OXQ_QUEUE|$OXQ_ATTEMPT|$OXQ_ATTEMPTS|$OXQ_URL|$OTHER"'], {
    OTHER: 'kept',
    OXQ_JOB_ID: 'not this one',
  });
  equal((await b.see(job)).result, `${job.id}|two words|q|2|2|${b.url}|kept`);
});

benchTest('exec: results that are JSON, text, nothing, bytes', async (b) => {
  const want = {
    'echo \'{"a": [1]}\'': { a: [1] },
    'echo 42': 42,
    'echo true': true,
    'echo hello; echo you': 'hello\nyou',
    'echo \'{"half": \'': '{"half": ',
    ':': null,
    "printf '\\377\\376'": { base64: '//4=' },
  };
  const jobs = [];
  for (const line of Object.keys(want)) jobs.push(await b.add({ line }));
  await b.drain(['--concurrency', 3, '--', 'node', '-e', 'require("node:child_process").execFileSync("/bin/sh", ["-c", JSON.parse(require("node:fs").readFileSync(0)).data.line], { stdio: "inherit" })']);
  for (const [i, value] of Object.values(want).entries()) equal([(await b.see(jobs[i])).state, (await b.see(jobs[i])).result ?? null], ['completed', value]);
});

benchTest('exec: a failure has standard error as its reason', async (b) => {
  const job = await b.add({}, { attempts: 2, backoff: { type: 'fixed', delay: 1 } });
  const worker = b.work(['--exec', 'echo "attempt $OXQ_ATTEMPT" >&2; echo "no such user" >&2; exit 3']);
  const seen = await b.reaches(job, 'failed');
  equal([seen.reason, seen.attempts, seen.stack.length], ['attempt 2\nno such user', 2, 2]);
  check(seen.stack[0].includes('exit code 3') && seen.stack[0].includes('attempt 1'), 'the stack tells the exit code and more', seen.stack);
  equal(await worker.stop(), 0);
  equal([worker.logged(' retry ').length, worker.logged(' failed ').length], [1, 1]);
});

benchTest('exec: failures without a word, by a signal, and of a command that is not there', async (b) => {
  const jobs = [await b.add({}, {}, 'exit 9'), await b.add({}, {}, 'kill -KILL $$'), await b.add({}, {}, 'no-such-command-of-oxq'), await b.add({}, {}, 'kill -40 $$')];
  await b.drain(['--exec', 'eval "$OXQ_JOB_NAME"']);
  equal((await b.see(jobs[0])).reason, 'the program ended with exit code 9');
  equal((await b.see(jobs[1])).reason, 'the program was ended by SIGKILL');
  check((await b.see(jobs[2])).reason.includes('not found'), 'the shell says so', (await b.see(jobs[2])).reason);
  equal((await b.see(jobs[3])).reason, 'the program was ended by signal 40');
});

benchTest('exec: who starts the worker may have ignored that programs end', async (b) => {
  const [bad, good] = [await b.add({}, {}, 'exit 9'), await b.add({}, {}, 'echo done')];
  const worker = await b.t.shell(`exec env --ignore-signal=CHLD --block-signal=CHLD "$OXQ" work q --url ${b.url} --drain --exec 'eval "$OXQ_JOB_NAME"'`);
  equal(worker.status, 0, worker.stderr);
  equal((await b.see(bad)).reason, 'the program ended with exit code 9');
  equal((await b.see(good)).result, 'done');
});

test('exec: a worker that is process 1 of a container leaves no zombies of what its programs left behind', async (t) => {
  const url = `file:${t.path('jobs')}`;
  const alone = 'unshare --user --map-root-user --pid --fork --mount-proc';
  if ((await t.shell(`${alone} true`)).status !== 0) return console.log('namespaces may not be made here: left out');
  for (let i = 0; i < 3; i++) await t.oxq(['add', 'q', 'x', '--url', url]);
  /* Each leaves one that ends by itself, and the last waits until none of them is on the list any more. */
  const program = `setsid true & if [ $OXQ_JOB_ID = 3 ]; then until ! grep -sh '^State:.Z' /proc/[0-9]*/status; do :; done; fi; test "$(cat /proc/1/comm)" = oxq && echo done`;
  const worker = await t.shell(`${alone} "$OXQ" work q --url ${url} --drain --exec '${program}'`);
  equal([worker.status, worker.logged(' completed ').length], [0, 3], worker.stderr);
  const wrong = await t.shell(`${alone} "$OXQ" work q --url ${url} --nonsense`);
  equal(wrong.status, 2, 'it ends as its child does');
});

benchTest('exec: of much on standard error the last lines are kept', async (b) => {
  const job = await b.add();
  await b.drain(['--exec', 'seq 1 100000 >&2; exit 1']);
  const { reason, stack } = await b.see(job);
  check(reason.endsWith('\n99999\n100000') && reason.length <= 1000, 'the last lines are the reason', reason.length);
  check(stack[0].endsWith('\n100000') && stack[0].length > reason.length && stack[0].length < 10_000, 'more of them are the stack', stack[0].length);
});

benchTest('exec: exit code 75 puts the job off and makes no attempt', async (b, t) => {
  const job = await b.add();
  const began = Date.now();
  const worker = b.work(['--retry-after', '700ms', '--exec', `if [ -e again ]; then echo second; else touch again; echo busy >&2; exit 75; fi`]);
  const seen = await b.reaches(job, 'completed');
  equal([seen.result, seen.attempts], ['second', 1]);
  check(seen.processedOn - began >= 700, 'not before its time', seen.processedOn - began);
  check(worker.logged(' later ').some((line) => line.includes('busy') && line.includes('delay_ms=700')), 'a line tells it', worker.stderr);
  equal(await worker.stop(), 0);
});

benchTest('exec: at the deadline the whole process group is ended', async (b) => {
  const job = await b.add();
  const fifo = b.fifo('alive');
  const group = b.wholeOf(fifo);
  const worker = b.work(['--deadline', '1s', '--kill-after', '100ms', '--exec', `exec 9>alive; (trap "" TERM; sleep 1000) & trap "" TERM; sleep 1000; sleep 1000`]);
  const seen = await b.reaches(job, 'failed');
  equal([seen.reason, seen.attempts], ['it took longer than 1000 ms, its deadline', 1]);
  equal(await group, '', 'nobody has the fifo open any more');
  equal(await worker.stop(), 0);
});

benchTest('exec: the programs of a worker that is killed end, with all that they started', async (b, t) => {
  await b.add();
  const group = b.wholeOf(b.fifo('alive'));
  const worker = b.work(['--kill-after', '100ms', '--exec', `exec 9>alive; (trap "" TERM; sleep 1000) & touch begun; sleep 1000; sleep 1000`]);
  await until('the program runs', () => existsSync(t.path('begun')));
  worker.kill();
  equal(await worker.ended, 'SIGKILL');
  equal(await group, '', 'nobody has the fifo open any more');
});

benchTest('exec: a process that the program leaves behind holds nobody up', async (b) => {
  const job = await b.add();
  const fifo = b.fifo('alive');
  const group = b.wholeOf(fifo);
  await b.drain(['--exec', 'exec 9>alive; sleep 1000 & echo done']);
  equal((await b.see(job)).result, 'done');
  await group;
});

test('on a new folder, workers that start at once all work: those who do not host it wait for the one who does', async (t) => {
  const workers = Array.from({ length: 6 }, () => t.spawn(['work', 'q', '--url', `file:${t.path('jobs')}`, '--', 'true']));
  for (const worker of workers) {
    await until('it works', () => worker.status !== undefined || worker.logged(' working ').length > 0);
    equal(worker.status, undefined, worker.stderr);
  }
});

test('on a folder the log is the jobs\', and not that of the store', async (t) => {
  const url = `file:${t.path('jobs')}`;
  equal((await t.oxq(['add', 'q', 'x', '{}', '--url', url])).status, 0);
  const first = t.spawn(['work', 'q', '--url', url, '--exec', 'true']);
  await until('its job is done', () => first.logged(' completed ').length === 1);
  const second = t.spawn(['work', 'q', '--url', url, '--exec', 'true']);
  await until('both work', () => second.logged(' working ').length === 1);
  equal(await first.stop(), 0);
  equal((await t.oxq(['add', 'q', 'x', '{}', '--url', url])).status, 0);
  await until('the second hosts the folder, and works', () => second.logged(' completed ').length === 1);
  equal(await second.stop(), 0);
  for (const worker of [first, second]) equal(worker.logged(' info ').map((line) => line.split(' ')[2]), ['working', 'completed', 'ending']);
});

for (const store of Object.keys(STORES)) {
  benchTest(`a job that somebody has overwritten is told and keeps no other job waiting (${store})`, async (b, t) => {
    const jobs = [await b.add(), await b.add(), await b.add()];
    const client = await t.connect(b.server);
    await ask(client, 'SET', `bull:q:${jobs[1].id}`, 'mine');
    const worker = await b.drain(['--exec', 'echo done']);
    equal([(await b.see(jobs[0])).state, (await b.see(jobs[2])).state], ['completed', 'completed']);
    const told = worker.logged(' error ');
    equal(told.length, 1);
    check(told[0].includes(`bull:q:${jobs[1].id} holds a string`) && told[0].includes('remove'), 'it says which key, and what to do', told[0]);
    equal((await ask(client, 'GET', `bull:q:${jobs[1].id}`)).text, 'mine');
    await ask(client, 'ZADD', 'bull:q:completed', 1, jobs[1].id);
    const { stdout } = await t.oxq(['jobs', 'q', '--url', b.url, '--json']);
    const one = await t.oxq(['job', 'q', jobs[1].id, '--url', b.url]);
    check(one.status === 1 && one.stderr.includes(`job ${jobs[1].id}: its key is no hash`), 'job says so too', one.stderr);
    equal(stdout.trim().split('\n').map((line) => JSON.parse(line).id).sort(), [jobs[0].id, jobs[2].id]);
  }, { store });
}

benchTest('exec: so many at a time, and no more', async (b, t) => {
  const jobs = [];
  for (let i = 0; i < 7; i++) {
    const job = await b.add();
    b.fifo(`gate${job.id}`);
    jobs.push(job);
  }
  const worker = b.work(['--concurrency', 3, '--exec', 'echo begin >>log; read line <gate$OXQ_JOB_ID; echo end >>log']);
  const lines = () => (existsSync(t.path('log')) ? t.read('log').trim().split('\n') : []);
  await until('three run', () => lines().length === 3);
  for (const job of jobs) await writeFile(t.path(`gate${job.id}`), 'go\n');
  for (const job of jobs) await b.reaches(job, 'completed');
  let running = 0;
  let most = 0;
  for (const line of lines()) most = Math.max(most, (running += line === 'begin' ? 1 : -1));
  equal([most, running, lines().length], [3, 0, 14]);
  equal(await worker.stop(), 0);
});

benchTest('exec: 5 MB in and out, in any order', async (b) => {
  const blob = 'x'.repeat(BIG);
  const through = await b.add({ blob }, {}, 'cat');
  const before = await b.add({ blob }, {}, `head -c ${BIG} /dev/zero | tr '\\0' y; wc -c`);
  const never = await b.add({ blob }, {}, `head -c ${BIG} /dev/zero | tr '\\0' y`);
  await b.drain(['--exec', 'eval "$OXQ_JOB_NAME"']);
  equal((await b.see(through)).result.data.blob === blob, true);
  const { result } = await b.see(before);
  check(result.startsWith('y'.repeat(BIG)) && Number(result.slice(BIG)) > BIG, 'it wrote all before it read all', result.slice(BIG));
  equal((await b.see(never)).result === 'y'.repeat(BIG), true);
});

benchTest('exec: a result beyond its limit fails for good', async (b) => {
  const job = await b.add({}, { attempts: 5 });
  await b.drain(['--result-max', 1000, '--exec', 'cat /dev/zero']);
  const seen = await b.see(job);
  equal([seen.state, seen.attempts], ['failed', 1]);
  check(seen.reason.includes('more than 1000 bytes'), 'it says the limit', seen.reason);
});

benchTest('exec: descriptor 3 takes progress and log lines, standard error with --log-stderr', async (b) => {
  const job = await b.add();
  await b.drain(['--log-stderr', '--exec', 'echo "progress 40" >&3; echo "log by 3" >&3; echo loud >&2; echo "progress {\\"part\\": 2}" >&3; echo ok']);
  const seen = await b.see(job);
  equal([seen.result, seen.progress], ['ok', { part: 2 }]);
  equal((await b.queue.getJobLogs(job.id)).logs.sort(), ['by 3', 'loud']);
});

benchTest('exec: after -- there is no shell', async (b) => {
  const job = await b.add();
  await b.drain(['--', 'printf', '%s|', '$HOME', '*', '--drain']);
  equal((await b.see(job)).result, '$HOME|*|--drain|');
});

benchTest('exec: told to end it finishes the job that runs and takes no other', async (b, t) => {
  const jobs = [await b.add(), await b.add()];
  b.fifo('gate');
  const worker = b.work(['--exec', 'echo begin >>log; read line <gate; echo $line']);
  await until('one runs', () => existsSync(t.path('log')));
  worker.kill('SIGTERM');
  await until('it says so', () => worker.logged(' ending ').length);
  await writeFile(t.path('gate'), 'finished\n');
  equal(await worker.ended, 0);
  equal([(await b.see(jobs[0])).result, (await b.see(jobs[1])).state], ['finished', 'waiting']);
});

benchTest('exec: a job that is interrupted waits again, and no attempt was made', async (b, t) => {
  const job = await b.add({}, {}, 'first');
  const fifo = b.fifo('alive');
  const group = b.wholeOf(fifo);
  const line = 'if [ -e began ]; then echo again; else exec 9>alive; touch began; sleep 1000; fi';
  const worker = b.work(['--exec', line]);
  await until('it runs', () => existsSync(t.path('began')));
  worker.kill('SIGTERM');
  await until('it says so', () => worker.logged(' ending ').length);
  worker.kill('SIGINT');
  equal(await worker.ended, 0);
  await group;
  equal(worker.logged(' interrupted ').length, 1);
  const seen = await b.see(job);
  equal([seen.state, seen.attempts], ['waiting', 0]);
  await b.drain(['--exec', line]);
  const after = await b.see(job);
  equal([after.result, after.attempts], ['again', 1]);
});

benchTest('exec: when the grace is over, jobs are interrupted', async (b, t) => {
  const job = await b.add();
  const worker = b.work(['--grace', '0s', '--exec', 'touch began; sleep 1000']);
  await until('it runs', () => existsSync(t.path('began')));
  equal(await worker.stop(), 0);
  equal((await b.see(job)).state, 'waiting');
});

benchTest('work: a server that is killed and comes back gets the end of the job that ran meanwhile', async (b, t) => {
  const job = await b.add();
  b.fifo('gate');
  const worker = b.work(['--exec', 'touch began; read line <gate; echo $line']);
  await until('it runs', () => existsSync(t.path('began')));
  b.server.kill();
  await b.server.ended;
  await writeFile(t.path('gate'), 'finished\n');
  await t.serve(['--port', b.server.port]);
  const seen = await b.reaches(job, 'completed');
  equal([seen.result, seen.attempts], ['finished', 1]);
  equal(await worker.stop(), 0);
});

benchTest('work: --count ends after so many, and gives the others back', async (b) => {
  for (let i = 0; i < 6; i++) await b.add();
  const worker = b.work(['--count', 2, '--concurrency', 4, '--exec', ':']);
  equal(await worker.ended, 0);
  const counts = await b.queue.getJobCounts('completed', 'waiting', 'active', 'delayed');
  equal(counts, { completed: 2, waiting: 4, active: 0, delayed: 0 });
});

benchTest('work: --limit begins so many in a span', async (b) => {
  for (let i = 0; i < 4; i++) await b.add();
  const worker = b.work(['--limit', '2/1h', '--concurrency', 4, '--exec', ':']);
  await until('two are done', () => worker.logged(' completed ').length === 2);
  equal(await worker.stop(), 0);
  equal(await b.queue.getJobCounts('completed', 'waiting', 'active'), { completed: 2, waiting: 2, active: 0 });
});

benchTest('work: lines as JSON, and none of what went well', async (b) => {
  const job = await b.add({}, {}, 'exit 0');
  const bad = await b.add({}, {}, 'exit 1');
  const worker = await b.drain(['--json', '--exec', 'eval "$OXQ_JOB_NAME"']);
  const lines = worker.lines.map((line) => JSON.parse(line));
  const done = lines.find((line) => line.text === 'completed');
  equal([done.id, done.name, done.level, typeof done.ms], [job.id, 'exit 0', 'info', 'number']);
  const failed = lines.find((line) => line.text === 'failed');
  equal([failed.id, failed.level, failed.reason], [bad.id, 'error', 'the program ended with exit code 1']);
  await b.add({}, {}, 'exit 0');
  equal((await b.drain(['--quiet', '--exec', ':'])).stderr, '');
});

test('work: a command line that makes no sense is refused', async (t) => {
  const url = ['--url', 'redis://127.0.0.1:1'];
  await t.refused(['work', ...url, '--exec', 'x'], ['name of one queue']);
  await t.refused(['work', 'q', 'r', ...url, '--exec', 'x'], ['name of one queue']);
  await t.refused(['work', 'q', ...url], ['--exec', '--push']);
  await t.refused(['work', 'q', ...url, '--exec', 'x', '--push', 'http://127.0.0.1/'], ['one of']);
  await t.refused(['work', 'q', ...url, '--exec', 'x', '--', 'y'], ['one of']);
  await t.refused(['work', 'q', ...url, '--'], ['missing']);
  await t.refused(['work', 'q', ...url, '--', 'no-such-program-of-oxq', 'x'], ['no-such-program-of-oxq']);
  await t.refused(['work', 'q', ...url, '--exec', 'x', '--limit', '5'], ['--limit 5']);
  await t.refused(['work', 'q', ...url, '--exec', 'x', '--limit', '0/1s'], ['--limit']);
  await t.refused(['work', 'q', ...url, '--exec', 'x', '--concurrency', '0'], ['--concurrency']);
  await t.refused(['work', 'q', ...url, '--exec', 'x', '--deadline', 'soon'], ['--deadline soon']);
  await t.refused(['work', 'q', ...url, '--exec', 'x', '--secret', 'f'], ['--push']);
  await t.refused(['work', 'q', ...url, '--push', 'http://127.0.0.1/', '--log-stderr'], ['--exec']);
  await t.refused(['work', 'a:b', '--url', `file:${t.path('new')}`, '--exec', 'x'], ['colon']);
  const run = await t.oxq(['work', 'q', ...url, '--exec', 'x']);
  equal(run.status, 1, 'no server: it failed');
});

for (const [name, open] of Object.entries({ ...STORES, 'a folder': null })) {
  test(`work: QueueEvents of BullMQ hear it on ${name}`, async (t) => {
    const place = open ? await open(t) : { url: `file:${t.path('jobs')}`, connection: { path: t.path('jobs/oxq.sock') } };
    const worker = t.spawn(['work', 'q', '--url', place.url, '--concurrency', 2, '--exec', 'echo "progress 50" >&3; test "$OXQ_JOB_NAME" = good && cat']);
    await until('it works', () => worker.status !== undefined || worker.logged(' working ').length);
    const node = new Node(BULLS['BullMQ 5'], place.connection);
    try {
      const heard = [];
      const events = node.events('q');
      for (const kind of ['active', 'progress', 'completed', 'failed']) events.on(kind, (args) => heard.push([kind, args.jobId]));
      await events.waitUntilReady();
      const queue = node.queue('q');
      const good = await queue.add('good', { a: 1 });
      equal((await good.waitUntilFinished(events, 45_000)).data, { a: 1 });
      const bad = await queue.add('bad', {});
      const why = await bad.waitUntilFinished(events, 45_000).then(() => 'it did not fail', (error) => error.message);
      equal(why, 'the program ended with exit code 1');
      equal(heard.filter(([, id]) => id === good.id).map(([kind]) => kind), ['active', 'progress', 'completed']);
    } finally {
      await node.close();
    }
    equal(await worker.stop(), 0);
  });
}

benchTest('exec: as many programs as were asked for, though the limit of open files begins lower', async (b) => {
  const count = 40;
  await b.queue.addBulk(Array.from({ length: count }, () => ({ name: 'job', data: {} })));
  /* Each waits for all the others. */
  const program = `touch begun.$OXQ_JOB_ID; set -- begun.*; while [ $# -lt ${count} ]; do sleep 1; set -- begun.*; done`;
  const worker = await b.t.shell(`ulimit -Sn 96; exec "$OXQ" work q --url ${b.url} --concurrency ${count} --deadline 150s --drain --exec '${program}'`);
  equal([worker.status, worker.logged(' completed ').length, worker.logged(' later ').length], [0, count, 0], worker.stderr);
});
