// SPDX-License-Identifier: MIT
// Job schedulers: upsert, get, list, remove; every and cron; time zones; limits and dates; templates; several replicas.
import { assert, counts, eventOf, range, state, test, until, variant } from '../lib/bull.mjs';

const HOUR_MS = 3_600_000;

/** Collects the jobs that a worker runs on the queue. */
function collect(scope, queue, options) {
  const ran = [];
  scope.worker(queue.name, async (job) => void ran.push({ at: Date.now(), job }), options);
  return ran;
}

/** When a run was meant to be, in ms: what the job's id ends with. Its timestamp and its delay come from two readings of the clock. */
const dueOf = ({ job }) => Number(job.id.split(':')[2]);

function wallClock(ms, timeZone) {
  return new Intl.DateTimeFormat('en-GB', { timeZone, hour: '2-digit', minute: '2-digit', second: '2-digit' }).format(ms);
}

test('every runs again and again, at its interval', async (scope) => {
  const queue = scope.queue();
  const ran = collect(scope, queue);
  await queue.upsertJobScheduler('tick', { every: 100 }, { name: 'tick', data: { a: 1 } });
  await until('four runs', () => ran.length >= 4);
  await queue.removeJobScheduler('tick');
  const due = ran.map(dueOf);
  assert.ok(ran.every(({ job }) => job.name === 'tick' && job.data.a === 1 && job.repeatJobKey === 'tick'));
  assert.ok(due.every((at, i) => i === 0 || at - due[i - 1] >= 100), String(due));
  assert.ok(ran.every(({ at }, i) => at >= due[i] - 5), 'a run was early');
});

test('getJobScheduler, getJobSchedulers and the count tell what is scheduled', async (scope) => {
  const queue = scope.queue();
  await queue.upsertJobScheduler('b', { every: HOUR_MS }, { name: 'hourly', data: { x: 1 }, opts: { attempts: 3 } });
  await queue.upsertJobScheduler('a', { pattern: '0 0 3 * * *', tz: 'Asia/Tokyo' });
  assert.equal(await queue.getJobSchedulersCount(), 2);
  const found = await queue.getJobScheduler('b');
  assert.equal(found.key, 'b');
  assert.equal(found.name, 'hourly');
  assert.equal(Number(found.every), HOUR_MS);
  assert.deepEqual(found.template.data, { x: 1 });
  assert.equal(found.template.opts.attempts, 3);
  assert.ok(found.next <= Date.now() + HOUR_MS);
  const all = await queue.getJobSchedulers(0, -1, true);
  assert.deepEqual(all.map(({ key }) => key).sort(), ['a', 'b']);
  assert.ok(all[0].next <= all[1].next);
  const cron = all.find(({ key }) => key === 'a');
  assert.equal(cron.pattern, '0 0 3 * * *');
  assert.equal(cron.tz, 'Asia/Tokyo');
  assert.equal((await queue.getJobSchedulers(0, 0)).length, 1);
  assert.ok(!(await queue.getJobScheduler('nobody')));
});

test('remove ends a scheduler and the job it had made', async (scope) => {
  const queue = scope.queue();
  const redis = scope.redis();
  await queue.upsertJobScheduler('s', { pattern: '0 0 3 1 1 *' });
  assert.equal(await queue.getDelayedCount(), 1);
  assert.equal(await queue.removeJobScheduler('s'), true);
  assert.equal(await queue.removeJobScheduler('s'), false);
  assert.equal(await queue.getDelayedCount(), 0);
  assert.deepEqual(await redis.keys(`bull:${queue.name}:repeat*`), []);
});

test('upsert again replaces schedule, data and options, with one job to come', async (scope) => {
  const queue = scope.queue();
  await queue.upsertJobScheduler('s', { pattern: '0 0 3 1 1 *' }, { name: 'old', data: { v: 1 } });
  await queue.upsertJobScheduler('s', { pattern: '0 0 4 1 1 *' }, { name: 'new', data: { v: 2 }, opts: { priority: 4 } });
  assert.equal(await queue.getJobSchedulersCount(), 1);
  const [job, ...others] = await queue.getDelayed();
  assert.equal(others.length, 0);
  assert.deepEqual([job.name, job.data, job.opts.priority], ['new', { v: 2 }, 4]);
  assert.equal((await queue.getJobScheduler('s')).pattern, '0 0 4 1 1 *');
});

test('the job of a scheduler cannot be removed by itself', async (scope) => {
  const queue = scope.queue();
  const job = await queue.upsertJobScheduler('s', { pattern: '0 0 3 1 1 *' });
  await assert.rejects(job.remove(), /belongs to a job scheduler/);
  assert.equal(await queue.getDelayedCount(), 1);
});

test('cron with seconds runs each second', async (scope) => {
  const queue = scope.queue();
  const ran = collect(scope, queue);
  await queue.upsertJobScheduler('cron', { pattern: '* * * * * *' });
  await until('two runs', () => ran.length >= 2);
  await queue.removeJobScheduler('cron');
  const due = ran.map(dueOf);
  assert.ok(due.every((at) => at % 1000 === 0), String(due));
  assert.ok(due[1] > due[0], String(due)); // a second that passed while nobody looked is left out
  assert.ok(ran.every(({ at }, i) => at >= due[i] - 5));
});

test('cron of five fields starts at second zero, in the time zone asked for', async (scope) => {
  const queue = scope.queue();
  for (const [id, tz, expected] of [['ny', 'America/New_York', '02:30:00'], ['kathmandu', 'Asia/Kathmandu', '02:30:00'], ['utc', 'UTC', '02:30:00']]) {
    await queue.upsertJobScheduler(id, { pattern: '30 2 1 7 *', tz });
    const { next } = await queue.getJobScheduler(id);
    assert.equal(wallClock(next, tz), expected);
    assert.ok(next > Date.now());
  }
});

test('cron keeps the wall clock over a change to summer time', async (scope) => {
  const queue = scope.queue();
  const nextAfter = async (id, startDate, pattern = '0 30 9 * * *') => {
    await queue.upsertJobScheduler(id, { pattern, tz: 'America/New_York', startDate });
    return new Date((await queue.getJobScheduler(id)).next).toISOString();
  };
  assert.equal(await nextAfter('before', '2038-03-13T05:00:00Z'), '2038-03-13T14:30:00.000Z');
  assert.equal(await nextAfter('after', '2038-03-14T05:00:00Z'), '2038-03-14T13:30:00.000Z');
  assert.equal(await nextAfter('autumn', '2038-11-07T04:00:00Z'), '2038-11-07T14:30:00.000Z');
});

test('a bad cron pattern, and every beside a pattern, are refused', async (scope) => {
  const queue = scope.queue();
  await assert.rejects(queue.upsertJobScheduler('s', { pattern: '* * * bad' }));
  await assert.rejects(queue.upsertJobScheduler('s', { pattern: '* * * * * *', every: 100 }), /Both .*pattern.* and .*every.* options are defined/);
  await assert.rejects(queue.upsertJobScheduler('s', {}), /Either .*pattern.* or .*every.* options must be defined/);
  assert.equal(await queue.getJobSchedulersCount(), 0);
});

test('limit ends a scheduler after that many runs', async (scope) => {
  const queue = scope.queue();
  const ran = collect(scope, queue);
  await queue.upsertJobScheduler('s', { every: 50, limit: 3 });
  await counts(queue, { completed: 3, delayed: 0 });
  assert.equal(ran.length, 3);
  assert.ok(!(await queue.getJobScheduler('s')) || (await queue.getJobScheduler('s')).iterationCount === 3);
});

test('startDate holds the first run back, endDate ends the runs', async (scope) => {
  const queue = scope.queue();
  const begin = Date.now() + 500;
  const end = begin + 2000;
  const ran = collect(scope, queue);
  await queue.upsertJobScheduler('s', { every: 200, startDate: begin, endDate: end });
  await until('the first run', () => ran.length >= 1);
  assert.ok(ran[0].at >= begin - 5, `ran ${begin - ran[0].at} ms early`);
  await until('the end', () => Date.now() > end);
  await counts(queue, { delayed: 0, wait: 0, active: 0 });
  assert.ok(ran.length >= 1 && ran.length <= 12, `${ran.length} runs`);
  assert.ok(dueOf(ran.at(-1)) <= end);
});

test('an endDate in the past is refused', async (scope) => {
  const queue = scope.queue();
  await assert.rejects(queue.upsertJobScheduler('s', { every: 100, endDate: Date.now() - 1000 }), /End date must be greater than current timestamp/);
});

test('immediately runs a cron job at once', async (scope) => {
  const queue = scope.queue();
  const ran = collect(scope, queue);
  await queue.upsertJobScheduler('s', { pattern: '0 0 3 1 1 *', immediately: true });
  await until('a run', () => ran.length === 1);
  await counts(queue, { delayed: 1 });
});

test('the template gives each job its options', async (scope) => {
  const queue = scope.queue();
  const events = await scope.events(queue.name);
  const exhausted = eventOf(events, 'retries-exhausted');
  scope.worker(queue.name, async () => Promise.reject(new Error('no')));
  const opts = { attempts: 2, backoff: 10, removeOnFail: 5, keepLogs: 9 };
  await queue.upsertJobScheduler('s', { every: HOUR_MS }, { name: 'n', data: { d: 1 }, opts });
  const [{ jobId, attemptsMade }] = await exhausted;
  assert.equal(attemptsMade, '2');
  const job = await state(queue, jobId, 'failed');
  assert.equal(job.opts.keepLogs, 9);
  assert.match(jobId, /^repeat:s:\d+$/);
});

test('several replicas that schedule and work make each run once', async (scope) => {
  const name = scope.name();
  const queues = range(3).map(() => scope.queue(name));
  await Promise.all(range(9).map((n) => queues[n % 3].upsertJobScheduler('s', { every: 100 }, { data: {} })));
  assert.equal(await queues[0].getJobSchedulersCount(), 1);
  const left = await queues[0].getJobCounts('wait', 'delayed');
  assert.equal(left.wait + left.delayed, 1);
  const ran = range(3).flatMap(() => [collect(scope, queues[0])]);
  await until('six runs', () => ran.flat().length >= 6);
  await queues[1].removeJobScheduler('s');
  const ids = ran.flat().map(({ job }) => job.id);
  assert.equal(new Set(ids).size, ids.length);
  const due = ids.map((id) => Number(id.split(':')[2])).sort((a, b) => a - b);
  assert.ok(due.every((at, i) => i === 0 || at - due[i - 1] >= 100), String(due));
});

test('a scheduler goes on when its job fails', async (scope) => {
  const queue = scope.queue();
  scope.worker(queue.name, async () => Promise.reject(new Error('no')));
  await queue.upsertJobScheduler('s', { every: 50 });
  await until('three failures', async () => (await queue.getFailedCount()) >= 3);
  await queue.removeJobScheduler('s');
});

test('schedulers hold while the queue is paused', async (scope) => {
  const queue = scope.queue();
  await queue.pause();
  await queue.upsertJobScheduler('s', { every: 50 });
  const ran = collect(scope, queue);
  await queue.resume();
  await until('a run', () => ran.length >= 2);
  await queue.removeJobScheduler('s');
});

if (variant.major === 5) {
  test('repeat jobs of the older kind run, are listed and removed', async (scope) => {
    const queue = scope.queue();
    const ran = collect(scope, queue);
    await queue.add('old', { a: 1 }, { repeat: { every: 100, limit: 3 } });
    const [listed] = await queue.getRepeatableJobs();
    assert.equal(listed.name, 'old');
    await until('three runs', () => ran.length === 3);
    assert.ok(ran.every(({ job }) => job.data.a === 1));
    await queue.add('cron', {}, { repeat: { pattern: '0 0 3 1 1 *' }, jobId: 'c' });
    assert.equal(await queue.removeRepeatable('cron', { pattern: '0 0 3 1 1 *' }, 'c'), true);
    const left = await queue.getRepeatableJobs();
    assert.ok(left.every(({ name }) => name !== 'cron'));
  });
}
