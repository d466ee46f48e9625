// SPDX-License-Identifier: MIT
/*
 * Queues on several servers: a Redis Cluster of six nodes whose slots move and whose master is killed, and a master with Sentinels.
 *
 * What is promised when a master is killed. Redis answers before its replica has the change, so an acknowledgement alone promises nothing.
 * What was acknowledged before a WAIT that the replica answered is on the replica: such a job is finished, and one whose completion was
 * acknowledged before it never runs again. What was acknowledged after it may be gone, jobs and completions; a producer that gives its jobs ids
 * adds them again, which does nothing where they are still there. The worker goes on by itself.
 */
import { check, equal, test, until } from '../daemon/lib/kit.mjs';
import { firstOwner, hastenCluster, hastenSentinels, info, moveSlot, slotOf, startCluster, startSentinels, tell, urlOf } from '../client/lib/servers.mjs';
import { BULLS, Cluster, Node, running, startPeer, told } from './lib/sides.mjs';

const PREFIX = '{bull}';
/* Between two adds, so that there is a middle in which the master can be killed. */
const PACE_MS = 2;

const items = async (t, port, ...words) => (await tell(t, port, ...words)).items.map((item) => item.text);

/** How many jobs of a queue have completed, and that none failed. */
async function completed(t, port, queue) {
  equal(await items(t, port, 'ZRANGE', `${PREFIX}:${queue}:failed`, 0, -1), [], 'none failed');
  return items(t, port, 'ZRANGE', `${PREFIX}:${queue}:completed`, 0, -1);
}

const linesOf = (peer, word) => peer.stdout.slice(0, peer.stdout.lastIndexOf('\n') + 1).split('\n').filter((line) => line.startsWith(word));

/** Kills the master of a queue `q` under load; `jobs` are finished all the same. The header says what must hold. hasten(): it is missed soon. */
async function survivesFailover(t, { at, master, replica, hasten, jobs }) {
  const worker = await running(t, at, 'work', 'q', 8);
  await hasten();
  const feed = startPeer(t, at, 'feed', 'q', 1, jobs, PACE_MS);
  await until('some jobs were added, and some are done', () => linesOf(feed, 'j-').length >= jobs / 4 && linesOf(worker, 'completed ').length > 0);
  const acked = linesOf(feed, 'j-');
  const done = linesOf(worker, 'completed ');
  const client = await t.connect(master.port);
  await client.call('SET', `${PREFIX}:marker`, '1');
  equal(Number((await client.call('WAIT', 1, 20_000)).raw.toString().slice(1)), 1, 'the replica has what was acknowledged so far');
  await master.stop('SIGKILL');
  await until('the replica is the master', async () => (await info(t, replica.port, 'replication')).includes('role:master'));
  for (const id of acked) equal((await tell(t, replica.port, 'EXISTS', `${PREFIX}:q:${id}`)).raw.toString(), ':1\r\n', `${id} is there`);
  equal(await feed.ended, 0, 'the producer goes on');
  await told(t, at, 'feed', 'q', 1, jobs);
  await until('all jobs are completed', async () => (await completed(t, replica.port, 'q')).length === jobs, 60_000);
  equal(worker.status, undefined, 'the worker goes on');
  for (const line of done) equal(linesOf(worker, `${line}`).filter((found) => found === line).length, 1, `${line}, once`);
  check(done.length > 0 && acked.length < jobs, 'the master was killed in the middle', done.length, acked.length);
  equal(await worker.stop(), 0, 'the worker ends when told to');
}

test('sentinel: the worker goes on with the new master, and what the replica had is finished once', async (t) => {
  const { master, replica, ports } = await startSentinels(t, 3);
  const url = `redis+sentinel://${ports.map((port) => `127.0.0.1:${port}`).join(',')}/jobs?sentinel_password=watch`;
  await survivesFailover(t, { at: { url, env: { PREFIX } }, master, replica, hasten: () => hastenSentinels(t, ports), jobs: 1000 });
});

/* ---------------------------------------------------------------- cluster */

/** Each direction between C and BullMQ. */
async function meetsBullMQ(t, at, nodes) {
  const connection = new Cluster(nodes.slice(0, 3).map(({ port }) => ({ host: '127.0.0.1', port })), { redisOptions: { maxRetriesPerRequest: null } });
  connection.on('error', () => {});
  const node = new Node(BULLS['BullMQ 6'], connection, PREFIX);
  try {
    await running(t, at, 'work', 'to-c', 2);
    const jobs = await node.queue('to-c').addBulk([1, 2, 3].map((n) => ({ name: 'hello', data: { n } })));
    for (const { id, data } of jobs) equal(await told(t, at, 'wait', 'to-c', id), `completed {"by":"C","got":{"n":${data.n}}}`);
    node.worker('to-node', async ({ data }) => data.n + 1);
    equal(await told(t, at, 'wait', 'to-node', await told(t, at, 'add', 'to-node', 'hello', '{"n":4}')), 'completed 5');
  } finally {
    await node.close();
    connection.disconnect();
  }
}

/** Queues, a flow, a scheduler, a batch and events, while their slot moves to another node and back. */
async function worksWhileItMoves(t, at, slot, owner, other) {
  const jobs = 600;
  const events = await running(t, at, 'events', 'm');
  for (const [queue, threads] of [['m', 8], ['children', 2], ['parents', 1], ['beat', 1]]) await running(t, at, 'work', queue, threads);
  const feed = startPeer(t, at, 'feed', 'm', 1, jobs);
  const parents = [];
  await told(t, at, 'schedule', 'beat', 'tick', 50, 10);
  for (const [from, to] of [[owner, other], [other, owner]]) {
    parents.push(await told(t, at, 'flow', 'parents', 'children', 5));
    await moveSlot(t, slot, from, to);
    parents.push(await told(t, at, 'flow', 'parents', 'children', 5));
  }
  equal(await told(t, at, 'batch', 'm', 1, 300), '300');
  for (const id of parents) equal(await told(t, at, 'wait', 'parents', id), 'completed {"by":"C","got":{}}');
  equal(await feed.ended, 0, 'the producer goes on');
  await until('all jobs are completed', async () => (await completed(t, owner.port, 'm')).length === jobs + 300, 60_000);
  equal((await completed(t, owner.port, 'children')).length, 20, 'children');
  await until('the scheduler ran', async () => (await completed(t, owner.port, 'beat')).length === 10);
  await until('each end was heard', () => linesOf(events, 'completed ').length >= jobs + 300);
  equal(linesOf(events, 'completed ').length, jobs + 300, 'each end is heard once');
}

test('cluster: queues, flows, schedulers, batches and events, while their slot moves; with BullMQ; and when their master is killed', async (t) => {
  const nodes = await startCluster(t, 3);
  const at = { url: urlOf(nodes.slice(0, 3)), env: { PREFIX } };
  const slot = await slotOf(t, nodes[0].port, PREFIX);
  const owner = firstOwner(nodes, slot);
  const other = nodes[(nodes.indexOf(owner) + 1) % 3];
  await worksWhileItMoves(t, at, slot, owner, other);
  equal(await told(t, at, 'queues', 'm'), 'beat children m parents');
  await meetsBullMQ(t, at, nodes);
  await survivesFailover(t, { at, master: owner, replica: nodes[nodes.indexOf(owner) + 3], hasten: () => hastenCluster(t, nodes), jobs: 1000 });
});
