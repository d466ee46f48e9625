// SPDX-License-Identifier: MIT
/*
 * Clients that block for elements while others add them, and the server is killed between the block, the wake and the answer. An element whose
 * add was acknowledged is there, or somebody has popped it; who was told of one has it alone and for good. Of each connection that a kill ends,
 * one answer may be lost with the element that it told of, but not where the element was moved to another list.
 */
import { Client } from '../protocol/lib/client.mjs';
import { rng } from '../support/history.mjs';
import { sleep, Victim } from '../support/victim.mjs';
import { killAgainAndAgain } from './lib/killer.mjs';

const TAKERS = 3;
const TOGETHER = 8;
const REPLY_MS = 60_000;
/* Each way to add has its own key. Seconds to block: shorter than the time between kills, so that many blocks end without an element. */
const WAYS = [
  { key: 'list', add: (id) => ['RPUSH', 'list', id], take: ['BLPOP', 'nothing', 'list', '0.2'], id: (reply) => reply.items?.[1].text, rest: ['LRANGE', 'list', '0', '-1'] },
  { key: 'ranks', add: (id) => ['ZADD', 'ranks', id, id], take: ['BZPOPMIN', 'ranks', '0.2'], id: (reply) => reply.items?.[1].text, rest: ['ZRANGE', 'ranks', '0', '-1'] },
  {
    key: 'from', add: (id) => ['EVAL', "return redis.call('LPUSH', KEYS[1], ARGV[1])", '1', 'from', id], take: ['BLMOVE', 'from', 'to', 'RIGHT', 'LEFT', '0.2'],
    id: (reply) => (reply.type === '$' ? reply.text : undefined), rest: ['LRANGE', 'from', '0', '-1'], moved: ['LRANGE', 'to', '0', '-1'],
  },
];

/** Does something with a connection again and again; it ends with the server's, or returns when it is stopped. */
async function stay(load, converse) {
  while (!load.isStopped) {
    const client = await Client.open(load.port).catch(() => null);
    if (client) await converse(client);
    client?.destroy();
    if (!load.isStopped) await sleep(5);
  }
}

/* False: the connection is of no more use. */
function isAnswer(load, reply) {
  if (reply.type === 'silent' || (reply.type === '-' && !reply.text.startsWith('LOADING'))) load.faults.push(`an answer: ${reply.text || reply.raw}`);
  return reply.type !== '-' && reply.type !== 'closed' && reply.type !== 'silent';
}

async function addTo(load, way) {
  let next = 1;
  await stay(load, async (client) => {
    while (!load.isStopped) {
      const ids = Array.from({ length: TOGETHER }, () => String(next++));
      for (const id of ids) client.send(way.add(id));
      for (const id of ids) {
        if (!isAnswer(load, await client.read(REPLY_MS))) return;
        load.acked[way.key].add(id);
      }
      await sleep(2); /* so that the takers block */
    }
  });
}

async function takeFrom(load, way) {
  await stay(load, async (client) => {
    while (!load.isStopped) {
      client.send(way.take);
      const reply = await client.read(REPLY_MS);
      if (!isAnswer(load, reply)) return;
      const id = way.id(reply);
      if (id === undefined) continue;
      if (load.told[way.key].has(id)) load.faults.push(`${way.key}: ${id} was given twice`);
      load.told[way.key].add(id);
    }
  });
}

const idsOf = async (client, request) => (await client.call(...request)).items.map((item) => item.text);

async function faultsOf(load, way, client, starts) {
  const [acked, told] = [load.acked[way.key], load.told[way.key]];
  const here = await idsOf(client, way.rest);
  const moved = way.moved ? await idsOf(client, way.moved) : [];
  const all = new Set([...here, ...moved]);
  const faults = [];
  const complain = (ids, text) => ids.length > 0 && faults.push(`${way.key}: ${ids.length} ${text}: ${ids.slice(0, 5).join(' ')}`);
  if (all.size < here.length + moved.length) faults.push(`${way.key}: an element is there twice`);
  complain(here.filter((id) => told.has(id)), 'were given and are there again');
  if (way.moved) complain([...told].filter((id) => !all.has(id)), 'were moved, and are gone');
  const gone = [...acked].filter((id) => !all.has(id) && !told.has(id));
  if (way.moved || gone.length > TAKERS * starts) complain(gone, 'were acknowledged, and are gone');
  return faults;
}

/** @returns { name, faults, note } */
export async function run({ kind, folder, seed, kills, killsWanted, between }) {
  const victim = await Victim.make({ kind, dir: `${folder}/pops`, log: `${folder}/pops.log` });
  await victim.start();
  const sets = () => Object.fromEntries(WAYS.map((way) => [way.key, new Set()]));
  const load = { port: victim.port, isStopped: false, acked: sets(), told: sets(), faults: [] };
  const running = WAYS.flatMap((way) => [addTo(load, way), ...Array.from({ length: TAKERS }, () => takeFrom(load, way))]);
  try {
    await killAgainAndAgain(victim, { random: rng(seed), kills: killsWanted ?? kills, between });
    await sleep(200);
    load.isStopped = true;
    await Promise.all(running);
    const client = await Client.open(victim.port);
    for (const way of WAYS) load.faults.push(...(await faultsOf(load, way, client, victim.starts)));
    client.destroy();
  } finally {
    load.isStopped = true;
    await victim.kill();
  }
  const unsound = victim.faultOfFolder();
  if (unsound) load.faults.push(unsound);
  const count = (all) => Object.values(all).reduce((sum, ids) => sum + ids.size, 0);
  return { name: 'blocked clients', faults: load.faults.slice(0, 20), note: `${count(load.acked)} added, ${count(load.told)} given, ${victim.starts} starts` };
}
