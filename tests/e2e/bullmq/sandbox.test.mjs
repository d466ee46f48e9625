// SPDX-License-Identifier: MIT
// Sandboxed processors: a file that BullMQ runs in child processes or worker threads.
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { assert, counts, eventOf, range, state, test } from '../lib/bull.mjs';

const FOLDER = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../workers');
const CJS = path.join(FOLDER, 'sandboxed.cjs');
const ESM = path.join(FOLDER, 'sandboxed.mjs');

test('a child process runs the jobs and gives their results', async (scope) => {
  const queue = scope.queue();
  scope.worker(queue.name, CJS, { concurrency: 2 });
  const jobs = await queue.addBulk(range(4).map((n) => ({ name: 'double', data: { n } })));
  const where = await queue.add('where', {});
  await counts(queue, { completed: 5 });
  for (const [n, { id }] of jobs.entries()) assert.equal((await queue.getJob(id)).returnvalue, n * 2);
  const place = (await queue.getJob(where.id)).returnvalue;
  assert.notEqual(place.pid, process.pid);
  assert.equal(place.isMainThread, true);
});

test('a worker thread runs them too', async (scope) => {
  const queue = scope.queue();
  scope.worker(queue.name, CJS, { useWorkerThreads: true });
  const [where, failing] = [await queue.add('where', {}), await queue.add('fail', { n: 3 })];
  await counts(queue, { completed: 1, failed: 1 });
  assert.deepEqual((await queue.getJob(where.id)).returnvalue, { pid: process.pid, isMainThread: false });
  assert.equal((await queue.getJob(failing.id)).failedReason, 'sandboxed: 3');
});

test('a processor may be an ECMAScript module, given as a URL', async (scope) => {
  const queue = scope.queue();
  scope.worker(queue.name, pathToFileURL(ESM));
  const { id } = await queue.add('a', { n: 5 });
  const job = await state(queue, id, 'completed');
  assert.deepEqual(job.returnvalue, { module: true, n: 5 });
  assert.equal(job.progress, 100);
});

test('failures, logs, progress, data and states pass through', async (scope) => {
  const queue = scope.queue();
  const events = await scope.events(queue.name);
  const progress = eventOf(events, 'progress');
  scope.worker(queue.name, CJS);
  const failing = await queue.add('fail', { n: 1 }, { attempts: 2 });
  const failed = await state(queue, failing.id, 'failed');
  assert.equal(failed.failedReason, 'sandboxed: 1');
  assert.equal(failed.attemptsMade, 2);
  assert.match(failed.stacktrace[0], /sandboxed\.cjs/);
  const { id } = await queue.add('report', {});
  const job = await state(queue, id, 'completed');
  assert.equal(job.returnvalue, 'reported');
  assert.deepEqual(job.data, { changed: true });
  assert.deepEqual((await progress)[0].data, { half: true });
  assert.deepEqual((await queue.getJobLogs(id)).logs, ['from the sandbox']);
});

test('UnrecoverableError and moveToDelayed work from the sandbox', async (scope) => {
  const queue = scope.queue();
  scope.worker(queue.name, CJS);
  const hopeless = await queue.add('unrecoverable', {}, { attempts: 5 });
  assert.equal((await state(queue, hopeless.id, 'failed')).attemptsMade, 1);
  const delayed = await queue.add('delay', {});
  assert.equal((await state(queue, delayed.id, 'completed')).returnvalue, 'second time');
});

test('a sandboxed parent reads the values of its children', async (scope) => {
  const queue = scope.queue();
  scope.worker(queue.name, CJS);
  const tree = await scope.flow().add({
    name: 'children',
    queueName: queue.name,
    children: range(2).map((n) => ({ name: 'double', queueName: queue.name, data: { n: n + 1 } })),
  });
  const parent = await state(queue, tree.job.id, 'completed');
  assert.deepEqual(Object.values(parent.returnvalue).sort(), [2, 4]);
});

test('a child process that dies fails its job, and the next attempt has a new one', async (scope) => {
  const queue = scope.queue();
  scope.worker(queue.name, CJS);
  const { id } = await queue.add('exit', {}, { attempts: 2 });
  const job = await state(queue, id, 'completed');
  assert.equal(job.returnvalue, 'after the crash');
  assert.match(job.stacktrace[0], /Unexpected exit code: 17/);
});
