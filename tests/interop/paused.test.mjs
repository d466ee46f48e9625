// SPDX-License-Identifier: MIT
/*
 * BullMQ 5 keeps the jobs of a paused queue in a list `paused`, and when it resumes the queue it renames that list to `wait`, whatever is there.
 * No job is lost or unseen when it shares a paused queue with us.
 */
import { check, equal, test } from '../daemon/lib/kit.mjs';
import { BULLS, Node, STORES } from './lib/sides.mjs';

const objects = (text) => text.split('\n').filter((line) => line).map((line) => JSON.parse(line));

/** A test with a queue `q` of BullMQ 5; ok(...args) is what a command prints. */
function besideBullMQ5(name, body) {
  for (const [where, open] of Object.entries(STORES)) {
    test(`a paused queue of BullMQ 5: ${name}: ${where}`, async (t) => {
      const { url, connection } = await open(t);
      const node = new Node(BULLS['BullMQ 5'], connection);
      const ok = async (...args) => {
        const done = await t.oxq([...args, '--url', url]);
        check(done.status === 0, `oxq ${args.join(' ')} ended with ${done.status}`, done.stdout + done.stderr);
        return done.stdout.trim();
      };
      try {
        await body(node.queue('q'), ok);
      } finally {
        await node.close();
      }
    });
  }
}

const ids = async (queue) => (await queue.getJobs(['waiting', 'paused'], 0, -1, true)).map((job) => job.id);
const addTwo = async (queue) => [(await queue.add('x', {})).id, (await queue.add('x', {})).id];

besideBullMQ5('its jobs are seen, and those of both are there when it resumes', async (queue, ok) => {
  const before = await addTwo(queue);
  await queue.pause();
  const all = [...before, ...(await addTwo(queue)), await ok('add', 'q', 'x', '{}'), await ok('add', 'q', 'x', '{}', '--lifo'), (await queue.add('x', {})).id];
  equal(objects(await ok('queues', '--json')).map((one) => [one.waiting, one.paused]), [[7, true]]);
  equal(objects(await ok('jobs', 'q', '--state', 'waiting', '--json')).map((job) => job.id).sort(), [...all].sort());
  equal(objects(await ok('job', 'q', before[0], '--json'))[0].state, 'waiting');
  await queue.resume();
  const order = [all[5], ...before, all[2], all[3], all[4], all[6]];
  equal(await ids(queue), order, 'in the order in which they are taken');
  await ok('work', 'q', '--drain', '--quiet', '--exec', 'true');
  equal(await queue.getCompletedCount(), 7);
});

besideBullMQ5('we pause, and both resume', async (queue, ok) => {
  const all = await addTwo(queue);
  for (const resume of [() => queue.resume(), () => ok('resume', 'q')]) {
    await ok('pause', 'q');
    all.push(await ok('add', 'q', 'x', '{}'), ...(await addTwo(queue)));
    await ok('pause', 'q');
    equal(await ids(queue), all);
    await resume();
    equal([await ids(queue), await queue.getWaitingCount(), await queue.isPaused()], [all, all.length, false]);
  }
});

besideBullMQ5('many jobs come back, in their order', async (queue, ok) => {
  const jobs = await queue.addBulk(Array.from({ length: 5100 }, () => ({ name: 'x', data: {} })));
  await queue.pause();
  await ok('resume', 'q');
  equal(await ids(queue), jobs.map((job) => job.id));
  equal(objects(await ok('events', 'q', '--kind', 'resumed', '--json')).length, 1);
});

besideBullMQ5('jobs come back to it and go from it', async (queue, ok) => {
  const failed = await ok('add', 'q', 'bad', '{}');
  await ok('work', 'q', '--drain', '--quiet', '--exec', 'exit 1');
  await queue.pause();
  const [first, second] = await addTwo(queue);
  const late = await ok('add', 'q', 'x', '{}', '--delay', '1h');
  await ok('promote', 'q', late);
  await ok('retry', 'q', failed);
  equal(await ids(queue), [first, second, late, failed]);
  await ok('remove', 'q', second);
  equal(await ok('clean', 'q', '--state', 'waiting', '--older', '0', '--limit', '1'), 'removed 1 job');
  equal(await ids(queue), [late, failed]);
  await queue.resume();
  equal(await ids(queue), [late, failed]);
  await queue.pause();
  await ok('drain', 'q');
  equal(await ids(queue), []);
  await addTwo(queue);
  await ok('obliterate', 'q', '--yes');
  equal([await ids(queue), await queue.isPaused()], [[], false]);
});
