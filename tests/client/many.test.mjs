// SPDX-License-Identifier: MIT
/* Many servers: Sentinel with a failover in the middle of a load, and a cluster whose slots move and whose nodes die. */
import { check, equal, test, until } from '../daemon/lib/kit.mjs';
import { freePort } from '../support/port.mjs';
import { call, sound, startLoad } from './lib/drive.mjs';
import { firstOwner, hastenCluster, hastenSentinels, info, moveSlot, slotOf, startCluster, startSentinels, urlOf } from './lib/servers.mjs';

test('sentinel: the load goes on with the new master after the old one was killed', async (t) => {
  const { master, replica, ports } = await startSentinels(t);
  const away = await freePort();
  const url = `redis+sentinel://127.0.0.1:${away},127.0.0.1:${ports[0]}/jobs?sentinel_password=watch`;
  const load = startLoad(t, url, 16, { PATIENT: '1', TIMEOUT_MS: '60000', MAY_LOSE: '1' });
  await load.more(1000);
  await hastenSentinels(t, ports);
  await master.stop('SIGKILL');
  await load.more(1000);
  const sums = await load.end();
  equal(sums.mismatches, 0, sums.line);
  equal(sums.idle, 0, sums.line);
  equal(sums.failures, sums.uncertain, `only what was under way when the master died: ${sums.line}`);
  check((await info(t, replica.port, 'replication')).includes('role:master'), 'the replica is the master');
  check((await call(t, url.replace('/jobs', '/nope'), ['PING'])).said.includes("no master called 'nope'"), 'a name that is unknown');
});

test('cluster: calls and batches find their nodes, also while slots move, and what a cluster cannot do is told', async (t) => {
  const nodes = await startCluster(t);
  const load = startLoad(t, urlOf(nodes.slice(0, 1)), 16, { PATIENT: '1', TIMEOUT_MS: '60000' });
  await load.more(2000);
  for (let i = 0; i < 4; i++) {
    const slot = await slotOf(t, nodes[0].port, `c:${i}`);
    const from = firstOwner(nodes, slot);
    const to = nodes[(nodes.indexOf(from) + 1) % 3];
    await moveSlot(t, slot, from, to);
    await load.more(500);
  }
  const sums = await load.end();
  sound(sums);
  equal(sums.failures, 0, sums.line);
  const told = (await Promise.all(nodes.map(({ port }) => info(t, port, 'errorstats')))).join();
  check(told.includes('errorstat_ASK') && told.includes('errorstat_MOVED'), 'the nodes said ASK and MOVED', told);

  const { said } = await call(t, urlOf(nodes), ['MGET', 'a', 'b']);
  check(said.includes('CROSSSLOT'), 'keys of two slots', said);
  const { said: direct } = await call(t, `redis://127.0.0.1:${nodes[0].port}`, ['GET', 'a']);
  check(direct.startsWith('error CONFIG: ') && direct.includes('redis+cluster://'), 'a node that is taken for a single server', direct);
  equal((await call(t, urlOf(nodes), ['BZPOPMIN', 'a', '0.01'])).said, '');
});

test('cluster: a node that was killed is replaced by its replica', async (t) => {
  const nodes = await startCluster(t);
  const load = startLoad(t, urlOf(nodes.slice(0, 2)), 16, { PATIENT: '1', TIMEOUT_MS: '60000', MAY_LOSE: '1' });
  await load.more(2000);
  await hastenCluster(t, nodes);
  await nodes[0].stop('SIGKILL');
  await until('the replica takes over', async () => (await info(t, nodes[3].port, 'replication')).includes('role:master'));
  await load.more(2000);
  const sums = await load.end();
  equal(sums.mismatches, 0, sums.line);
  equal(sums.idle, 0, sums.line);
  equal(sums.failures, sums.uncertain, sums.line);
});

/* Its system keeps its connections open and takes what is sent. */
const stopped = { PATIENT: '1', TIMEOUT_MS: '2000', SILENCE_MS: '1000', MAY_LOSE: '1' };

test('sentinel: a master that stopped without ending is left for the new one', async (t) => {
  const { master, replica, ports } = await startSentinels(t);
  const load = startLoad(t, `redis+sentinel://127.0.0.1:${ports[0]}/jobs?sentinel_password=watch`, 16, stopped);
  await load.more(1000);
  await hastenSentinels(t, ports);
  master.kill('SIGSTOP');
  await until('the replica takes over', async () => (await info(t, replica.port, 'replication')).includes('role:master'));
  await load.more(1000);
  const sums = await load.end();
  equal(sums.mismatches, 0, sums.line);
  equal(sums.idle, 0, sums.line);
});

test('cluster: a node that stopped without ending is left for its replica', async (t) => {
  const nodes = await startCluster(t);
  const load = startLoad(t, urlOf(nodes.slice(0, 2)), 16, stopped);
  await load.more(2000);
  await hastenCluster(t, nodes);
  nodes[0].kill('SIGSTOP');
  await until('the replica takes over', async () => (await info(t, nodes[3].port, 'replication')).includes('role:master'));
  await load.more(2000);
  const sums = await load.end();
  equal(sums.mismatches, 0, sums.line);
  equal(sums.idle, 0, sums.line);
});
