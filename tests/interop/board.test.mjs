// SPDX-License-Identifier: MIT
/* Bull Board, which knows BullMQ alone, shows the jobs of C and does with them what its buttons do; C goes on from there. */
import { check, equal, test, until } from '../daemon/lib/kit.mjs';
import { openBoard } from '../e2e/lib/board.mjs';
import { BULLS, Node, running, STORES, seenByC, told } from './lib/sides.mjs';

const HOUR_MS = 3_600_000;

/** A board over the queues q and children, as functions of what is done there. */
async function boardOn(node, defer) {
  const call = await openBoard([node.queue('q'), node.queue('children')], defer);
  const ask = async (method, path, status) => {
    const answer = await call(method, path);
    equal(answer.status, status, `${method} ${path}: ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  return {
    jobs: async (state) => (await ask('GET', `/api/queues?activeQueue=q&status=${state}`, 200)).queues.find(({ name }) => name === 'q').jobs,
    schedulers: async () => (await ask('GET', '/api/job-schedulers?queueName=q', 200)).schedulers,
    get: (path, status = 200) => ask('GET', `/api/queues/q/${path}`, status),
    put: (path, status = 204) => ask('PUT', `/api/queues/q/${path}`, status),
  };
}

/** One worker's turn: all that waits is done, then it is gone. */
async function work(t, url, queue, node) {
  const worker = await running(t, url, 'work', queue, 2);
  await until('all is done', async () => {
    const counts = await node.queue(queue).getJobCounts('wait', 'prioritized', 'active');
    return Object.values(counts).every((count) => count === 0);
  });
  equal(await worker.stop(), 0, 'the worker ends when told to');
}

/** Jobs of C in all states: their ids. */
async function fill(t, url, node) {
  const add = (...words) => told(t, url, 'add', 'q', ...words);
  const ids = {
    done: await add('hello', '{"to":"Zoë"}'),
    failed: await add('fail', '{"until":2}', 'attempts=2'),
    fatal: await add('fatal', '{}', 'attempts=5'),
  };
  await work(t, url, 'q', node);
  ids.later = await add('hello', '{"n":1}', `delay=${HOUR_MS}`);
  ids.first = await add('hello', '{}', 'priority=7');
  ids.parent = await told(t, url, 'flow', 'q', 'children', 2);
  await told(t, url, 'schedule', 'q', 'hourly', HOUR_MS, 3);
  return ids;
}

async function isShown(board, ids) {
  const [done] = await board.jobs('completed');
  equal([done.id, done.name, done.data, done.returnValue, done.progress], [ids.done, 'hello', { to: 'Zoë' }, { by: 'C', got: { to: 'Zoë' } }, { part: 50 }]);
  check(done.timestamp > 0 && done.timestamp <= done.processedOn && done.processedOn <= done.finishedOn, 'times in order', done);
  equal(await board.get(`${ids.done}/logs`), ['a line of C']);
  const failed = await board.jobs('failed');
  equal(failed.map(({ id }) => id).sort(), [ids.failed, ids.fatal].sort());
  const again = failed.find(({ id }) => id === ids.failed);
  equal([again.failedReason, again.isFailed, again.attempts, again.opts.attempts, again.stacktrace.length], ['attempt 1 of C', true, 2, 2, 2]);
  check(again.stacktrace[0].includes('attempt 1 of C') && again.stacktrace[1].includes('attempt 0 of C'), 'a stack for each attempt, the newest first', again.stacktrace);
  const ofState = async (state) => (await board.jobs(state)).map(({ id }) => id);
  equal(await ofState('prioritized'), [ids.first]);
  equal((await board.jobs('delayed')).map(({ id, delay }) => [id, delay]), [[ids.later, HOUR_MS]]);
  equal((await board.jobs('waiting')).map(({ name, data }) => [name, data]), [['tick', { by: 'C' }]]);
  equal(await ofState('waiting-children'), [ids.parent]);
  const { flowRoot } = await board.get(`${ids.parent}/flow`);
  equal([flowRoot.state, flowRoot.children.length, flowRoot.dependencies.unprocessed], ['waiting-children', 2, 2]);
  const [scheduler] = await board.schedulers();
  equal([scheduler.id, scheduler.name, scheduler.every], ['hourly', 'tick', HOUR_MS]);
}

/** What the buttons do, and what C makes of it. */
async function isHeeded(t, url, board, ids, node) {
  await board.put(`${ids.failed}/retry`);
  await board.put(`${ids.later}/promote`);
  await board.put(`${ids.done}/clean`);
  await board.put('job-schedulers/hourly/remove');
  equal(await told(t, url, 'schedulers', 'q'), '', 'C sees no scheduler any more');
  check((await told(t, url, 'get', 'q', ids.failed)).startsWith('state waiting\n'), 'C sees it wait');
  await work(t, url, 'children', node);
  await work(t, url, 'q', node);
  for (const id of [ids.later, ids.first, ids.failed, ids.parent]) equal((await seenByC(t, url, 'q', id)).state, 'completed', id);
  equal((await seenByC(t, url, 'q', ids.failed)).attempts, '3');
  equal(await node.queue('q').getJob(ids.done) ?? null, null, 'it was removed');
  equal(await board.put('retry/failed', 200), { retried: 1, skipped: 0 });
  await work(t, url, 'q', node);
  equal((await seenByC(t, url, 'q', ids.fatal)).failure, 'never', 'it ran, and failed again');
}

/** The board spares what is younger than five seconds. */
async function isCleaned(t, url, board) {
  await told(t, url, 'add', 'q', 'hello', '{}', `timestamp=${Date.now() - HOUR_MS}`);
  /* It stays young on a slow machine. */
  const young = await told(t, url, 'add', 'q', 'hello', '{}', `timestamp=${Date.now() + HOUR_MS}`);
  await board.put('clean/wait', 200);
  equal((await board.jobs('waiting')).map(({ id }) => id), [young]);
}

for (const [storeName, open] of Object.entries(STORES)) {
  test(`Bull Board, ${storeName}: it shows jobs of C, and C heeds its buttons`, async (t) => {
    const { url, connection } = await open(t);
    const node = new Node(BULLS['BullMQ 6'], connection);
    let end = () => {};
    try {
      const ids = await fill(t, url, node);
      const board = await boardOn(node, (fn) => (end = fn));
      await isShown(board, ids);
      await isHeeded(t, url, board, ids, node);
      await isCleaned(t, url, board);
    } finally {
      await end();
      await node.close();
    }
  });
}
