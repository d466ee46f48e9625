// SPDX-License-Identifier: MIT
// Two worker processes, one killed by SIGKILL in the middle of its jobs: each of them is run once more, by the other.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { assert, counts, range, test, until } from '../lib/bull.mjs';

const SCRIPT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../workers/until-killed.mjs');

/** A worker process and the lines it has written. */
async function startWorker(scope, queueName) {
  const child = spawn(process.execPath, [SCRIPT, queueName], { stdio: ['ignore', 'pipe', 'inherit'] });
  const worker = { pid: child.pid, lines: [], ended: new Promise((resolve) => child.once('close', (code, signal) => resolve(signal ?? code))) };
  let rest = '';
  child.stdout.on('data', (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop();
    worker.lines.push(...lines);
  });
  scope.defer(() => child.exitCode === null && child.kill('SIGKILL'));
  await until('the worker process', () => worker.lines.includes('ready'));
  return worker;
}

const started = (worker) => worker.lines.filter((line) => line.startsWith('start ')).map((line) => line.slice(6));
const done = (worker) => worker.lines.filter((line) => line.startsWith('done ')).map((line) => line.slice(5));

test('the jobs of a killed worker run once more, no other twice', async (scope) => {
  const queue = scope.queue();
  const victim = await startWorker(scope, queue.name);
  const long = await queue.addBulk(range(4).map((n) => ({ name: 'long', data: { n, ms: 60_000 } })));
  await until('the victim to run four jobs', () => started(victim).length === 4);
  const other = await startWorker(scope, queue.name);
  const short = await queue.addBulk(range(20).map((n) => ({ name: 'short', data: { n, ms: 5 } })));
  process.kill(victim.pid, 'SIGKILL');
  assert.equal(await victim.ended, 'SIGKILL');
  await counts(queue, { completed: 24, failed: 0, active: 0, wait: 0 });
  assert.deepEqual(done(victim), []);
  assert.deepEqual(started(other).sort(), [...long, ...short].map(({ id }) => id).sort());
  for (const { id } of long) {
    const job = await queue.getJob(id);
    assert.equal(job.returnvalue, other.pid);
    assert.deepEqual([job.attemptsStarted, job.stalledCounter, job.attemptsMade], [2, 1, 1]);
  }
});

test('a worker process told to end finishes its jobs first', async (scope) => {
  const queue = scope.queue();
  const worker = await startWorker(scope, queue.name);
  await queue.addBulk(range(4).map((n) => ({ name: 'n', data: { n, ms: 200 } })));
  await until('four running jobs', () => started(worker).length === 4);
  process.kill(worker.pid, 'SIGTERM');
  assert.equal(await worker.ended, 0);
  assert.equal(done(worker).length, 4);
  await counts(queue, { completed: 4, active: 0 });
});
