// SPDX-License-Identifier: MIT
/* Many servers: Sentinel with a failover in the middle of a load, and a cluster whose slots move and whose nodes die. */
import { check, equal, sleep, test, until } from '../daemon/lib/kit.mjs';
import { freePort } from '../support/port.mjs';
import { call, sound, startLoad } from './lib/drive.mjs';

/** The reply of one command on a connection of its own. */
async function tell(t, port, ...words) {
  const client = await t.connect(port);
  const reply = await client.call(...words);
  client.destroy();
  check(reply.type !== '-', `${words.join(' ')} on ${port}`, reply.text);
  return reply;
}

const info = async (t, port, section) => (await tell(t, port, 'INFO', section)).text;

/* ---------------------------------------------------------------- Sentinel */

async function startSentinel(t, masterPort) {
  const port = await freePort();
  const config = t.write('sentinel.conf', [
    `port ${port}`,
    'bind 127.0.0.1',
    `sentinel monitor jobs 127.0.0.1 ${masterPort} 1`,
    'sentinel down-after-milliseconds jobs 500',
    'sentinel failover-timeout jobs 3000',
    `dir ${t.folder}`,
    'requirepass watch',
    '',
  ].join('\n'));
  const program = t.start('redis-server', [config, '--sentinel']);
  await until('the Sentinel watches', () => program.stdout.includes('+monitor'));
  return port;
}

test('sentinel: the load goes on with the new master after the old one was killed', async (t) => {
  const master = await t.redis();
  const replica = await t.redis(['--replicaof', '127.0.0.1', master.port]);
  await until('the replica follows', async () => (await info(t, replica.port, 'replication')).includes('master_link_status:up'));
  const port = await startSentinel(t, master.port);
  const away = await freePort();
  const url = `redis+sentinel://127.0.0.1:${away},127.0.0.1:${port}/jobs?sentinel_password=watch`;
  await until('the Sentinel knows the replica', async () => {
    const client = await t.connect(port);
    await client.call('AUTH', 'watch');
    const { text, items } = await client.call('SENTINEL', 'REPLICAS', 'jobs');
    client.destroy();
    return (items ?? text ?? []).length > 0;
  });
  const load = startLoad(t, url, 16, { PATIENT: '1', TIMEOUT_MS: '60000', MAY_LOSE: '1' });
  await load.more(1000);
  await master.stop('SIGKILL');
  await load.more(1000);
  const sums = await load.end();
  equal(sums.mismatches, 0, sums.line);
  equal(sums.idle, 0, sums.line);
  equal(sums.failures, sums.uncertain, `only what was under way when the master died: ${sums.line}`);
  check((await info(t, replica.port, 'replication')).includes('role:master'), 'the replica is the master');
  check((await call(t, url.replace('/jobs', '/nope'), ['PING'])).said.includes("no master called 'nope'"), 'a name that is unknown');
});

/* ---------------------------------------------------------------- cluster */

async function startNode(t, i) {
  const node = await t.redis(['--cluster-enabled', 'yes', '--cluster-config-file', t.path(`nodes-${i}.conf`), '--cluster-node-timeout', '1000', '--cluster-replica-validity-factor', '0']);
  node.id = (await tell(t, node.port, 'CLUSTER', 'MYID')).text;
  return node;
}

/** Three masters with a third of the slots each, and a replica of the first. */
async function startCluster(t) {
  const nodes = [];
  for (let i = 0; i < 4; i++) nodes.push(await startNode(t, i));
  for (let i = 0; i < 3; i++) await tell(t, nodes[i].port, 'CLUSTER', 'ADDSLOTSRANGE', Math.floor((16384 * i) / 3), Math.floor((16384 * (i + 1)) / 3) - 1);
  for (let i = 1; i < 4; i++) await tell(t, nodes[i].port, 'CLUSTER', 'MEET', '127.0.0.1', nodes[0].port);
  const isWhole = async ({ port }) => {
    const text = (await tell(t, port, 'CLUSTER', 'INFO')).text;
    return text.includes('cluster_state:ok') && text.includes('cluster_known_nodes:4') && text.includes('cluster_size:3');
  };
  for (const node of nodes) await until('the nodes have met', () => isWhole(node));
  await tell(t, nodes[3].port, 'CLUSTER', 'REPLICATE', nodes[0].id);
  await until('the replica follows', async () => (await info(t, nodes[3].port, 'replication')).includes('master_link_status:up'));
  return nodes;
}

const urlOf = (nodes) => `redis+cluster://${nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')}`;

/** Moves one slot with its keys, as redis-cli does, while the load goes on. */
async function moveSlot(t, slot, from, to) {
  await tell(t, to.port, 'CLUSTER', 'SETSLOT', slot, 'IMPORTING', from.id);
  await tell(t, from.port, 'CLUSTER', 'SETSLOT', slot, 'MIGRATING', to.id);
  for (;;) {
    const keys = await tell(t, from.port, 'CLUSTER', 'GETKEYSINSLOT', slot, 10);
    if (keys.raw.toString().startsWith('*0')) break;
    for (const key of keys.raw.toString().split('\r\n').filter((_, i) => i >= 2 && i % 2 === 0 && _)) await tell(t, from.port, 'MIGRATE', '127.0.0.1', to.port, key, 0, 5000);
  }
  /* For a while keys that are not there yet are asked for at the new node. */
  await sleep(100);
  for (const node of [to, from]) await tell(t, node.port, 'CLUSTER', 'SETSLOT', slot, 'NODE', to.id);
}

const slotOf = async (t, port, key) => Number((await tell(t, port, 'CLUSTER', 'KEYSLOT', key)).raw.toString().slice(1));

test('cluster: calls and batches find their nodes, also while slots move', async (t) => {
  const nodes = await startCluster(t);
  const load = startLoad(t, urlOf(nodes.slice(0, 1)), 16, { PATIENT: '1', TIMEOUT_MS: '60000' });
  await load.more(2000);
  for (let i = 0; i < 4; i++) {
    const slot = await slotOf(t, nodes[0].port, `c:${i}`);
    const from = nodes.find((_, at) => at < 3 && slot >= Math.floor((16384 * at) / 3) && slot < Math.floor((16384 * (at + 1)) / 3));
    const to = nodes[(nodes.indexOf(from) + 1) % 3];
    await moveSlot(t, slot, from, to);
    await load.more(500);
  }
  const sums = await load.end();
  sound(sums);
  equal(sums.failures, 0, sums.line);
  const told = (await Promise.all(nodes.map(({ port }) => info(t, port, 'errorstats')))).join();
  check(told.includes('errorstat_ASK') && told.includes('errorstat_MOVED'), 'the nodes said ASK and MOVED', told);
});

test('cluster: a node that was killed is replaced by its replica', async (t) => {
  const nodes = await startCluster(t);
  const load = startLoad(t, urlOf(nodes.slice(0, 2)), 16, { PATIENT: '1', TIMEOUT_MS: '60000', MAY_LOSE: '1' });
  await load.more(2000);
  await nodes[0].stop('SIGKILL');
  await until('the replica takes over', async () => (await info(t, nodes[3].port, 'replication')).includes('role:master'));
  await load.more(2000);
  const sums = await load.end();
  equal(sums.mismatches, 0, sums.line);
  equal(sums.idle, 0, sums.line);
  equal(sums.failures, sums.uncertain, sums.line);
});

test('cluster: what it cannot do is told', async (t) => {
  const nodes = await startCluster(t);
  const { said } = await call(t, urlOf(nodes), ['MGET', 'a', 'b']);
  check(said.includes('CROSSSLOT'), 'keys of two slots', said);
  const { said: direct } = await call(t, `redis://127.0.0.1:${nodes[0].port}`, ['GET', 'a']);
  check(direct.startsWith('error CONFIG: ') && direct.includes('redis+cluster://'), 'a node that is taken for a single server', direct);
  equal((await call(t, urlOf(nodes), ['BZPOPMIN', 'a', '0.01'])).said, '');
});
