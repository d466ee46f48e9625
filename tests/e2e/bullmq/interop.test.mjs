// SPDX-License-Identifier: MIT
// BullMQ 5 and 6 share one queue: what one adds the other runs, and both read it.
import * as five from 'bullmq5';
import * as six from 'bullmq';
import { assert, test, until, URL } from '../lib/kit.mjs';

const connection = { url: URL };

for (const [title, producer, consumer] of [['5 adds, 6 runs', five, six], ['6 adds, 5 runs', six, five]]) {
  test(title, async (scope) => {
    const name = scope.label;
    const open = (object) => {
      scope.watch(object);
      scope.defer(() => object.close(true));
      return object;
    };
    const queue = open(new producer.Queue(name, { connection }));
    const reader = open(new consumer.Queue(name, { connection }));
    const events = open(new producer.QueueEvents(name, { connection, lastEventId: '0' }));
    const handler = async (job) => {
      await job.updateProgress(50);
      if (job.data.failures > job.attemptsMade) throw new Error('again');
      return { got: job.data };
    };
    const opts = { attempts: 3, backoff: { type: 'exponential', delay: 10 }, removeOnComplete: 100, keepLogs: 5 };
    const plain = await queue.add('plain', { text: 'ü', failures: 2 }, opts);
    const bulk = await queue.addBulk([{ name: 'p', data: {}, opts: { priority: 3 } }, { name: 'd', data: {}, opts: { delay: 50 } }]);
    const flow = open(new producer.FlowProducer({ connection }));
    const tree = await flow.add({ name: 'parent', queueName: name, data: {}, children: [{ name: 'child', queueName: name, data: { n: 1 } }] });
    open(new consumer.Worker(name, handler, { connection, concurrency: 3 }));
    assert.deepEqual(await plain.waitUntilFinished(events), { got: { text: 'ü', failures: 2 } });
    for (const job of [...bulk, tree.job]) await job.waitUntilFinished(events);
    const seen = await reader.getJob(plain.id);
    assert.deepEqual([seen.attemptsMade, seen.progress, seen.opts.backoff.type], [3, 50, 'exponential']);
    assert.deepEqual(Object.values(await (await queue.getJob(tree.job.id)).getChildrenValues()), [{ got: { n: 1 } }]);
    await until('both to count the same', async () => {
      const [left, right] = await Promise.all([queue, reader].map((each) => each.getJobCounts('completed', 'failed', 'active')));
      return left.completed === 5 && JSON.stringify(left) === JSON.stringify(right);
    });
  });
}
