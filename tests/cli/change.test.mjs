// SPDX-License-Identifier: MIT
/* The commands that change something: what is added is what BullMQ would have added, and what is changed is what BullMQ sees changed. */
import { createWriteStream, existsSync, readFileSync } from 'node:fs';
import { ask, check, equal, test, until } from '../daemon/lib/kit.mjs';
import { Redis } from '../interop/lib/sides.mjs';
import { lines, objects, onEach, onRedis, onTerminal } from './lib/stores.mjs';

/** Runs jobs until so many have finished; what the names say: fail, done. */
async function work(node, name, count) {
  const queue = node.queue(name);
  const worker = node.worker(name, async (job) => {
    if (job.name.startsWith('fail')) throw new Error(job.data.why ?? 'no such address');
    return job.data;
  }, { concurrency: 20 });
  await until(`${count} jobs have finished`, async () => {
    const counts = await queue.getJobCounts('completed', 'failed');
    return counts.completed + counts.failed >= count;
  });
  await worker.close();
  return queue;
}

/* ---------------------------------------------------------------- add: the same job as BullMQ's */

/* Flags, and BullMQ's options of the same meaning. */
const OPTIONS = [
  [[], {}],
  [['--delay', '1h'], { delay: 3_600_000 }],
  [['--priority', 7], { priority: 7 }],
  [['--lifo'], { lifo: true }],
  [['--id', 'mine'], { jobId: 'mine' }],
  [['--attempts', 5], { attempts: 5 }],
  [['--attempts', 3, '--backoff', 'fixed:5s'], { attempts: 3, backoff: { type: 'fixed', delay: 5000 } }],
  [['--attempts', 3, '--backoff', '250ms'], { attempts: 3, backoff: 250 }],
  [['--attempts', 3, '--backoff', 'exponential:1s:0.5'], { attempts: 3, backoff: { type: 'exponential', delay: 1000, jitter: 0.5 } }],
  [['--keep-completed', 'none', '--keep-failed', 'none'], { removeOnComplete: true, removeOnFail: true }],
  [['--keep-completed', 'all', '--keep-failed', 'all'], { removeOnComplete: false, removeOnFail: false }],
  [['--keep-completed', '100', '--keep-failed', '7d'], { removeOnComplete: 100, removeOnFail: { age: 604_800 } }],
  [['--keep-completed', '10,1h'], { removeOnComplete: { age: 3600, count: 10 } }],
  [['--log-limit', 9, '--stack-limit', 2, '--size-limit', 5000], { keepLogs: 9, stackTraceLimit: 2, sizeLimit: 5000 }],
  [['--dedup', 'd1'], { deduplication: { id: 'd1' } }],
  [['--dedup', 'd2:1h', '--dedup-extend', '--dedup-replace', '--delay', '5s'], { delay: 5000, deduplication: { id: 'd2', ttl: 3_600_000, extend: true, replace: true } }],
  [['--dedup', 'd3', '--dedup-reschedule', '--delay', '5s'], { delay: 5000, deduplication: { id: 'd3', reschedule: true } }],
  [['--dedup', 'a:b', '--dedup-keep-last'], { deduplication: { id: 'a:b', keepLastIfActive: true } }],
  [['--parent', 'parents:p', '--on-failure', 'fail-parent'], { parent: { id: 'p', queue: 'bull:parents' }, failParentOnFailure: true }],
  [['--parent', 'parents:p', '--on-failure', 'remove'], { parent: { id: 'p', queue: 'bull:parents' }, removeDependencyOnFailure: true }],
];
const DATA = '{"to":"Zoe","n":[1,2.5,null,0.1,12345678901234567890]}';
const MADE = 1_790_000_000_000;

const textsOf = async (client, ...command) => (await ask(client, ...command)).items.map((item) => item.text);

/** A job's hash, with its JSON read. */
async function hashOf(client, queue, id) {
  const flat = await textsOf(client, 'HGETALL', `bull:${queue}:${id}`);
  const fields = Object.fromEntries(flat.flatMap((text, i) => (i % 2 === 0 ? [[text, flat[i + 1]]] : [])));
  for (const name of ['opts', 'parent']) if (fields[name]) fields[name] = sorted(JSON.parse(fields[name]));
  return sorted(fields);
}

function sorted(value) {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(sorted);
  return Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])]));
}

async function hashesOf(client, queue, ids) {
  const hashes = [];
  for (const id of ids) hashes.push(await hashOf(client, queue, id));
  return hashes;
}

onRedis('add: a job is what BullMQ makes of the same options', async (t, { node, ok, connection }) => {
  const client = await t.connect(connection.port);
  const parent = await node.flow().add({ name: 'p', queueName: 'parents', opts: { jobId: 'p' }, children: [{ name: 'c', queueName: 'others' }] });
  equal(parent.job.id, 'p');
  const theirs = node.queue('theirs');
  const [file, ids] = [[], []];
  for (const [flags, opts] of OPTIONS) {
    const made = await theirs.add('welcome', {}, { ...opts, timestamp: MADE });
    ids.push(made.id);
    /* As text: JavaScript's own numbers have lost digits. */
    await ask(client, 'HSET', `bull:theirs:${made.id}`, 'data', DATA);
    equal(await ok('add', 'ours', 'welcome', DATA, '--timestamp', MADE, ...flags), made.id, `the id, ${flags.join(' ')}`);
    file.push(`{"name":"welcome","data":${DATA},"opts":${JSON.stringify({ ...opts, timestamp: MADE })}}\n`);
  }
  const added = objects(await ok('add', 'lines', '--file', t.write('jobs.jsonl', file.join('')), '--json'));
  equal(added.at(-1), { added: OPTIONS.length, refused: 0 });
  equal(added.slice(0, -1).map((line) => line.id), ids);
  const want = await hashesOf(client, 'theirs', ids);
  for (const name of ['ours', 'lines']) {
    const got = await hashesOf(client, name, ids);
    want.forEach((fields, i) => {
      check(Object.keys(fields).length > 4, 'BullMQ made this job', fields);
      equal(got[i], fields, `${name}: ${OPTIONS[i][0].join(' ')}`);
    });
    for (const key of ['wait', 'delayed', 'prioritized']) {
      const idsOf = (queue) => textsOf(client, key === 'wait' ? 'LRANGE' : 'ZRANGE', `bull:${queue}:${key}`, 0, -1);
      equal(await idsOf(name), await idsOf('theirs'), `${name}: ${key}`);
    }
  }
});

onEach('add: a Node worker runs the jobs', async (t, { node, ok }) => {
  const ids = {};
  ids.hello = await ok('add', 'q', 'hello', '{"to":"Zoë"}');
  ids.low = await ok('add', 'q', 'low', '--priority', 9);
  ids.high = await ok('add', 'q', 'high', '--priority', 1);
  ids.again = await ok('add', 'q', 'again', '--attempts', 3, '--backoff', '10ms');
  ids.late = await ok('add', 'q', 'late', '--delay', '300ms');
  ids.gone = await ok('add', 'q', 'gone', '--keep-completed', 'none');
  const seen = [];
  node.worker('q', async (job) => {
    seen.push(job.name);
    if (job.name === 'again' && job.attemptsMade < 2) throw new Error('not yet');
    return job.data;
  });
  const queue = node.queue('q');
  await until('all are done', async () => (await queue.getCompletedCount()) === 5 && seen.includes('gone'));
  equal((await queue.getJob(ids.hello)).returnvalue, { to: 'Zoë' });
  check(seen.indexOf('high') < seen.indexOf('low'), 'priority 1 comes before 9', seen);
  equal(seen.filter((name) => name === 'again').length, 3);
  const late = await queue.getJob(ids.late);
  check(late.processedOn >= late.timestamp + 300, 'a delayed job waits', late.processedOn - late.timestamp);
  await until('the job is gone', async () => (await queue.getJob(ids.gone)) === undefined);
});

/* ---------------------------------------------------------------- add: data, waiting, errors */

onRedis('add: data come from the argument, from -, from a pipe or are {}', async (t, { url, ok, connection }) => {
  const client = await t.connect(connection.port);
  const dataOf = async (id) => (await ask(client, 'HGET', `bull:q:${id}`, 'data')).text;
  const shell = async (line) => {
    const done = await t.shell(line, { OXQ_URL: url });
    check(done.status === 0, line, done.stdout + done.stderr);
    return done.stdout.trim();
  };
  equal(await dataOf(await ok('add', 'q', 'x', '"a text"')), '"a text"');
  equal(await dataOf(await shell('printf \'{"n": 1}\\n\' | "$OXQ" add q x -')), '{"n": 1}');
  equal(await dataOf(await shell('echo "[1]" | "$OXQ" add q x')), '[1]');
  equal(await dataOf(await shell('"$OXQ" add q x </dev/null')), '{}');
  equal(JSON.parse(await shell('"$OXQ" add q x --json </dev/null')), { id: '5' });
  const done = await onTerminal(t, '"$OXQ" add q x', url);
  equal([done.status, done.text], [0, '6\n'], 'on a terminal nothing is waited for');
  equal(await dataOf('6'), '{}');
});

onEach('add --wait: prints the result, or fails as the job does', async (t, { node, run }) => {
  node.worker('q', async (job) => {
    if (job.name === 'fail') throw new Error('no such \u001b[2Jaddress');
    return { got: job.data };
  });
  const wait = (...args) => run('add', 'q', ...args, '--wait');
  const good = await wait('good', '{"n":1}');
  equal([good.status, good.stdout], [0, '{"got":{"n":1}}\n']);
  const gone = await wait('gone', '--keep-completed', 'none', '--json');
  equal([gone.status, objects(gone.stdout)], [0, [{ id: '2', state: 'completed', result: { got: {} } }]]);
  const bad = await wait('fail');
  equal([bad.status, bad.stdout], [1, '']);
  check(bad.lines.length === 1 && bad.lines[0].includes('job 3 failed: no such \\x1b[2Jaddress'), 'why, and nothing that steers a terminal', bad.stderr);
  const told = await wait('fail', '--json', '--attempts', 2);
  equal([told.status, objects(told.stdout)], [1, [{ id: '4', state: 'failed', failure: 'no such \u001b[2Jaddress' }]]);
  const again = await wait('good', '--id', 'mine');
  equal((await wait('good', '--id', 'mine')).stdout, again.stdout, 'one that has finished long ago');
});

onRedis('add --wait: has an end', async (t, { url, node, run }) => {
  const late = await run('add', 'q', 'x', '--wait', '--wait-timeout', '50ms');
  check(late.status === 1 && late.lines[0].includes('has not finished after 50 ms'), 'the time is over', late.stderr);
  const waiting = t.spawn(['add', 'q', 'x', '--id', 'mine', '--wait'], { OXQ_URL: url });
  const queue = node.queue('q');
  await until('the job is there', async () => queue.getJob('mine'));
  await (await queue.getJob('mine')).remove();
  equal(await waiting.ended, 1);
  check(waiting.stderr.includes('job mine was removed'), 'it was removed', waiting.stderr);
});

test('add: what makes no sense is refused', async (t) => {
  const refused = (texts, ...args) => t.refused(['add', ...args, '--url', 'file:./data'], texts);
  await refused(['oxq add QUEUE NAME'], 'q');
  await refused(['not JSON', 'quotes'], 'q', 'x', 'hello');
  await refused(['--at', 'past'], 'q', 'x', '--at', '2020-01-01');
  await refused(['--at soon'], 'q', 'x', '--at', 'soon');
  await refused(['exclude'], 'q', 'x', '--at', '2090-01-01', '--delay', '5s');
  await refused(['--priority', '2097151'], 'q', 'x', '--priority', 2097152);
  await refused(['--backoff', '0 .. 1'], 'q', 'x', '--backoff', 'fixed:5s:2');
  await refused(['--keep-failed', '7d'], 'q', 'x', '--keep-failed', 'some');
  await refused(['--parent', 'QUEUE:ID'], 'q', 'x', '--parent', 'orders');
  await refused(['--on-failure', 'fail-parent'], 'q', 'x', '--on-failure', 'stop');
  await refused(['--dedup ID'], 'q', 'x', '--dedup-extend');
  await refused(['--delay soon'], 'q', 'x', '--delay', 'soon');
  await refused(['--file'], 'q', 'x', '--from', 3);
  await refused(['jobId'], 'q', '--file', 'none', '--id', 'x');
  await refused(['one job'], 'q', '--file', 'none', '--wait');
  await refused(['none cannot be opened'], 'q', '--file', 'none');
  await refused(['unknown flag --priorty', '--priority'], 'q', 'x', '--priorty', 1);
  const numeric = await t.oxq(['add', 'q', 'x', '--id', '12', '--url', 'file:./data']);
  check(numeric.status === 2 && numeric.lines.length === 1, 'an id of digits', numeric.stderr);
  const long = await t.oxq(['add', 'q', 'x', '"0123456789"', '--size-limit', 5, '--url', 'file:./data']);
  check(long.status === 1 && long.lines[0].includes('5'), 'longer than its limit', long.stderr);
});

/* ---------------------------------------------------------------- add --file */

const jobLine = (n) => `{"name":"j${n}","data":{"n":${n}}}\n`;
const fileOf = (count, change = {}) => Array.from({ length: count }, (_, i) => change[i + 1] ?? jobLine(i + 1)).join('');

async function namesOf(queue) {
  const names = (await queue.getJobs(['wait', 'delayed', 'prioritized'])).map((job) => job.name);
  return names.sort((a, b) => Number(a.slice(1)) - Number(b.slice(1)));
}

onEach('add --file: thousands of lines, and a bad one in their middle', async (t, { node, run, ok }) => {
  const bad = t.write('bad.jsonl', fileOf(6000, { 5000: '{"name":"j5000","opts":{"atempts":3}}\n' }));
  const stopped = await run('add', 'q', '--file', bad);
  equal([stopped.status, stopped.stdout], [1, 'added 4,999 jobs, refused 1 lines\n']);
  equal(stopped.lines, [`oxq: ${bad} line 5000: option atempts is not known: did you mean attempts?`, 'oxq: to go on from here: --from 5000']);
  const good = t.write('good.jsonl', fileOf(6000));
  equal(await ok('add', 'q', '--file', good, '--from', 5000), 'added 1,001 jobs');
  const counts = objects(await ok('queues', 'q', '--json'));
  equal(counts[0].waiting, 6000);
  const queue = node.queue('q');
  const last = await queue.getJob('6000');
  equal([last.name, last.data], ['j6000', { n: 6000 }], 'each line once, in order');
});

onRedis('add --file: bad lines are left out on demand, and what is wrong is told', async (t, { node, run }) => {
  const wrong = {
    2: '{"name":"j2"\n',
    3: '[1]\n',
    4: '{"name":7}\n',
    5: '{"data":{}}\n',
    6: '{"name":"j6","priority":3}\n',
    7: '{"name":"j7","opts":{"priority":-1}}\n',
    8: '{"name":"j8","opts":{"repeat":{"every":5}}}\n',
    9: '{"name":"j9","data":"longer","opts":{"sizeLimit":3}}\n',
    10: '\n',
  };
  const file = t.write('jobs.jsonl', fileOf(12, wrong));
  const done = await run('add', 'q', '--file', file, '--skip-bad', '--json');
  equal(done.status, 1, 'not all was added');
  equal(objects(done.stdout), [{ line: 1, id: '1' }, { line: 11, id: '2' }, { line: 12, id: '3' }, { added: 3, refused: 8 }]);
  for (let line = 2; line < 10; line++) check(done.lines[line - 2].startsWith(`oxq: ${file} line ${line}: `), `line ${line} is told`, done.stderr);
  for (const [at, text] of [[1, 'an object'], [2, '"name"'], [4, 'priority'], [6, 'oxq schedule']]) check(done.lines[at].includes(text), text, done.lines[at]);
  equal(await namesOf(node.queue('q')), ['j1', 'j11', 'j12']);
  const named = await run('add', 'named', 'usual', '--file', t.write('bare.jsonl', '{}\n{"opts":{"delay":5000},"name":"own"}'), '--attempts', 4);
  equal([named.status, named.stdout], [0, 'added 2 jobs\n']);
  const [usual, own] = [await node.queue('named').getJob('1'), await node.queue('named').getJob('2')];
  equal([usual.name, usual.opts.attempts, own.name, own.opts.attempts, own.opts.delay], ['usual', 4, 'own', 4, 5000]);
});

onRedis('add --file: what the store refuses is told by line, the others are added', async (t, { node, run }) => {
  const orphan = '{"name":"j2","opts":{"parent":{"id":"none","queue":"bull:parents"}}}\n';
  const done = await run('add', 'q', '--file', t.write('jobs.jsonl', fileOf(4, { 2: orphan })));
  equal([done.status, done.stdout], [1, 'added 3 jobs, refused 1 lines\n']);
  check(done.lines[0].includes('line 2: ') && done.lines[1].endsWith('--from 5'), 'which one, and where to go on', done.stderr);
  equal(await namesOf(node.queue('q')), ['j1', 'j3', 'j4']);
});

test('add --file: lines of a pipe are added as they come, and a store that goes is told', async (t) => {
  const server = await t.redis();
  const client = await t.connect(server);
  await t.shell('mkfifo lines');
  const adding = t.spawn(['add', 'q', '--file', 'lines', '--timeout', 2000, '--url', `redis://127.0.0.1:${server.port}`]);
  const pipe = createWriteStream(t.path('lines'));
  pipe.write(jobLine(1) + jobLine(2) + '{"name":"j3"');
  await until('two jobs are there', async () => (await client.call('LLEN', 'bull:q:wait')).text === '2');
  await server.stop('SIGKILL');
  pipe.end(`}\n${jobLine(4)}`);
  equal(await adding.ended, 1);
  equal(adding.stdout, 'added 2 jobs\n');
  check(adding.lines.at(-1).endsWith('--from 3'), 'where to go on', adding.stderr);
});

test('add --file: Ctrl-C tells where to go on', async (t) => {
  const server = await t.redis();
  const client = await t.connect(server);
  await t.shell('mkfifo lines');
  const adding = t.spawn(['add', 'q', '--file', 'lines', '--json', '--url', `redis://127.0.0.1:${server.port}`]);
  const pipe = createWriteStream(t.path('lines'));
  pipe.on('error', () => {});
  pipe.write(jobLine(1) + jobLine(2));
  await until('two jobs are there', () => lines(adding.stdout).length === 2);
  adding.kill('SIGINT');
  equal(await adding.ended, 1);
  pipe.destroy();
  equal(objects(adding.stdout).at(-1), { added: 2, refused: 0, from: 3 });
  equal((await client.call('LLEN', 'bull:q:wait')).text, '2');
});

/* ---------------------------------------------------------------- retry, promote, remove, drain, clean */

onEach('retry: by id, partly, with --rerun, and what a worker makes of it', async (t, { node, run, ok }) => {
  for (const name of ['fail', 'fail', 'done']) await ok('add', 'q', name, '--attempts', 2);
  await ok('add', 'q', 'done', '--delay', '1h');
  const queue = await work(node, 'q', 3);
  const partly = await run('retry', 'q', '1', '3', '4', '99', '2');
  equal([partly.status, partly.stdout], [1, 'retried 2 jobs, not 3\n']);
  equal(partly.lines.length, 3);
  for (const [i, text] of [[0, 'job 3 is completed: --rerun'], [1, 'job 4 is delayed'], [2, '99']]) check(partly.lines[i].includes(text), text, partly.stderr);
  equal([(await queue.getJob('1')).attemptsMade, await (await queue.getJob('1')).getState()], [0, 'waiting']);
  equal(objects(await ok('retry', 'q', '3', '--rerun', '--json')), [{ retried: 1, failed: 0 }]);
  await work(node, 'q', 3);
  equal([(await queue.getJob('1')).attemptsMade, (await queue.getJob('3')).attemptsMade], [2, 1], 'attempts were counted anew');
  equal(await ok('retry', 'q', '2', '--keep-attempts'), 'retried 1 job');
  await work(node, 'q', 3);
  equal((await queue.getJob('2')).attemptsMade, 3, 'once more');
  const told = await run('retry', 'q', '3', '--json');
  equal([told.status, objects(told.stdout).map((object) => object.id ?? object.retried)], [1, ['3', 0]]);
});

onEach('retry: all, or those that a filter leaves', async (t, { node, ok }) => {
  const data = (i) => JSON.stringify({ user: { id: i % 3 }, why: i % 2 ? 'ECONNREFUSED here' : 'no such address' });
  const file = Array.from({ length: 300 }, (_, i) => `{"name":"fail${i % 5}","data":${data(i)}}\n`).join('') + '{"name":"done"}\n';
  await ok('add', 'q', '--file', t.write('jobs.jsonl', file));
  const queue = await work(node, 'q', 301);
  const failed = async () => (await queue.getJobCounts('failed')).failed;
  equal(await ok('retry', 'q', '--all', '--error', 'ECONNREFUSED', '--dry-run'), 'would have retried 150 jobs');
  equal(await failed(), 300);
  equal(await ok('retry', 'q', '--all', '--error', 'ECONNREFUSED'), 'retried 150 jobs');
  equal(await ok('retry', 'q', '--all', '--name', 'fail4'), 'retried 30 jobs');
  equal(await ok('retry', 'q', '--all', '--data', '/user/id=1', '--count', 5), 'retried 5 jobs');
  equal(await ok('retry', 'q', '--all', '--older', '1h'), 'retried 0 jobs');
  equal(await ok('retry', 'q', '--all', '--newer', '1h', '--json'), '{"retried":115,"failed":0}');
  equal(await queue.getJobCounts('failed', 'completed', 'wait'), { failed: 0, completed: 1, wait: 300 });
  equal(await ok('retry', 'q', '--all', '--rerun'), 'retried 1 job');
});

onRedis('retry: a rate is kept, and Ctrl-C stops between two portions', async (t, { url, node, ok }) => {
  await ok('add', 'q', '--file', t.write('jobs.jsonl', fileOf(200).replaceAll('"j', '"fail')));
  const queue = await work(node, 'q', 200);
  const retrying = t.spawn(['retry', 'q', '--all', '--rate', '1/s', '--json', '--url', url]);
  await until('some are retried', async () => (await queue.getJobCounts('wait')).wait > 0);
  retrying.kill('SIGINT');
  equal(await retrying.ended, 1);
  check(retrying.lines.length === 1 && retrying.lines[0].includes('stopped'), 'it says so', retrying.stderr);
  const { wait, failed } = await queue.getJobCounts('wait', 'failed');
  equal(objects(retrying.stdout), [{ retried: wait, failed: 0, stopped: true }], 'how far it came');
  equal(wait + failed, 200);
  check(wait < 200, 'not all of them', wait);
});

onEach('promote, remove, drain and clean', async (t, { node, ok, run, connection }) => {
  const queue = node.queue('q');
  const counts = async () => Object.values(await queue.getJobCounts('wait', 'prioritized', 'delayed', 'completed', 'failed'));
  const add = (...args) => ok('add', 'q', ...args);
  for (const name of ['a', 'b', 'c']) await add(name, '--delay', '1h');
  equal(await ok('promote', 'q', '1'), 'promoted 1 job');
  const partly = await run('promote', 'q', '1', '2');
  equal([partly.status, partly.stdout], [1, 'promoted 1 job, not 1\n']);
  equal(await ok('promote', 'q', '--all', '--dry-run'), 'would have promoted 1 job');
  equal(await ok('promote', 'q', '--all'), 'promoted 1 job');
  equal(await counts(), [3, 0, 0, 0, 0]);
  await work(node, 'q', 3);
  equal(await ok('remove', 'q', '1', '--dry-run'), 'would have removed 1 job');
  equal(await ok('remove', 'q', '1'), 'removed 1 job');
  equal(await ok('remove', 'q', '--state', 'completed', '--name', 'b', '--json'), '{"removed":1,"failed":0}');
  equal(await counts(), [0, 0, 0, 1, 0]);
  for (const flags of [[], ['--priority', 3], ['--delay', '1h'], ['--delay', '2h']]) await add('x', ...flags);
  equal(await ok('drain', 'q', '--dry-run'), 'would have removed 2 jobs');
  equal(await ok('drain', 'q'), 'removed 2 jobs');
  equal(await ok('drain', 'q', '--delayed', '--json'), '{"removed":2,"failed":0}');
  equal(await counts(), [0, 0, 0, 1, 0]);
  equal(await ok('clean', 'q', '--state', 'completed', '--older', '1h'), 'removed 0 jobs');
  equal(await ok('clean', 'q', '--state', 'completed', '--older', '0', '--dry-run'), 'would have removed 1 job');
  equal(await ok('clean', 'q', '--state', 'completed', '--older', '0'), 'removed 1 job');
  for (let i = 0; i < 3; i++) await add('x');
  equal(await ok('clean', 'q', '--state', 'waiting', '--older', '0', '--limit', 2), 'removed 2 jobs');
  equal(await counts(), [1, 0, 0, 0, 0]);
  equal(await ok('clean', 'q', '--orphans'), 'removed 0 jobs');
  const client = new Redis(connection);
  await client.del('bull:q:wait');
  client.disconnect();
  equal(await ok('clean', 'q', '--orphans', '--json'), '{"removed":1,"failed":0}');
});

onEach('remove: with children, of all levels, and not what a worker runs', async (t, { node, ok, run }) => {
  const child = (name, children) => ({ name, queueName: 'children', children });
  const trees = [];
  for (let i = 0; i < 3; i++) trees.push(await node.flow().add({ name: 'p', queueName: 'parents', children: [child('c', [child('d')]), child('e')] }));
  const children = node.queue('children');
  const count = async () => (await children.getJobCountByTypes('wait', 'waiting-children'));
  equal(await count(), 9);
  equal(await ok('remove', 'parents', trees[0].job.id, '--children'), 'removed 1 job');
  equal(await count(), 6);
  equal(await ok('remove', 'parents', '--state', 'waiting-children', '--children'), 'removed 2 jobs');
  equal(await count(), 0);
  let release;
  const held = new Promise((resolve) => (release = resolve));
  node.worker('q', () => held);
  const id = await ok('add', 'q', 'x');
  await until('it runs', async () => (await node.queue('q').getActiveCount()) === 1);
  const done = await run('remove', 'q', id);
  equal([done.status, done.stdout], [1, 'removed 0 jobs, not 1\n']);
  release();
});

test('what says no job, or too much, is refused', async (t) => {
  const refused = (texts, ...args) => t.refused([...args, '--url', 'file:./data'], texts);
  await refused(['--all', 'oxq retry QUEUE ID'], 'retry', 'q');
  await refused(['--all is missing'], 'retry', 'q', '--name', 'x');
  await refused(['ids exclude --all'], 'retry', 'q', '1', '--all');
  await refused(['ids exclude'], 'retry', 'q', '1', '--error', 'x');
  await refused(['by id'], 'retry', 'q', '--all', '--keep-attempts');
  await refused(['--rate', '10/s'], 'retry', 'q', '--all', '--rate', '10/m');
  await refused(['--data', '/user/id'], 'retry', 'q', '--all', '--data', 'user');
  await refused(['--state'], 'remove', 'q');
  await refused(['--state is missing'], 'remove', 'q', '--name', 'x');
  await refused(['a state is waiting'], 'remove', 'q', '--state', 'sleeping');
  await refused(['name of a queue'], 'drain');
  await refused(['--state', '--older'], 'clean', 'q', '--state', 'failed');
  await refused(['--orphans', '--limit alone'], 'clean', 'q', '--orphans', '--older', '0');
  await refused(['not cleaned'], 'clean', 'q', '--state', 'waiting-children', '--older', '0');
  await refused(['--cron', '--every'], 'schedule', 'q', 's');
  await refused(['--cron', '--every'], 'schedule', 'q', 's', '--every', '5s', '--cron', '* * * * *');
  await refused(['--offset'], 'schedule', 'q', 's', '--every', '5s', '--offset', '5s');
  await refused(['--offset'], 'schedule', 'q', 's', '--cron', '* * * * *', '--offset', '5s');
  await refused(['unknown flag --delay'], 'schedule', 'q', 's', '--every', '5s', '--delay', '5s');
  const never = await t.oxq(['schedule', 'q', 's', '--cron', '0 0 30 2 *', '--url', 'file:./data']);
  check(never.status === 2 && never.lines.length === 1, 'a pattern that never fires', never.stderr);
  for (const zone of ['Europe/Atlantis', 'Europe', '../etc/passwd']) {
    const nowhere = await t.oxq(['schedule', 'q', 's', '--cron', '0 4 * * *', '--tz', zone, '--url', 'file:./data']);
    check(nowhere.status === 2 && nowhere.lines.length === 1 && nowhere.stderr.includes('Europe/Berlin'), 'a time zone that is none', zone, nowhere.stderr);
  }
});

/* ---------------------------------------------------------------- change, limit */

onEach('change: BullMQ sees the data, the delay and the priority', async (t, { node, ok, run }) => {
  const queue = node.queue('q');
  const id = await ok('add', 'q', 'late', '{"n":1}', '--delay', '1h');
  equal(await ok('change', 'q', id, '--data', '{"n":2}', '--priority', 5, '--delay', '2h'), 'changed 1 job');
  const job = await queue.getJob(id);
  equal([job.data, job.priority, job.delay], [{ n: 2 }, 5, 7_200_000]);
  const [first, second] = [await ok('add', 'q', 'a', '--priority', 3), await ok('add', 'q', 'b', '--priority', 3)];
  equal(await ok('change', 'q', second, '--priority', 3, '--lifo', '--json'), '{"changed":1}');
  equal((await queue.getPrioritized()).map((one) => one.id), [second, first]);
  const refused = async (status, text, ...args) => {
    const done = await run('change', 'q', ...args);
    check(done.status === status && done.stderr.includes(text), `it ends with ${status}, and tells of ${text}`, done.status, done.stderr);
  };
  await refused(1, 'no such job', 'gone', '--delay', '5s');
  await refused(1, 'not in the state', first, '--delay', '5s');
  await refused(2, 'JSON', first, '--data', '{');
  await refused(2, '--data, --delay or --priority', first);
  await refused(2, '--lifo goes with --priority', first, '--lifo', '--delay', '5s');
  await refused(2, '2097151', first, '--priority', 2097152);
});

onEach('limit: what is set holds for BullMQ, and what BullMQ set is shown', async (t, { node, ok }) => {
  const queue = node.queue('q');
  equal(lines(await ok('limit', 'q')), ['concurrency  none', 'rate         none', 'hold         none']);
  equal(lines(await ok('limit', 'q', '--concurrency', 7, '--rate', '100/90s')).slice(0, 2), ['concurrency  7', 'rate         100/90s']);
  equal([await queue.getGlobalConcurrency(), await queue.getGlobalRateLimit()], [7, { max: 100, duration: 90_000 }]);
  await queue.setGlobalConcurrency(3);
  await queue.setGlobalRateLimit(9, 3_600_000);
  equal(lines(await ok('limit', 'q')).slice(0, 2), ['concurrency  3', 'rate         9/1h']);
  equal(lines(await ok('limit', 'q', '--hold', '5h'))[2], 'hold         5 h');
  const [held] = objects(await ok('limit', 'q', '--hold', '1h', '--json'));
  check(held.held > 3_000_000 && held.held <= 3_600_000, 'no job is begun for an hour', held);
  check((await queue.getRateLimitTtl()) > 3_000_000, 'BullMQ sees it');
  equal(objects(await ok('limit', 'q', '--concurrency', 'none', '--rate', 'none', '--hold', 0, '--json')), [{ queue: 'q', concurrency: null, max: null, duration: null, held: null }]);
  equal([await queue.getGlobalConcurrency(), await queue.getGlobalRateLimit()], [null, null]);
});

test('limits that make no sense are refused', async (t) => {
  const refused = (texts, ...args) => t.refused(['limit', ...args, '--url', 'file:./data'], texts);
  await refused(['name of a queue']);
  await refused(['--concurrency'], 'q', '--concurrency', '0');
  await refused(['--rate', '100/1m'], 'q', '--rate', '100');
  await refused(['--rate'], 'q', '--rate', '5/0s');
  await refused(['--hold'], 'q', '--hold', 'long');
});

/* ---------------------------------------------------------------- schedule */

onEach('schedule: BullMQ sees the scheduler, runs it, and no longer when it is removed', async (t, { node, ok, run }) => {
  const queue = node.queue('q');
  const told = objects(await ok('schedule', 'q', 'nightly', '--cron', '30 4 * * *', '--tz', 'Europe/Berlin', '--name', 'report', '--data', '{"of":"day"}', '--attempts', 3, '--limit', 9, '--json'))[0];
  const [nightly] = await queue.getJobSchedulers();
  equal([nightly.key, nightly.name, nightly.pattern, nightly.tz, nightly.limit, nightly.next], ['nightly', 'report', '30 4 * * *', 'Europe/Berlin', 9, told.next_ms]);
  equal([nightly.template.data, nightly.template.opts.attempts], [{ of: 'day' }, 3]);
  equal((await queue.getJob(told.next_id)).name, 'report');
  check(/^often runs next at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/.test(await ok('schedule', 'q', 'often', '--every', '50ms')), 'when it runs next');
  let runs = 0;
  const worker = node.worker('q', async (job) => (job.name === 'often' ? runs++ : undefined));
  await until('it ran three times', () => runs >= 3);
  await worker.close();
  equal(await ok('unschedule', 'q', 'often', '--json'), '{"removed":true}');
  equal(await ok('schedule', 'q', 'nightly', '--cron', '0 5 * * *', '--tz', 'UTC'), await ok('schedule', 'q', 'nightly', '--cron', '0 5 * * *', '--tz', 'UTC'), 'twice is once');
  equal((await queue.getJobSchedulers()).map((scheduler) => scheduler.key), ['nightly']);
  const none = await run('unschedule', 'q', 'often');
  check(none.status === 1 && none.lines[0].includes('no scheduler often'), 'it is gone', none.stderr);
});

onEach('schedule: runs with an offset', async (t, { node, ok }) => {
  const queue = node.queue('q');
  const [told] = objects(await ok('schedule', 'q', 'hourly', '--every', '1h', '--offset', '15m', '--json'));
  equal(told.next_ms % 3_600_000, 900_000);
  const [hourly] = await queue.getJobSchedulers();
  equal([hourly.every, hourly.offset, hourly.next], [3_600_000, 900_000, told.next_ms]);
});

/* ---------------------------------------------------------------- a folder */

test('a folder that nobody serves: each command hosts it for as long as it takes', async (t) => {
  const ok = async (...args) => {
    const done = await t.oxq([...args, '--url', 'file:./jobs']);
    check(done.status === 0, `oxq ${args.join(' ')} ended with ${done.status}`, done.stdout + done.stderr);
    return done.stdout.trim();
  };
  equal(await ok('add', 'q', 'x', '--attempts', 2), '1');
  equal(await ok('add', 'q', '--file', t.write('jobs.jsonl', fileOf(5))), 'added 5 jobs');
  await ok('work', 'q', '--exec', 'test "$OXQ_JOB_NAME" != x', '--drain');
  equal(await ok('retry', 'q', '--all', '--dry-run'), 'would have retried 1 job');
  equal(await ok('retry', 'q', '1'), 'retried 1 job');
  equal(await ok('remove', 'q', '--state', 'completed', '--name', 'j2'), 'removed 1 job');
  const [counts] = objects(await ok('queues', 'q', '--json'));
  equal([counts.waiting, counts.completed, counts.failed], [1, 4, 0]);
  equal(await ok('obliterate', 'q', '--yes'), 'removed 5 jobs');
  equal(await ok('queues', '--json'), '');
  const none = await t.oxq(['retry', 'q', '1', '--url', 'file:./jbos']);
  check(none.status === 1 && none.lines.length === 1 && !existsSync(t.path('jbos')), 'a slip of the pen makes no folder', none.stderr);
});

/* ---------------------------------------------------------------- help and manual */

test('the manual names each flag', async (t) => {
  for (const command of ['add', 'retry', 'promote', 'remove', 'drain', 'clean', 'schedule']) {
    const help = (await t.oxq(['help', command])).stdout;
    const page = readFileSync(new URL(`../../docs/man/oxq-${command}.1`, import.meta.url), 'utf8');
    check(help.startsWith(`Usage: oxq ${command}`), 'help', help);
    for (const [, name] of help.matchAll(/^ +--([a-z-]+)/gm)) check(new RegExp(`Fl -${name}\\b`).test(page), `oxq-${command}.1 has --${name}`);
    for (const line of lines(help)) check(line.length <= 120, `a line of the help of ${command} is too long`, line);
  }
});
