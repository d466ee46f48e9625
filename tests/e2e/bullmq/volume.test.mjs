// SPDX-License-Identifier: MIT
// Many jobs with random failures: every id completes, and nothing is left behind.
import { assert, counts, range, rng, test, until } from '../lib/bull.mjs';

const JOBS = 20_000;
const BATCH = 1000;
const FAILURES = 0.05;
const PATIENCE_MS = 50_000;

test(`${JOBS} jobs, of whose attempts one in twenty fails: every id completes`, async (scope) => {
  const queue = scope.queue();
  const chance = rng(42);
  const [completed, failures] = [new Set(), []];
  const handler = async (job) => {
    if (chance() >= FAILURES) return job.data.n;
    failures.push(job.id);
    throw new Error('by chance');
  };
  const workers = range(2).map(() => scope.worker(queue.name, handler, { concurrency: 50 }));
  for (const worker of workers) {
    worker.on('completed', (job, result) => {
      assert.equal(result, job.data.n);
      assert.equal(completed.has(job.id), false, `${job.id} completed twice`);
      completed.add(job.id);
    });
  }
  const opts = { attempts: 20, removeOnComplete: 1000 };
  const ids = [];
  for (let n = 0; n < JOBS; n += BATCH) {
    const added = await queue.addBulk(range(BATCH).map((i) => ({ name: 'n', data: { n: n + i }, opts })));
    ids.push(...added.map(({ id }) => id));
  }
  await until('every job to complete', () => completed.size === JOBS, PATIENCE_MS).catch(() => {});
  assert.deepEqual(ids.filter((id) => !completed.has(id)), []);
  assert.equal(new Set(ids).size, JOBS);
  await counts(queue, { completed: 1000, wait: 0, active: 0, failed: 0, delayed: 0 });
  assert.equal(completed.size, JOBS);
  const expected = (JOBS * FAILURES) / (1 - FAILURES);
  assert.ok(Math.abs(failures.length - expected) < 300, `${failures.length} failures`);
});
