// SPDX-License-Identifier: MIT
/*
 * Several servers that belong together: a master with its replica and Sentinels, a cluster. On the kit of tests/daemon.
 *
 * On a machine that is busy for a moment nobody is taken for dead. A test that kills one makes the others hasty first.
 */
import { check, sleep, until } from '../../daemon/lib/kit.mjs';
import { freePort } from '../../support/port.mjs';

const PATIENT_MS = 30_000;
const HASTY_MS = 1000;
const WATCH = 'watch';
/* A master waits five seconds for more replicas before it sends the first one what it has. */
const AT_ONCE = ['--repl-diskless-sync-delay', '0'];

/* A Sentinel wants its password. */
async function askAs(t, port, password, words) {
  const client = await t.connect(port);
  if (password) await client.call('AUTH', password);
  const reply = await client.call(...words);
  client.destroy();
  return reply;
}

/** The reply of one command on a connection of its own. */
export async function tell(t, port, ...words) {
  const reply = await askAs(t, port, null, words);
  check(reply.type !== '-', `${words.join(' ')} on ${port}`, reply.text);
  return reply;
}

export const info = async (t, port, section) => (await tell(t, port, 'INFO', section)).text;

/* ---------------------------------------------------------------- Sentinel */

/** One that watches a master as jobs; its port. */
export async function startSentinel(t, masterPort, quorum) {
  const port = await freePort();
  const config = t.write(`sentinel-${port}.conf`, [
    `port ${port}`,
    'bind 127.0.0.1',
    `sentinel monitor jobs 127.0.0.1 ${masterPort} ${quorum}`,
    `sentinel down-after-milliseconds jobs ${PATIENT_MS}`,
    'sentinel failover-timeout jobs 3000',
    `dir ${t.folder}`,
    `requirepass ${WATCH}`,
    `sentinel sentinel-pass ${WATCH}`,
    '',
  ].join('\n'));
  const program = t.start('redis-server', [config, '--sentinel']);
  await until('the Sentinel watches', () => program.stdout.includes('+monitor'));
  return port;
}

/** How many others of a kind (REPLICAS, SENTINELS) a Sentinel knows. */
async function knownTo(t, port, kind) {
  const { items } = await askAs(t, port, WATCH, ['SENTINEL', kind, 'jobs']);
  return (items ?? []).length;
}

/** A master called jobs, its replica, and Sentinels (their password is watch) that know them and each other. */
export async function startSentinels(t, count = 1) {
  const master = await t.redis(AT_ONCE);
  const replica = await t.redis([...AT_ONCE, '--replicaof', '127.0.0.1', master.port]);
  await until('the replica follows', async () => (await info(t, replica.port, 'replication')).includes('master_link_status:up'));
  const ports = [];
  for (let i = 0; i < count; i++) ports.push(await startSentinel(t, master.port, Math.floor(count / 2) + 1));
  for (const port of ports) {
    await until('the Sentinel knows the replica', async () => (await knownTo(t, port, 'REPLICAS')) === 1);
    await until('the Sentinel knows the others', async () => (await knownTo(t, port, 'SENTINELS')) === count - 1);
  }
  return { master, replica, ports };
}

export async function hastenSentinels(t, ports) {
  for (const port of ports) await askAs(t, port, WATCH, ['SENTINEL', 'SET', 'jobs', 'down-after-milliseconds', HASTY_MS]);
}

/* ---------------------------------------------------------------- cluster */

/* Its second port is given too: Redis's own choice, 10,000 further, is among the ports of connections that go out. */
async function startNode(t, i) {
  const bus = await freePort();
  const flags = ['--cluster-port', bus, '--cluster-config-file', t.path(`nodes-${i}.conf`), '--cluster-node-timeout', HASTY_MS, '--cluster-replica-validity-factor', '0'];
  const node = await t.redis(['--cluster-enabled', 'yes', ...AT_ONCE, ...flags]);
  node.bus = bus;
  node.id = (await tell(t, node.port, 'CLUSTER', 'MYID')).text;
  return node;
}

const setTimeouts = async (t, nodes, ms) => {
  for (const { port } of nodes) await tell(t, port, 'CONFIG', 'SET', 'cluster-node-timeout', ms);
};

export const hastenCluster = (t, nodes) => setTimeouts(t, nodes, HASTY_MS);

const MASTERS = 3;
const SLOTS = 16384;
const firstSlot = (i) => Math.floor((SLOTS * i) / MASTERS);

/** Three masters with a third of the slots each; node 3 is a replica of node 0, and so on. */
export async function startCluster(t, replicas = 1) {
  const nodes = [];
  const count = MASTERS + replicas;
  for (let i = 0; i < count; i++) nodes.push(await startNode(t, i));
  for (let i = 0; i < MASTERS; i++) await tell(t, nodes[i].port, 'CLUSTER', 'ADDSLOTSRANGE', firstSlot(i), firstSlot(i + 1) - 1);
  for (let i = 1; i < count; i++) await tell(t, nodes[i].port, 'CLUSTER', 'MEET', '127.0.0.1', nodes[0].port, nodes[0].bus);
  const isWhole = async ({ port }) => {
    const text = (await tell(t, port, 'CLUSTER', 'INFO')).text;
    return text.includes('cluster_state:ok') && text.includes(`cluster_known_nodes:${count}`) && text.includes(`cluster_size:${MASTERS}`);
  };
  for (const node of nodes) await until('the nodes have met', () => isWhole(node));
  for (let i = MASTERS; i < count; i++) await tell(t, nodes[i].port, 'CLUSTER', 'REPLICATE', nodes[i - MASTERS].id);
  for (let i = MASTERS; i < count; i++) await until('the replica follows', async () => (await info(t, nodes[i].port, 'replication')).includes('master_link_status:up'));
  await setTimeouts(t, nodes, PATIENT_MS);
  return nodes;
}

export const urlOf = (nodes) => `redis+cluster://${nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')}`;

export const slotOf = async (t, port, key) => Number((await tell(t, port, 'CLUSTER', 'KEYSLOT', key)).raw.toString().slice(1));

/** Who got a slot of a cluster that was just started. */
export const firstOwner = (nodes, slot) => nodes.find((_, i) => i < MASTERS && slot >= firstSlot(i) && slot < firstSlot(i + 1));

/** Moves one slot with its keys, as redis-cli does, while the load goes on. */
export async function moveSlot(t, slot, from, to) {
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
