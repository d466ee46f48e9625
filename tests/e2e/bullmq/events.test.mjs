// SPDX-License-Identifier: MIT
// QueueEvents: every event in its order, going on after an id, events of one's own, and starting at the end.
import { assert, bull, counts, eventOf, state, test, until } from '../lib/bull.mjs';

const ALL = ['added', 'waiting', 'active', 'progress', 'completed', 'failed', 'delayed', 'drained', 'removed', 'paused', 'resumed',
  'waiting-children', 'retries-exhausted', 'duplicated', 'deduplicated', 'cleaned', 'stalled'];

/** Names of the events about one job (or none), in the order in which they came. */
function record(events) {
  const told = [];
  for (const name of ALL) {
    events.on(name, (args, id) => told.push({ name, args: id ? args : {}, id: id ?? args }));
  }
  return told;
}

const about = (told, jobId) => told.filter(({ args }) => args.jobId === jobId).map(({ name }) => name);

test('a job that completes: added, waiting, active, progress, completed', async (scope) => {
  const queue = scope.queue();
  const told = record(await scope.events(queue.name));
  scope.worker(queue.name, async (job) => {
    await job.updateProgress(1);
    return { ok: true };
  });
  const { id } = await queue.add('a', {});
  await until('completed', () => about(told, id).includes('completed'));
  assert.deepEqual(about(told, id), ['added', 'waiting', 'active', 'progress', 'completed']);
  const { args } = told.find(({ name }) => name === 'completed');
  assert.deepEqual(args, { jobId: id, returnvalue: { ok: true }, prev: 'active' });
  assert.equal(told.find(({ name }) => name === 'added').args.name, 'a');
  await until('drained', () => told.some(({ name }) => name === 'drained'));
});

test('a job that is delayed, retried and fails', async (scope) => {
  const queue = scope.queue();
  const told = record(await scope.events(queue.name));
  scope.worker(queue.name, async () => Promise.reject(new Error('no')));
  const { id } = await queue.add('a', {}, { delay: 20, attempts: 2, backoff: 20 });
  await until('the last failure', () => about(told, id).includes('failed'));
  assert.deepEqual(about(told, id), ['added', 'delayed', 'waiting', 'active', 'delayed', 'waiting', 'active', 'failed', 'retries-exhausted']);
  const first = told.find(({ name }) => name === 'delayed');
  assert.ok(Math.abs(Number(first.args.delay) - Date.now()) < 60_000);
});

test('event ids rise, and an id lets another listener go on after it', async (scope) => {
  const queue = scope.queue();
  const told = record(await scope.events(queue.name));
  const jobs = [];
  for (const name of ['a', 'b', 'c']) jobs.push(await queue.add(name, {}));
  await until('three waiting events', () => told.filter(({ name }) => name === 'waiting').length === 3);
  const ids = told.map(({ id }) => id);
  const order = (id) => id.split('-').map(Number);
  for (const [i, id] of ids.slice(1).entries()) {
    const [[ms, n], [beforeMs, before]] = [order(id), order(ids[i])];
    assert.ok(ms > beforeMs || (ms === beforeMs && n > before), `${ids[i]} then ${id}`);
  }
  const after = told.find(({ name, args }) => name === 'waiting' && args.jobId === jobs[1].id).id;
  const later = record(await scope.events(queue.name, { lastEventId: after }));
  await until('the third job again', () => about(later, jobs[2].id).length === 2);
  assert.deepEqual(later.map(({ args }) => args.jobId), [jobs[2].id, jobs[2].id]);
});

test('without an id only what comes later is told', async (scope) => {
  const queue = scope.queue();
  const before = await queue.add('before', {});
  const events = scope.watch(new bull.QueueEvents(queue.name, { connection: scope.connection() }));
  scope.defer(() => events.close());
  const told = record(events);
  await events.waitUntilReady();
  const redis = scope.redis();
  const name = `${Buffer.from(queue.name).toString('base64')}:qe`;
  await until('the listener to block', async () => {
    const lines = (await redis.client('LIST')).split('\n').filter((line) => line.includes(name));
    return lines.some((line) => /cmd=xread/.test(line) && /flags=\S*b/.test(line));
  });
  const after = await queue.add('after', {});
  await until('the new job', () => about(told, after.id).length === 2);
  assert.deepEqual(about(told, before.id), []);
});

test('several listeners are told the same', async (scope) => {
  const queue = scope.queue();
  const listeners = [record(await scope.events(queue.name)), record(await scope.events(queue.name))];
  scope.worker(queue.name, async () => {});
  const jobs = await queue.addBulk([{ name: 'a', data: {} }, { name: 'b', data: {} }]);
  await counts(queue, { completed: 2 });
  for (const told of listeners) {
    for (const { id } of jobs) await until('completed', () => about(told, id).includes('completed'));
  }
  const [shorter, longer] = listeners.sort((a, b) => a.length - b.length); // one may be an event behind
  assert.deepEqual(shorter, longer.slice(0, shorter.length));
});

test('pause, resume, clean, remove, duplicates and drain are told', async (scope) => {
  const queue = scope.queue();
  const told = record(await scope.events(queue.name));
  await queue.pause();
  await queue.resume();
  await queue.add('a', {}, { jobId: 'one' });
  await queue.add('a', {}, { jobId: 'one' });
  await queue.add('b', {}, { jobId: 'two', deduplication: { id: 'd' } });
  await queue.add('b', {}, { deduplication: { id: 'd' } });
  await queue.remove('one');
  await queue.clean(0, 10, 'wait');
  await until('cleaned', () => told.some(({ name }) => name === 'cleaned'));
  const names = told.map(({ name }) => name);
  for (const name of ['paused', 'resumed', 'duplicated', 'deduplicated', 'removed', 'cleaned']) assert.ok(names.includes(name), `${name} in ${names}`);
  assert.deepEqual(told.find(({ name }) => name === 'removed').args, { jobId: 'one', prev: 'wait' });
});

test('QueueEventsProducer publishes an event of one\'s own', async (scope) => {
  const queue = scope.queue();
  const producer = scope.watch(new bull.QueueEventsProducer(queue.name, { connection: scope.connection() }));
  scope.defer(() => producer.close());
  const events = await scope.events(queue.name);
  const told = eventOf(events, 'invoice-paid');
  await producer.publishEvent({ eventName: 'invoice-paid', number: '17', by: 'Zoë' });
  const [args, id] = await told;
  assert.deepEqual(args, { number: '17', by: 'Zoë' });
  assert.match(id, /^\d+-\d+$/);
});

test('a parent tells that it waits for its children', async (scope) => {
  const queue = scope.queue();
  const events = await scope.events(queue.name);
  const told = eventOf(events, 'waiting-children');
  const tree = await scope.flow().add({ name: 'p', queueName: queue.name, children: [{ name: 'c', queueName: queue.name }] });
  assert.equal((await told)[0].jobId, tree.job.id);
  scope.worker(queue.name, async () => {});
  await state(queue, tree.job.id, 'completed');
});

test('autorun: false listens from run on', async (scope) => {
  const queue = scope.queue();
  const events = scope.watch(new bull.QueueEvents(queue.name, { connection: scope.connection(), autorun: false, lastEventId: '0' }));
  scope.defer(() => events.close());
  const told = record(events);
  const { id } = await queue.add('a', {});
  events.run();
  await until('waiting', () => about(told, id).includes('waiting'));
});
