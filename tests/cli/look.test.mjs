// SPDX-License-Identifier: MIT
/* The commands that look: they tell of jobs, schedulers, workers and events of BullMQ what BullMQ does. */
import { mkdirSync, readFileSync } from 'node:fs';
import { ask, check, equal, test, until } from '../daemon/lib/kit.mjs';
import { Redis } from '../interop/lib/sides.mjs';
import { freePort } from '../support/port.mjs';
import { lines, objects, onEach, onRedis } from './lib/stores.mjs';
import { onScreen } from './lib/terminal.mjs';

const ESC = '\u001b';

/**
 * Jobs 1 .. 12, of which every fourth fails in both its attempts and the others complete in their first, two that wait and one that is
 * delayed.
 */
async function makeJobs(node, name) {
  const queue = node.queue(name);
  for (let id = 1; id <= 12; id++) {
    await queue.add(id % 2 ? 'odd' : 'even', { user: { id }, tags: ['a', null] }, { attempts: 2, backoff: { type: 'fixed', delay: 5 } });
  }
  const worker = node.worker(name, async (job) => {
    const { id } = job.data.user;
    await job.log(`try ${job.attemptsMade + 1}\nof ${ESC}[2J${id}`);
    await job.updateProgress({ step: id });
    if (id % 4 === 0) throw new Error(`no user ${id}: "a ${ESC}[31m b" refused`);
    return { user: id };
  }, { name: 'w-1' });
  await until('the jobs have finished', async () => {
    const counts = await queue.getJobCounts('completed', 'failed');
    return counts.completed === 9 && counts.failed === 3;
  });
  await worker.close();
  await queue.add('later', {}, { delay: 3_600_000, jobId: 'later' });
  await queue.add('plain', { text: 'x' }, { jobId: 'plain' });
  await queue.add('urgent', {}, { priority: 3, jobId: 'urgent' });
  return queue;
}

/* ---------------------------------------------------------------- jobs */

onEach('jobs: --json tells what BullMQ knows', async (t, { node, ok }) => {
  const queue = await makeJobs(node, 'q');
  const jobs = objects(await ok('jobs', 'q', '--json'));
  equal(jobs.length, 15);
  for (const job of jobs) {
    const theirs = await queue.getJob(job.id);
    const mine = { ...job };
    const want = { queue: 'q', id: theirs.id, name: theirs.name, state: await theirs.getState(), data: theirs.data, timestamp: theirs.timestamp, delay: theirs.delay, priority: theirs.priority, attemptsMade: theirs.attemptsMade, attemptsStarted: theirs.attemptsStarted, attempts: theirs.opts.attempts || 1, stalledCounter: 0 };
    for (const [name, value] of [['processedOn', theirs.processedOn], ['finishedOn', theirs.finishedOn], ['returnvalue', theirs.returnvalue], ['failedReason', theirs.failedReason]]) {
      if (value !== undefined && value !== null) want[name] = value;
    }
    if (theirs.stacktrace?.length) want.stacktrace = theirs.stacktrace;
    if (theirs.processedBy) want.processedBy = theirs.processedBy;
    if (theirs.progress) want.progress = theirs.progress;
    delete mine.opts;
    const sorted = (object) => Object.entries(object).sort();
    equal(sorted(mine), sorted(want), `job ${job.id}`);
    if (theirs.opts.backoff) equal(job.opts.backoff, theirs.opts.backoff);
  }
});

onEach('jobs: filters', async (t, { node, run, ok }) => {
  await makeJobs(node, 'q');
  const ids = async (...flags) => lines(await ok('jobs', 'q', '--ids', ...flags));
  const sorted = async (...flags) => (await ids(...flags)).map((id) => (/^\d+$/.test(id) ? Number(id) : id)).sort((a, b) => a - b);
  equal(await sorted('--state', 'failed'), [4, 8, 12]);
  equal(await sorted('--state', 'completed', '--name', 'even'), [2, 6, 10]);
  equal(await sorted('--error', 'no user 8:'), [8]);
  equal(await sorted('--data', '/user/id=7'), [7]);
  equal(await sorted('--data', '/text=x'), ['plain']);
  equal((await ids('--data', '/tags/1=null')).length, 12);
  equal((await ids('--data', '/tags')).length, 12);
  equal((await ids('--state', 'delayed,prioritized')).sort(), ['later', 'urgent']);
  equal((await ids('--newer', '1h')).length, 15);
  const completed = await ids('--state', 'completed');
  equal(await ids('--state', 'completed', '--newest'), [...completed].reverse());
  equal(await ids('--state', 'completed', '--count', 3, '--skip', 4), completed.slice(4, 7));
  const all = await ids();
  equal(await ids('--count', 5, '--skip', 2), all.slice(2, 7), 'over several states');
  equal(await ids('--name', 'odd', '--skip', 1, '--count', 2), (await ids('--name', 'odd')).slice(1, 3), 'of those that fit');
  const none = await run('jobs', 'q', '--older', '1h');
  equal([none.status, none.stdout, none.stderr], [0, '', 'no such jobs\n']);
  const empty = await run('jobs', 'other');
  equal([empty.status, empty.stdout, empty.stderr], [0, '', 'no jobs\n']);
  equal((await run('jobs', 'other', '--json')).stderr, '');
});

onRedis('jobs: a table for people steers no terminal and says how many more there are', async (t, { url, node, ok }) => {
  const queue = await makeJobs(node, 'q');
  await queue.addBulk(Array.from({ length: 60 }, (_, i) => ({ name: `bulk-${i}`, data: {} })));
  const table = lines(await ok('jobs', 'q', '--state', 'failed,delayed'));
  check(/^ID +NAME +STATE +ATTEMPTS +AGE +RAN/.test(table[0]), 'a heading', table[0]);
  check(/^later +later +delayed +0\/1 .* in 5\d min$/.test(table[1]), 'when it is due', table[1]);
  /* Those that failed in the same ms stand in the order of their ids' texts. */
  const failed = table.find((line) => line.startsWith('4 '));
  check(/^4 +even +failed +2\/2 .* no user 4: "a \\x1b\[31m b" refused$/.test(failed), 'the error, harmless', table);
  equal(table.length, 5);
  equal(lines(await ok('jobs', 'q')).length, 76, 'all of them where it is no terminal');
  await onScreen(t, '"$OXQ" jobs q --state waiting; "$OXQ" jobs q --state waiting --ids', url, {}, async (terminal) => {
    await terminal.ended;
    const shown = terminal.shown.split('\r\n');
    const more = shown.findIndex((line) => line.includes('and 11 more; --count 0 shows all'));
    check(more > 0, 'the rest is told', shown.slice(-20));
    equal(shown.slice(0, more).filter((line) => / waiting +0\/1 /.test(line)).length, 50);
    check(shown.some((line) => line.startsWith(`${ESC}[1mID`)), 'the heading is bold', shown.slice(0, 4));
  });
});

test('jobs: tens of thousands stream, and a reader that goes ends them quietly', async (t) => {
  const server = await t.serve();
  const client = await t.connect(server);
  const url = `redis://127.0.0.1:${server.port}`;
  const COUNT = 20_000;
  await ask(client, 'EVAL', `for i = 1, ${COUNT} do redis.call('HSET', 'bull:q:j' .. i, 'name', 'n', 'data', '{}', 'timestamp', i); redis.call('LPUSH', 'bull:q:wait', 'j' .. i) end`, 0);
  await ask(client, 'HSET', 'bull:q:meta', 'opts.maxLenEvents', 10000);
  const all = await t.oxq(['jobs', 'q', '--json', '--url', url]);
  const ids = objects(all.stdout).map((job) => job.id);
  equal(ids.length, COUNT);
  check(ids.every((id, i) => id === `j${i + 1}`), 'each once and in order');
  const head = await t.shell('("$OXQ" jobs q --json; echo "ended with $?" >&2) | head -n 1', { OXQ_URL: url });
  equal(lines(head.stdout).length, 1);
  check(/^ended with (0|141)$/.test(head.stderr.trim()), 'no word of it', head.stderr);
  const deaf = await t.shell('(trap "" PIPE; "$OXQ" jobs q --json; echo "ended with $?" >&2) | head -n 1', { OXQ_URL: url });
  equal(deaf.stderr, 'ended with 0\n', 'also where nothing is told of a broken pipe');
  const full = await t.shell('"$OXQ" jobs q --json >/dev/full', { OXQ_URL: url });
  equal([full.status, full.stderr], [1, 'oxq: standard output cannot be written\n']);
});

/* ---------------------------------------------------------------- job */

onEach('job: everything about one', async (t, { node, run, ok }) => {
  const queue = await makeJobs(node, 'q');
  const text = await ok('job', 'q', '8');
  check(!text.includes(ESC), 'nothing that steers a terminal', text);
  for (const line of ['job 8 of queue q', '  name           even', '  state          failed', '  attempts       2 of 2 made, 2 started', '  worker         w-1', '  progress       {"step":8}', '    "user": {', '      "id": 8', 'error', '  no user 8: "a \\x1b[31m b" refused', 'stack of failure 2 of 2', 'timeline', 'logs', '  try 1', '  of \\x1b[2J8', '  try 2']) {
    check(lines(text).includes(line), `a line is: ${line}`, text);
  }
  check(/attempt 1 begins\n.*progress: .*\n.*delayed by \d+ ms\n.*waits\n.*attempt 2 begins\n/.test(text), 'what happened, in order', text);
  const job = JSON.parse(await ok('job', 'q', '8', '--json'));
  const theirs = await queue.getJob('8');
  equal([job.state, job.attemptsMade, job.failedReason, job.stacktrace.length, job.logs.length], ['failed', 2, theirs.failedReason, 2, 2]);
  equal(job.logs, (await queue.getJobLogs('8')).logs);
  const kinds = job.timeline.map((step) => step.event);
  for (const kind of ['added', 'active', 'delayed', 'failed']) check(kinds.includes(kind), `${kind} is told`, kinds);
  equal(kinds.filter((kind) => kind === 'active').length, 2);
  const done = await ok('job', 'q', '1');
  check(done.includes('\nresult\n  {\n    "user": 1\n  }\n'), 'the result', done);
  const later = await ok('job', 'q', 'later');
  check(/  due +.*\(in 5\d min\)/.test(later), 'when it is due', later);
  const missing = await run('job', 'q', '99');
  equal([missing.status, missing.stdout, missing.lines.length], [1, '', 1]);
  check(missing.stderr.includes('queue q has no job 99'), 'which one', missing.stderr);
});

onRedis('job: what the stream no longer has is told from the job', async (t, { node, connection, ok }) => {
  await makeJobs(node, 'q');
  await ask(await t.connect(connection.port), 'XTRIM', 'bull:q:events', 'MAXLEN', 0);
  const failed = JSON.parse(await ok('job', 'q', '8', '--json'));
  equal(failed.timeline.map((step) => [step.event, step.timestamp]), [['added', failed.timestamp], ['active', failed.processedOn], ['failed', failed.finishedOn]]);
  const text = await ok('job', 'q', '1');
  check(/attempt 1 begins\n.*completed: \{"user":1\}/.test(text), 'its end', text);
});

onEach('job: a flow is shown as a tree, and a child names its parent', async (t, { node, ok }) => {
  const flow = await node.flow().add({
    name: 'order', queueName: 'orders', data: {},
    children: [
      { name: 'render', queueName: 'pdf', data: {}, children: [{ name: 'fetch', queueName: 'img', data: {} }] },
      { name: 'bad', queueName: 'pdf', data: {}, opts: { ignoreDependencyOnFailure: true } },
    ],
  });
  const [render, bad] = flow.children.map((child) => child.job);
  const fetch = flow.children[0].children[0].job;
  node.worker('pdf', async (job) => {
    if (job.name === 'bad') throw new Error('no ink');
  });
  await until('one child has failed', async () => (await bad.getState()) === 'failed');
  const root = JSON.parse(await ok('job', 'orders', flow.job.id, '--json'));
  equal(root.state, 'waiting-children');
  const child = (name) => root.children.find((node) => node.name === name);
  equal([child('render').id, child('render').queue, child('render').state, child('render').kind], [render.id, 'pdf', 'waiting-children', 'unprocessed']);
  equal([child('bad').state, child('bad').kind, child('bad').failedReason], ['failed', 'ignored', 'no ink']);
  equal(child('render').children.map((node) => [node.queue, node.id, node.state]), [['img', fetch.id, 'waiting']]);
  const text = await ok('job', 'orders', flow.job.id);
  check(text.includes(`\n  - pdf ${render.id}  render  waiting-children, its parent waits for it\n      - img ${fetch.id}  fetch  waiting`), 'a tree', text);
  check((await ok('job', 'img', fetch.id)).includes(`  parent         job ${render.id} of queue pdf\n`), 'the parent');
});

onRedis('job: a dead job and its letter name each other', async (t, { url, node, connection, ok }) => {
  const client = await t.connect(connection.port);
  await ask(client, 'HSET', 'bull:mail:meta', 'oxq.deadQueue', 'mail-dead');
  const { id } = await node.queue('mail').add('welcome', {});
  const worker = t.spawn(['work', 'mail', '--exec', 'echo no such address >&2; exit 1', '--count', 1, '--url', url]);
  await worker.ended;
  const dead = JSON.parse(await ok('job', 'mail', id, '--json'));
  equal([dead.state, dead.deadLetterQueue], ['failed', 'mail-dead']);
  check((await ok('job', 'mail', id)).includes(`  dead letter    job ${dead.deadLetterId} of queue mail-dead\n`), 'where the letter is');
  check((await ok('job', 'mail-dead', dead.deadLetterId)).includes(`  letter of      job ${id} of queue mail\n`), 'whose letter it is');
});

/* ---------------------------------------------------------------- schedulers, workers, events */

onEach('schedulers: what BullMQ has made', async (t, { node, run, ok }) => {
  const queue = node.queue('q');
  await queue.upsertJobScheduler('tick', { every: 3_600_000, limit: 10 }, { name: 'beat', data: { n: 1 } });
  await queue.upsertJobScheduler('daily', { pattern: '0 30 4 * * *', tz: 'Europe/Berlin' }, { name: 'report' });
  const theirs = await queue.getJobSchedulers(0, 10, true);
  const mine = objects(await ok('schedulers', 'q', '--json'));
  equal(mine.map((one) => [one.id, one.name, one.next, one.pattern, one.tz, one.every, one.limit]), theirs.map((one) => [one.key, one.name, one.next, one.pattern, one.tz, one.every, one.limit]));
  equal(mine.find((one) => one.id === 'tick').data, { n: 1 });
  const table = await ok('schedulers', 'q');
  check(/^tick +beat +every (60 min|1 h) +1\/10 /m.test(table) && /^daily +report +0 30 4 \* \* \* Europe\/Berlin +1 .* in \d+ /m.test(table), 'a table', table);
  equal((await run('schedulers', 'none')).stderr, 'no schedulers\n');
});

onEach('workers: who is connected, and what they are at', async (t, { node, run, ok }) => {
  const queue = node.queue('q');
  equal((await run('workers', 'q')).stderr, 'no workers\n');
  let release;
  const gate = new Promise((resolve) => (release = resolve));
  node.worker('q', () => gate, { name: 'ada', concurrency: 2 });
  node.worker('q', () => gate);
  await queue.addBulk([1, 2, 3].map((n) => ({ name: `j${n}`, data: {} })));
  await until('three jobs are active', async () => (await queue.getActiveCount()) === 3);
  const rows = await until('both are told', async () => {
    const seen = objects(await ok('workers', 'q', '--json'));
    return seen.length === 2 && seen.every((row) => row.connections === 1) ? seen : null;
  });
  const since = Math.min(...(await queue.getActive()).map((job) => job.processedOn));
  equal(rows.map((row) => [row.name, row.active]).sort(), [['ada', 2], [undefined, 1]].sort());
  equal(Math.min(...rows.map((row) => row.activeSince)), since);
  const theirs = await queue.getWorkers();
  equal(rows.flatMap((row) => row.clients.map((one) => one.address)).sort(), theirs.map((one) => one.addr).sort());
  check(rows.every((row) => row.clients.every((one) => one.age >= one.idle && one.idle >= 0)), 'ages and idle times', rows);
  const table = await ok('workers', 'q');
  check(/^ada +1 +\S+ +\d+ m?s +2 /m.test(table) && /^\(no name\) +1 +\S+ +\d+ m?s +1 /m.test(table), 'a table', table);
  release();
});

onEach('events: those that are kept', async (t, { node, ok }) => {
  await makeJobs(node, 'q');
  const all = objects(await ok('events', 'q', '--json'));
  equal(all.filter((event) => event.event === 'completed').length, 9);
  const failed = objects(await ok('events', 'q', '--json', '--kind', 'failed,nothing'));
  equal(failed.map((event) => event.jobId).sort(), ['12', '4', '8']);
  equal(failed, all.filter((event) => event.event === 'failed'));
  equal(objects(await ok('events', 'q', '--json', '--after', failed[0].place)), all.slice(all.findIndex((event) => event.place === failed[0].place) + 1));
  equal(objects(await ok('events', 'q', '--json', '--count', 4)), all.slice(0, 4));
  equal(await ok('events', 'q', '--after', '$'), '');
  const text = lines(await ok('events', 'q', '--kind', 'failed'));
  check(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}  \d+-\d+  failed +(4|8|12)  .*failedReason=no user \d+: "a \\x1b\[31m b" refused/.test(text[0]), 'a line', text[0]);
});

onEach('events --follow: and those that come', async (t, { url, node }) => {
  const queue = node.queue('q');
  await queue.add('first', {}, { jobId: 'one' });
  const following = t.spawn(['events', 'q', '--follow', '--json', '--kind', 'added', '--url', url]);
  await until('what is kept', () => lines(following.stdout).length === 1);
  await queue.add('second', {}, { jobId: 'two' });
  await until('what came', () => lines(following.stdout).length === 2);
  equal(objects(following.stdout).map((event) => [event.event, event.jobId, event.name]), [['added', 'one', 'first'], ['added', 'two', 'second']]);
  const news = t.spawn(['events', 'q', '--follow', '--after', '$', '--count', 1, '--kind', 'added', '--url', url]);
  /* It may begin before the job is added or after it: jobs come until it has seen one. */
  for (let n = 0; news.status === undefined; n++) {
    await queue.add('third', {}, { jobId: `more-${n}` });
    await Promise.race([news.ended, new Promise((resolve) => setTimeout(resolve, 20))]);
  }
  equal(news.status, 0);
  check(lines(news.stdout).length === 1 && news.stdout.includes('name=third'), 'one, and not the old ones', news.stdout);
  equal(await following.stop('SIGINT'), 'SIGINT');
});

test('events --follow, add --wait: a server that is started again', async (t) => {
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  const server = await t.serve(['--port', port]);
  equal((await t.oxq(['add', 'q', 'x', '--url', url])).status, 0);
  const following = t.spawn(['events', 'q', '--follow', '--json', '--kind', 'added', '--url', url]);
  await until('what is kept', () => lines(following.stdout).length === 1);
  const waiting = t.spawn(['add', 'q', 'y', '--wait', '--url', url]);
  await until('what came', () => lines(following.stdout).length === 2);
  await server.stop('SIGKILL');
  await until('that it went is told', () => [following, waiting].every((program) => /is not there/.test(program.stderr)));
  await t.serve(['--port', port]);
  equal((await t.oxq(['work', 'q', '--drain', '--exec', 'echo 5', '--url', url])).status, 0);
  equal([await waiting.ended, waiting.stdout], [0, '5\n']);
  equal((await t.oxq(['add', 'q', 'z', '--url', url])).status, 0);
  await until('what comes then', () => lines(following.stdout).length === 3);
  equal(objects(following.stdout).map((event) => event.name), ['x', 'y', 'z']);
  equal(await following.stop('SIGINT'), 'SIGINT');
});

/* ---------------------------------------------------------------- queues */

onEach("queues --prometheus: BullMQ's numbers under BullMQ's names", async (t, { node, ok }) => {
  const queues = [await makeJobs(node, 'q'), node.queue('other')];
  await queues[1].add('x', {});
  const numbers = (text) => lines(text).filter((line) => !line.startsWith('# HELP'));
  const theirs = await Promise.all(queues.map((queue) => queue.exportPrometheusMetrics()));
  equal(numbers(await ok('queues', 'q', '--prometheus')), numbers(theirs[0]));
  equal(numbers(await ok('queues', '--prometheus')).sort(), [...new Set(theirs.flatMap(numbers))].sort());
});

/* ---------------------------------------------------------------- stats */

onEach('stats: counts, attempts, times, errors in groups', async (t, { node, ok }) => {
  const queue = await makeJobs(node, 'q');
  const stats = JSON.parse(await ok('stats', 'q', '--json'));
  equal([stats.queue, stats.counts.completed, stats.counts.failed, stats.counts.waiting, stats.counts.delayed], ['q', 9, 3, 1, 1]);
  equal(stats.sampled, { completed: 9, failed: 3 });
  equal(stats.attempts, { 1: 9, 2: 3 });
  equal([stats.waited.count, stats.ran.count], [9, 12]);
  const finished = await queue.getJobs(['completed', 'failed']);
  equal(stats.ran.max, Math.max(...finished.map((job) => job.finishedOn - job.processedOn)));
  check(stats.ran.p50 <= stats.ran.p95 && stats.ran.p95 <= stats.ran.max, 'times in order', stats.ran);
  const newest = finished.filter((job) => job.failedReason).sort((a, b) => b.finishedOn - a.finishedOn);
  equal(stats.errors.length, 1);
  equal([stats.errors[0].count, stats.errors[0].error, stats.errors[0].last, stats.errors[0].first], [3, 'no user #: "…" refused', newest[0].finishedOn, newest[2].finishedOn]);
  const some = JSON.parse(await ok('stats', 'q', '--json', '--sample', 2));
  equal(some.sampled, { completed: 2, failed: 2 });
  const text = await ok('stats', 'q', '--sample', 2);
  check(text.includes('the newest 2 of 9 completed and the newest 2 of 3 failed jobs'), 'what was looked at', text);
  check(!text.includes('attempts or more') && !text.includes(ESC), 'no hint, nothing that steers', text);
  check((await ok('stats', 'q', '--all')).includes('all 9 completed and all 3 failed jobs'), 'all');
  check((await ok('stats', 'empty')).includes('0 waiting'), 'a queue without jobs');
});

onRedis('stats: a hint where most jobs need many attempts, and a line for minutes', async (t, { node, connection, ok }) => {
  const queue = node.queue('q');
  await queue.addBulk([1, 2, 3].map((n) => ({ name: `j${n}`, data: {}, opts: { attempts: n === 1 ? 1 : 3 } })));
  node.worker('q', async () => {
    throw new Error('down');
  });
  await until('all have failed', async () => (await queue.getFailedCount()) === 3);
  const client = await t.connect(connection.port);
  await ask(client, 'HSET', 'bull:q:metrics:completed', 'count', 30, 'prevTS', Date.now());
  await ask(client, 'RPUSH', 'bull:q:metrics:completed:data', 1, 8, 0, 4);
  const text = await ok('stats', 'q');
  check(text.includes('66% of the jobs took 3 attempts or more'), 'the hint', text);
  check(text.includes('  completed  ▄ █▁  at most 8 a minute, 30 in all'), 'the oldest minute first', text);
  equal(JSON.parse(await ok('stats', 'q', '--json')).metrics.completed.data, [1, 8, 0, 4]);
});

/* ---------------------------------------------------------------- top */

onEach('top: one frame where there is no terminal', async (t, { node, ok }) => {
  await makeJobs(node, 'mail');
  await node.queue('pdf').add('x', {});
  const frame = lines(await ok('top', '--interval', '50ms'));
  check(frame[0].includes('2 queues: 2 waiting, 0 active, 1 delayed, 3 failed'), 'a summary', frame);
  check(/^mail +1 +0 +1 +3 +0\.0 +0\.0 +0\.0 +\d+ \w+ +9 +1 +0$/.test(frame[2]), 'a row', frame[2]);
  check(frame[4] === 'Latest failures' && frame.slice(5).every((line) => /^mail .* ago .* no user \d+: "a \\x1b\[31m b" refused$/.test(line)), 'failures', frame);
  const one = JSON.parse(await ok('top', 'mail', '--once', '--json', '--interval', '50ms'));
  equal(one.queues.map((queue) => [queue.queue, queue.waiting, queue.completed, queue.failed, queue.addedPerSecond]), [['mail', 1, 9, 3, 0]]);
  equal(one.queues[0].latestFailures.length, 3);
});

onEach('top --json: rates are those of the events between two looks', async (t, { url, node }) => {
  const queue = node.queue('q');
  node.worker('q', async () => 1);
  const top = t.spawn(['top', 'q', '--json', '--interval', '100ms', '--url', url]);
  let added = 0;
  const seen = await until('rates', async () => {
    await queue.add('x', {});
    added++;
    const samples = objects(top.stdout.slice(0, top.stdout.lastIndexOf('\n') + 1));
    return samples.find((one) => one.queues[0].addedPerSecond > 0 && one.queues[0].completedPerSecond > 0);
  });
  check(seen.queues[0].addedPerSecond <= added * 20 && seen.queues[0].failedPerSecond === 0, 'no more than there were', seen);
  equal(await top.stop('SIGTERM'), 'SIGTERM');
});

onRedis('top: a screen with keys, which leaves the terminal as it was', async (t, { url, node }) => {
  await makeJobs(node, 'mail');
  await node.queue('pdf').addBulk([1, 2, 3].map(() => ({ name: 'x', data: {} })));
  await onScreen(t, '"$OXQ" top --interval 50ms', url, { rows: 24, columns: 100 }, async (terminal) => {
    const first = await terminal.until('the queues', (screen) => screen.some((line) => line.startsWith('pdf ')));
    check(first.length === 24 && first.every((line) => line.length <= 100), 'as large as the terminal', first);
    check(first[2].startsWith('*QUEUE') && first.at(-1).startsWith('q quit'), 'sorted by name; keys', first);
    terminal.press('s');
    await terminal.until('most jobs first', (screen) => screen[2].includes('*WAITING') && screen[3].startsWith('pdf '));
    terminal.press('p');
    await terminal.until('that it is paused', (screen) => screen[0].includes('[view paused]'));
    await node.queue('pdf').add('x', {});
    terminal.press(`${ESC}[B`);
    terminal.press('p');
    await terminal.until('the new job', (screen) => screen[0].includes(' 5 waiting'));
    check((await t.shell(`stty -F ${await terminal.device()} rows 10 cols 60`)).status === 0, 'stty');
    /* stty sets rows and columns one after the other. */
    await terminal.until('ten lines, cut at the edge', (screen) => screen.length === 10 && screen.every((line) => line.length <= 60));
    terminal.press('q');
    await terminal.ended;
    const [, after] = terminal.shown.split(`${ESC}[?25h${ESC}[?1049l`);
    check(after.includes('ended with 0') && / icanon /.test(after) && / echo /.test(after), 'as before', after);
  });
});

onRedis('top: ends by a signal, and shows a store that has gone', async (t, { url, node }) => {
  await node.queue('q').add('x', {});
  for (const [signal, keys] of [['SIGTERM', null], ['SIGINT', '\u0003']]) {
    await onScreen(t, 'trap : INT; sh -c \'echo "pid $$"; exec "$OXQ" top --interval 50ms --timeout 200\'', url, {}, async (terminal) => {
      await terminal.until('the queue', (screen) => screen.some((line) => line.startsWith('q ')));
      if (keys) terminal.press(keys);
      else process.kill(Number(/pid (\d+)/.exec(terminal.shown)[1]), signal);
      await terminal.ended;
      const [, after] = terminal.shown.split(`${ESC}[?25h${ESC}[?1049l`);
      check(/ended with 0/.test(after) && / icanon /.test(after), `${signal}: as before`, after);
    });
  }
});

test('top: a store that goes is told, and the view goes on', async (t) => {
  const server = await t.redis();
  const url = `redis://127.0.0.1:${server.port}`;
  check((await t.oxq(['add', 'q', 'x', '--url', url])).status === 0, 'a job');
  await onScreen(t, '"$OXQ" top --interval 50ms --timeout 500', url, {}, async (terminal) => {
    await terminal.until('the queue', (screen) => screen.some((line) => line.startsWith('q ')));
    await server.stop('SIGKILL');
    await terminal.until('the problem', (screen) => screen[1].includes('127.0.0.1'));
    terminal.press('q');
    await terminal.ended;
    check(terminal.shown.includes('ended with 0'), 'its end', terminal.shown.slice(-500));
  });
});

/* ---------------------------------------------------------------- completions */

/* What each shell makes of a line. */
const SHELLS = {
  bash: (line) => `bash --norc -c 'source <("$OXQ" completions bash); COMP_LINE=$1; COMP_POINT=\${#COMP_LINE}; _oxq; printf "%s\\n" "\${COMPREPLY[@]}"' - '${line}'`,
  zsh: (line) => `zsh -fc 'compdef() { : }; _files() { print FILES }; _describe() { print -rl -- "\${(@P)@[-1]}" }; source <("$OXQ" completions zsh); words=("\${(@s: :)1}"); CURRENT=$#words; _oxq' - '${line}' | sed 's/:.*//'`,
  fish: (line) => `fish --no-config -c '"$OXQ" completions fish | source; complete -C "${line}"' | cut -f 1`,
};

for (const [shell, command] of Object.entries(SHELLS)) {
  test(`completions: ${shell}`, async (t) => {
    const server = await t.redis();
    const url = `redis://127.0.0.1:${server.port}`;
    for (const queue of ['mail', 'maps']) check((await t.oxq(['add', queue, 'x', '--url', url])).status === 0, queue);
    mkdirSync(t.path('bin'));
    check((await t.shell('ln -s "$OXQ" bin/oxq')).status === 0, 'oxq on the path');
    const complete = async (line, env = { OXQ_URL: url }) => {
      const done = await t.shell(command(line), { ...env, HOME: t.folder, XDG_CONFIG_HOME: t.folder, XDG_DATA_HOME: t.folder, PATH: `${t.path('bin')}:${process.env.PATH}` });
      check(done.stderr === '', `${shell} has nothing to say of: ${line}`, done.stderr);
      return lines(done.stdout).sort();
    };
    equal(await complete('oxq sche'), ['schedule', 'schedulers']);
    equal(await complete('oxq jobs --timeout 60000 ma'), ['mail', 'maps']);
    equal(await complete('oxq top --timeout 60000 mail map'), ['maps']);
    equal(await complete('oxq job mail '), []);
    equal(await complete('oxq jobs mail --sta'), ['--state']);
    equal(await complete('oxq jobs --state '), ['active', 'completed', 'delayed', 'failed', 'prioritized', 'waiting', 'waiting-children']);
    equal(await complete('oxq jobs --state failed,de'), ['failed,delayed']);
    equal(await complete('oxq events mail --kind sta'), ['stalled']);
    equal(await complete('oxq completions '), ['bash', 'fish', 'zsh']);
    equal(await complete(`oxq queues --timeout 60000 --url ${url} mai`, {}), ['mail']);
    equal(await complete(`oxq queues --timeout=60000 --url=${url} mai`, {}), ['mail']);
    equal(await complete(`oxq queues --timeout 60000 --port ${server.port} mai`, {}), ['mail']);
    equal(await complete(`oxq jobs --port ${await freePort()} `), [], 'nobody there');
    equal(await complete('oxq nonsense '), []);
  });
}

test('completions: every command has flags that its help tells', async (t) => {
  const commands = [...(await t.oxq(['help'])).stdout.matchAll(/^ {2}([a-z]+)/gm)].map((match) => match[1]);
  check(commands.length > 20, 'commands', commands);
  for (const command of commands.filter((name) => !['version', 'help'].includes(name))) {
    const help = (await t.oxq([command, '--help'])).stdout;
    const wanted = [...help.matchAll(/^ +(--[a-z-]+)/gm)].map((match) => match[1]).sort();
    const got = lines((await t.oxq(['__complete', command, '-'])).stdout).map((line) => line.split('\t')[0]).filter((name) => name !== '--help');
    equal(got.sort(), wanted, command);
  }
  await t.refused(['completions'], ['bash|zsh|fish']);
  await t.refused(['completions', 'tcsh'], ['bash|zsh|fish']);
});

test('completions: asking for names makes no folder', async (t) => {
  equal((await t.oxq(['__complete', 'jobs', '--url', 'file:./none', ''])).stdout, '');
  equal((await t.shell('ls')).stdout, '');
});

/* ---------------------------------------------------------------- a store that is full */

onEach('looking: a server that has no memory left tells what it has', async (t, { node, run, ok, connection }) => {
  await makeJobs(node, 'q');
  const client = new Redis(connection);
  const looks = [['queues'], ['jobs', 'q'], ['job', 'q', '4'], ['workers', 'q'], ['schedulers', 'q']];
  const see = async () => {
    const seen = [];
    for (const words of looks) seen.push(await ok(...words, '--json'));
    return seen;
  };
  const before = await see();
  await client.config('SET', 'maxmemory', '1');
  const added = await run('add', 'q', 'x');
  check(added.status === 1 && added.stderr.includes('OOM '), 'no job is added', added.stderr);
  equal(await see(), before);
  check((await ok('stats', 'q')).includes('9 completed'), 'stats');
  check((await ok('top', '--once', '--interval', '50ms')).includes('3 failed'), 'top');
  client.disconnect();
});

/* ---------------------------------------------------------------- what makes no sense */

test('looking: what makes no sense is refused', async (t) => {
  const refused = (texts, ...args) => t.refused([...args, '--url', 'file:./none'], texts);
  for (const command of ['jobs', 'schedulers', 'workers', 'events', 'stats']) {
    await refused([`oxq ${command} QUEUE`], command);
    await refused([`oxq ${command} QUEUE`], command, 'a', 'b');
  }
  await refused(['oxq job QUEUE ID'], 'job', 'q');
  await refused(['--state gone', 'waiting-children'], 'jobs', 'q', '--state', 'failed,gone');
  await refused(['--data user', '/user/id=7'], 'jobs', 'q', '--data', 'user=7');
  await refused(['--older soon'], 'jobs', 'q', '--older', 'soon');
  await refused(['--count -1'], 'jobs', 'q', '--count', -1);
  await refused(['exclude'], 'jobs', 'q', '--ids', '--json');
  await refused(['unknown flag --stat', '--state'], 'jobs', 'q', '--stat', 'failed');
  equal(await refused([], 'add', 'q', 'x', '--quux', 1), 'oxq: unknown flag --quux');
  await refused(['exclude'], 'jobs', 'q', '--port', 7700);
  await t.refused(['queues', '--port', '0x50'], ['--port 0x50', 'from 1 to 65535']);
  await t.refused(['ping', '--port', '65536'], ['--port 65536', 'from 1 to 65535']);
  await refused(['exclude'], 'stats', 'q', '--all', '--sample', 5);
  await refused(['exclude'], 'queues', '--prometheus', '--json');
  await refused(['--interval 1ms'], 'top', '--interval', '1ms');
  const missing = await t.oxq(['jobs', 'q', '--url', 'file:./none']);
  check(missing.status === 1 && missing.lines.length === 1 && missing.stderr.includes('there is no folder ./none'), 'no folder is made', missing.stderr);
  equal((await t.shell('ls')).stdout, '');
  await fails(t, ['jobs', 'q', '--url', `redis://127.0.0.1:${await freePort()}`]);
  await fails(t, ['top', '--url', `redis://127.0.0.1:${await freePort()}`]);
});

async function fails(t, args) {
  const run = await t.oxq(args);
  check(run.status === 1 && run.stdout === '' && run.lines.length === 1, `one line: ${args.join(' ')}`, run.stdout + run.stderr);
}

test('looking: the manual names every flag', async (t) => {
  for (const command of ['jobs', 'job', 'schedulers', 'workers', 'events', 'top', 'stats']) {
    const page = readFileSync(new URL(`../../docs/man/oxq-${command}.1`, import.meta.url), 'utf8');
    for (const [, flag] of (await t.oxq([command, '--help'])).stdout.matchAll(/^ +--([a-z-]+)/gm)) {
      check(new RegExp(`Fl -${flag}\\b`).test(page), `oxq-${command}.1 has --${flag}`);
    }
  }
});
