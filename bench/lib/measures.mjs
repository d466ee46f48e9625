// SPDX-License-Identifier: MIT
/*
 * What is measured. A measure prepares a server, runs one load on it, checks what the load left behind, and returns a
 * sample for each of its rows. main.mjs runs it on both servers in turn, several times.
 *
 * A row of rates has samples { per_second, cpu_us [, p50_us, p99_us] }: more per second is better, and cpu_us is what the
 * server's process spent on one operation. A row of costs has samples { value }: less is better.
 */
import path from 'node:path';
import { connect, Queue, ROOT } from './clients.mjs';
import { expect, sample, send } from './load.mjs';
import { residentBytes, runLoad } from './machine.mjs';
import { keyOf, writeRequests } from './requests.mjs';

const NODE_LOAD = path.join(ROOT, 'bench/lib/node_load.mjs');

export const FULL = { jobs: 40_000, commands: 200_000, waits: 20_000, memory: 100_000, many: 1_000_000, node: 6000 };
export const QUICK = { jobs: 200, commands: 1000, waits: 200, memory: 500, many: 4000, node: 100 };

/** The measures, and the files of requests they need; `recorded` are BullMQ's calls, for small jobs and large. */
export async function makeMeasures(recorded, file, sizes) {
  return [
    ...(await bullmqMeasures(recorded, file, sizes)),
    ...(await commandMeasures(file, sizes)),
    ...nodeMeasures(sizes),
  ];
}

/* ---------------------------------------------------------------- BullMQ's scripts */

async function bullmqMeasures({ small, large }, file, sizes) {
  const files = {
    small: await writeRequests(file('add'), small.adds.length, (i) => small.adds[i]),
    large: await writeRequests(file('add-1k'), large.adds.length, (i) => large.adds[i]),
    fetch: await writeRequests(file('fetch'), 1, () => small.fetch),
    finish: await writeRequests(file('finish'), sizes.jobs - 1, small.finish),
  };
  const loadScripts = async (server) => {
    await server.admin.flushall();
    for (const script of small.scripts) await server.admin.script('LOAD', script);
    return server;
  };
  return [
    jobMeasure(loadScripts, files, sizes.jobs),
    memoryMeasure(loadScripts, files.small, sizes.memory, 'small', 'small job'),
    memoryMeasure(loadScripts, files.large, sizes.memory, 'large', 'job with 1 KB of data'),
    manyMeasure(loadScripts, files.small, sizes.many),
  ];
}

function jobMeasure(loadScripts, files, jobs) {
  return {
    name: 'scripts',
    rows: [
      { id: 'add', title: 'BullMQ add (`addStandardJob`)', unit: 'jobs/s' },
      { id: 'finish', title: 'BullMQ finish and fetch (`moveToFinished`)', unit: 'jobs/s' },
    ],
    async run(server) {
      await loadScripts(server);
      const add = await sample(server, jobs, () => send(server, files.small, { count: jobs, firstId: 1 }));
      await expect(server, ['LLEN', keyOf('wait')], jobs);
      await send(server, files.fetch, { count: 1, firstId: 1 });
      const finish = await sample(server, jobs - 1, () => send(server, files.finish, { count: jobs - 1, firstId: 2 }));
      await expect(server, ['LLEN', keyOf('wait')], 0);
      await expect(server, ['LLEN', keyOf('active')], 1);
      await expect(server, ['ZCARD', keyOf('completed')], jobs - 1);
      return { add, finish };
    },
  };
}

async function usedMemory(server) {
  return Number(/^used_memory:(\d+)/m.exec(await server.admin.info('memory'))[1]);
}

/* From `from` jobs to `to` of them, so that neither the server's own memory nor the events (some 10,000 are kept) count. */
function memoryMeasure(loadScripts, adds, jobs, id, what) {
  const from = Math.ceil(jobs / 5);
  return {
    name: `memory-${id}`,
    isFresh: true,
    roundsMax: 3,
    rows: [
      { id: `used-${id}`, title: `Memory of a waiting ${what} (\`used_memory\`)`, unit: 'bytes', isCost: true },
      { id: `rss-${id}`, title: `Memory of a waiting ${what} (resident)`, unit: 'bytes', isCost: true },
    ],
    async run(server) {
      await loadScripts(server);
      await send(server, adds, { count: from, firstId: 1 });
      const before = { used: await usedMemory(server), rss: residentBytes(server.pid) };
      await send(server, adds, { count: jobs, firstId: from + 1 });
      await expect(server, ['LLEN', keyOf('wait')], from + jobs);
      const used = ((await usedMemory(server)) - before.used) / jobs;
      const rss = (residentBytes(server.pid) - before.rss) / jobs;
      return { [`used-${id}`]: { value: used }, [`rss-${id}`]: { value: rss } };
    },
  };
}

/* Adds `many` jobs, and compares what an add costs among the first of them and among the last. */
function manyMeasure(loadScripts, adds, many) {
  const window = Math.min(20_000, many / 4);
  const first = Math.min(1000, many / 4);
  return {
    name: 'many',
    isFresh: true,
    roundsMax: 2,
    rows: [
      { id: 'many-first', title: `Add when ${first.toLocaleString('en')} jobs wait`, unit: 'jobs/s' },
      { id: 'many-last', title: `Add when ${many.toLocaleString('en')} jobs wait`, unit: 'jobs/s' },
      { id: 'many-used', title: `Memory of each of ${many.toLocaleString('en')} waiting jobs (\`used_memory\`)`, unit: 'bytes', isCost: true },
      { id: 'many-rss', title: `Memory of each of ${many.toLocaleString('en')} waiting jobs (resident)`, unit: 'bytes', isCost: true },
    ],
    async run(server) {
      await loadScripts(server);
      const before = { used: await usedMemory(server), rss: residentBytes(server.pid) };
      const add = (count, firstId) => send(server, adds, { count, firstId });
      await add(first, 1);
      const atFirst = await sample(server, window, () => add(window, first + 1));
      await add(many - first - 2 * window, first + window + 1);
      const atLast = await sample(server, window, () => add(window, many - window + 1));
      await expect(server, ['LLEN', keyOf('wait')], many);
      const used = ((await usedMemory(server)) - before.used) / many;
      const rss = (residentBytes(server.pid) - before.rss) / many;
      return { 'many-first': atFirst, 'many-last': atLast, 'many-used': { value: used }, 'many-rss': { value: rss } };
    },
  };
}

/* ---------------------------------------------------------------- plain commands */

const KEYS = 100_000;
const FIELDS = 10;
const VALUE = 'x'.repeat(64);

/* A number below `limit` for each i, far from its neighbours' and the same in each run. */
const scatter = (i, limit) => Math.floor(((Math.imul(i, 0x9e3779b1) >>> 0) / 2 ** 32) * limit);

async function commandMeasures(file, { commands, waits }) {
  const keys = Math.min(KEYS, commands);
  const write = (name, count, each) => writeRequests(file(name), count, each);
  const set = await write('set', keys, (i) => ['SET', `key:${scatter(i, keys)}`, VALUE]);
  const fill = await write('fill', keys, (i) => ['SET', `key:${i}`, VALUE]);
  const get = await write('get', keys, (i) => ['GET', `key:${scatter(i, keys)}`]);
  const lpush = await write('lpush', keys, (i) => ['LPUSH', 'list', i]);
  const rotate = await write('rpoplpush', 1, () => ['RPOPLPUSH', 'list', 'other']);
  const zadd = await write('zadd', commands, (i) => ['ZADD', 'zset', scatter(i, 1e9), `member:${i}`]);
  const hset = await write('hset', keys, (i) => ['HSET', `job:${scatter(i, keys / FIELDS)}`, `field${i % FIELDS}`, `value ${i}`]);

  const ok = '+OK\r\n';
  const value = `$${VALUE.length}\r\n${VALUE}\r\n`;
  const filled = (server) => send(server, fill, { count: keys, reply: ok });
  const row = (id, title, requests, rest) => commandMeasure(id, title, requests, { count: commands, ...rest });
  return [
    row('set', 'SET', set, { reply: ok }),
    row('get', 'GET', get, { reply: value, prepare: filled }),
    row('lpush', 'LPUSH', lpush, { after: ['LLEN', 'list'] }),
    row('rpoplpush', 'RPOPLPUSH', rotate, {
      prepare: (server) => send(server, lpush, { count: commands }),
      after: ['LLEN', 'other'],
    }),
    row('zadd', 'ZADD', zadd, { reply: ':1\r\n', after: ['ZCARD', 'zset'] }),
    row('hset', 'HSET', hset, {}),
    row('get-wait', 'GET, one at a time', get, { count: waits, depth: 1, reply: value, prepare: filled }),
    row('get-50', 'GET, 50 connections, one at a time', get, {
      count: waits,
      depth: 1,
      connections: 50,
      reply: value,
      prepare: filled,
    }),
  ];
}

function commandMeasure(id, title, requests, { prepare, after, ...options }) {
  return {
    name: id,
    rows: [{ id, title, unit: 'commands/s' }],
    async run(server) {
      await server.admin.flushall();
      await prepare?.(server);
      const result = await sample(server, options.count, () => send(server, requests, options));
      if (after) await expect(server, after, options.count);
      return { [id]: result };
    },
  };
}

/* ---------------------------------------------------------------- a Node application */

function nodeMeasures({ node: jobs }) {
  const row = (id, title, count, prepare) => ({
    name: id,
    rows: [{ id, title, unit: 'jobs/s' }],
    async run(server) {
      await server.admin.flushall();
      if (prepare) await prepare(server, count);
      const args = [NODE_LOAD, server.port, id, count];
      const result = await sample(server, count, () => runLoad(process.execPath, args));
      const ended = prepare ? ['ZCARD', keyOf('completed')] : ['LLEN', keyOf('wait')];
      await expect(server, ended, count);
      return { [id]: result };
    },
  });
  return [
    row('node-add', 'Node `Queue.add`, one at a time', jobs / 2),
    row('node-add-bulk', 'Node `Queue.addBulk`, 100 jobs each', jobs),
    row('node-worker-1', 'Node `Worker`, concurrency 1', jobs / 2, addJobs),
    row('node-worker-50', 'Node `Worker`, concurrency 50', jobs, addJobs),
  ];
}

async function addJobs(server, count) {
  const connection = connect(server.port);
  const queue = new Queue('mail', { connection });
  for (let left = count; left > 0; left -= 1000) {
    const jobs = Array.from({ length: Math.min(left, 1000) }, (_, i) => ({ name: 'send', data: { i } }));
    await queue.addBulk(jobs);
  }
  await queue.close();
  connection.disconnect();
}
