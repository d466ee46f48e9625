// SPDX-License-Identifier: MIT
/* The commands where the store is several servers: a cluster, and a master behind Sentinels. BullMQ looks at what they have done. */
import { check, equal, test, until } from '../daemon/lib/kit.mjs';
import { startCluster, startSentinels, urlOf } from '../client/lib/servers.mjs';
import { BULLS, Cluster, Node } from '../interop/lib/sides.mjs';
import { objects } from './lib/stores.mjs';

const PREFIX = '{bull}';
const WORK = 'test "$OXQ_JOB_NAME" != bad || { echo "no paper" >&2; exit 1; }; echo 7';

/** ok(...args): what the command prints. What one has done, the next ones see. */
async function everyCommand(t, node, ok, start) {
  const json = async (...args) => objects(await ok(...args, '--json'));
  const queue = node.queue('q');
  const [good, bad] = [await ok('add', 'q', 'good', '{"n": 1}'), await ok('add', 'q', 'bad', '{"n": 2}')];
  equal([(await queue.getJob(good)).data, await queue.getJobState(bad)], [{ n: 1 }, 'waiting']);
  const late = await ok('add', 'late', 'x', '{}', '--delay', '1h');
  t.write('jobs', Array.from({ length: 300 }, (_, n) => JSON.stringify({ name: 'many', data: { n } })).join('\n'));
  await ok('add', 'late', '--file', t.path('jobs'));

  equal((await json('queues')).map((one) => [one.queue, one.waiting, one.delayed]), [['late', 300, 1], ['q', 2, 0]]);
  equal((await json('top', '--once'))[0].queues.map((one) => [one.queue, one.waiting]), [['late', 300], ['q', 2]]);
  equal((await json('jobs', 'late', '--count', 500)).length, 301);
  equal((await json('job', 'q', good)).map((one) => [one.id, one.state]), [[good, 'waiting']]);

  await ok('dlq', 'policy', 'q', 'q-dead');
  await ok('pause', 'q');
  equal(await queue.isPaused(), true);
  await ok('resume', 'q');
  await ok('work', 'q', '--drain', '--exec', WORK);
  equal([await queue.getJobState(good), await queue.getJobState(bad)], ['completed', 'failed']);
  equal((await json('stats', 'q'))[0].counts.failed, 1);
  check((await ok('events', 'q', '--kind', 'failed')).includes('no paper'), 'events tell the error');
  const worker = start('work', 'q', '--name', 'ada', '--exec', 'true');
  await until('the worker is told', async () => (await json('workers', 'q')).some((one) => one.name === 'ada'));
  equal(await worker.stop(), 0);

  const [{ letter }] = await json('dlq', 'list', 'q');
  check((await ok('dlq', 'show', 'q', letter)).includes('no paper'), 'a letter tells the error');
  await ok('dlq', 'replay', 'q', letter);
  equal(await queue.getJobState(bad), 'waiting');
  await ok('work', 'q', '--drain', '--exec', WORK);
  await ok('retry', 'q', '--all');
  equal(await queue.getJobState(bad), 'waiting');
  await ok('dlq', 'discard', 'q', '--all', '--yes');
  await ok('promote', 'late', late);
  equal(await node.queue('late').getJobState(late), 'waiting');

  await ok('schedule', 'q', 'tick', '--every', '1h');
  equal((await json('schedulers', 'q')).map((one) => one.id), ['tick']);
  await ok('unschedule', 'q', 'tick');
  await ok('remove', 'q', bad);
  equal(await ok('clean', 'q', '--state', 'completed', '--older', 0), 'removed 1 job');
  equal((await queue.getJobCounts()).completed, 0);
  check((await ok('queues', '--prometheus')).includes('bullmq_job_count{queue="late", state="waiting"} 301'), 'counts for Prometheus');
  equal(await ok('clean', 'late', '--orphans'), 'removed 0 jobs');
  await ok('drain', 'late');
  equal(await node.queue('late').getWaitingCount(), 0);
  await ok('bench', '--jobs', 100);
  for (const name of ['late', 'q', 'q-dead']) await ok('obliterate', name, '--yes');
  equal(await json('queues'), []);
}

async function tryAll(t, url, connection) {
  const node = new Node(BULLS['BullMQ 6'], connection, PREFIX);
  const at = ['--url', url, '--prefix', PREFIX];
  const ok = async (...args) => {
    const done = await t.oxq([...args, ...at]);
    check(done.status === 0, `oxq ${args.join(' ')} ended with ${done.status}`, done.stdout + done.stderr);
    return done.stdout.trim();
  };
  try {
    await everyCommand(t, node, ok, (...args) => t.spawn([...args, ...at]));
  } finally {
    await node.close();
  }
}

test('every command on a cluster', async (t) => {
  const nodes = await startCluster(t, 0);
  const connection = new Cluster(nodes.map(({ port }) => ({ host: '127.0.0.1', port })), { redisOptions: { maxRetriesPerRequest: null } });
  connection.on('error', () => {});
  try {
    await tryAll(t, urlOf(nodes), connection);
  } finally {
    connection.disconnect();
  }
});

test('every command behind Sentinels', async (t) => {
  const { master, ports } = await startSentinels(t);
  await tryAll(t, `redis+sentinel://127.0.0.1:${ports[0]}/jobs?sentinel_password=watch`, { host: '127.0.0.1', port: master.port });
});
