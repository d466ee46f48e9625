// SPDX-License-Identifier: MIT
/*
 * What durability costs: Redis and oxq at equal promise. Each measure returns rows; main.mjs prints and keeps them.
 *
 * A row: { id, title, unit, values, samples, reached, goal }. `values` are the medians, by the name of a server or a promise;
 * `reached` is the number that the goal is about, `goal` { min } or { max }, or none where the row only informs.
 */
import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';
import { expect, send, startSending } from './load.mjs';
import { measureAway, residentBytes, residentParts, watchResident } from './machine.mjs';
import { quantile } from './report.mjs';
import { keyOf, writeRequests } from './requests.mjs';
import { info, makeFolder, restart, start } from './servers.mjs';

const KINDS = ['redis', 'oxq'];
const median = (numbers) => quantile(numbers, 0.5);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/* Jobs of one load by its shape: about half a second each on a common disk. */
export const DURABILITY_FULL = {
  syncs: 200,
  jobs: { 'waits-1': 2000, 'waits-16': 10_000, 'waits-256': 60_000, 'busy-1': 20_000, 'busy-16': 30_000, 'busy-64': 30_000, 'busy-256': 30_000 },
  latency_s: 3,
  bytes: 10_000,
  pause: 1_000_000,
  restart: Number(process.env.RESTART_JOBS ?? 2_000_000),
  fetched: 10_000,
  cold: 1_000_000,
  cold_reads: 4000,
  cold_jobs: 20_000,
};
export const DURABILITY_QUICK = {
  syncs: 20,
  jobs: { 'waits-1': 20, 'waits-16': 100, 'waits-256': 1000, 'busy-1': 500, 'busy-16': 1000, 'busy-64': 2000, 'busy-256': 2000 },
  latency_s: 0.3,
  bytes: 500,
  pause: 10_000,
  restart: 10_000,
  fetched: 500,
  cold: 10_000,
  cold_reads: 100,
  cold_jobs: 1000,
};

/** The measures { name, run() -> rows }. `recorded` are BullMQ's calls, `file` names a file of requests. */
export async function makeDurabilityMeasures(recorded, file, sizes) {
  const most = Math.max(...Object.values(sizes.jobs), sizes.cold_jobs);
  const files = {
    add: await writeRequests(file('durable-add'), recorded.adds.length, (i) => recorded.adds[i]),
    fetch: await writeRequests(file('durable-fetch'), 1, () => recorded.fetch),
    finish: await writeRequests(file('durable-finish'), most, recorded.finish),
    ping: await writeRequests(file('ping'), 1, () => ['PING']),
  };
  const context = { recorded, file, files, sizes };
  return [
    { name: 'durability-load', run: () => compareLoads(context) },
    { name: 'durability-latency', run: () => compareLatency(context) },
    { name: 'durability-bytes', run: () => compareBytes(context) },
    { name: 'durability-pause', run: () => comparePauses(context) },
    { name: 'durability-restart', run: () => compareRestarts(context) },
    { name: 'durability-cold', run: () => measureCold(context) },
  ];
}

/* ---------------------------------------------------------------- the disk */

const BLOCK = Buffer.alloc(4096, 'x');

/* Microseconds of a write of 4 KB with its fdatasync: appended (the file grows, as Redis's log does), or over blocks that are there. */
function timeSyncs(fd, count) {
  const times = [];
  for (let i = 0; i < count; i++) {
    const began = process.hrtime.bigint();
    writeSync(fd, BLOCK, 0, BLOCK.length, i * BLOCK.length);
    fdatasyncSync(fd);
    times.push(Number(process.hrtime.bigint() - began) / 1e3);
  }
  return times;
}

export function measureDisk(folder, count) {
  const file = path.join(folder, 'sync');
  const fd = openSync(file, 'w');
  try {
    const append = timeSyncs(fd, count);
    const overwrite = timeSyncs(fd, count);
    return { append, overwrite };
  } finally {
    closeSync(fd);
    rmSync(file);
  }
}

export function summariseDisk(samples) {
  const of = (times) => ({ p50_us: median(times), p99_us: quantile(times, 0.99), syncs: times.length });
  return { append: of(samples.flatMap((s) => s.append)), overwrite: of(samples.flatMap((s) => s.overwrite)) };
}

const BESIDE_SYNCS = 10;
const BESIDE_PAUSE_MS = 50;

/* What such a write over blocks that are there takes beside a load, which wants the disk and the processors too. */
async function measureDiskBeside(folder, load) {
  const file = path.join(folder, 'beside');
  const fd = openSync(file, 'w');
  const times = [];
  let isOver = false;
  const over = load.finally(() => (isOver = true));
  over.catch(() => {}); // told where it is waited for
  try {
    timeSyncs(fd, BESIDE_SYNCS);
    while (!isOver) {
      times.push(...timeSyncs(fd, BESIDE_SYNCS));
      await pause(BESIDE_PAUSE_MS);
    }
    return { result: await over, times };
  } finally {
    closeSync(fd);
    rmSync(file);
  }
}

/* ---------------------------------------------------------------- tools */

const clearAll = (server) => server.admin.flushall();

async function loadScripts(server, { scripts }) {
  for (const script of scripts) await server.admin.script('LOAD', script);
}

async function prepare(server, recorded, clear = clearAll) {
  await clear(server);
  await loadScripts(server, recorded);
}

/* Adds so many jobs, then finishes each and fetches the next; jobs per second of the one and of the other. */
async function addAndFinish(server, { recorded, files }, jobs, shape, clear) {
  await prepare(server, recorded, clear);
  const add = await send(server, files.add, { count: jobs, ...shape });
  await expect(server, ['LLEN', keyOf('wait')], jobs);
  /* As many are active as requests are on the way: whatever their order, a job that is finished was fetched before. */
  const active = Math.min(shape.connections * shape.depth, jobs / 2);
  await send(server, files.fetch, { count: active });
  const count = jobs - active;
  const finish = await send(server, files.finish, { count, ...shape });
  await expect(server, ['ZCARD', keyOf('completed')], count);
  await expect(server, ['LLEN', keyOf('active')], active);
  return { add: jobs / add.seconds, finish: count / finish.seconds };
}

async function withServers(list, use) {
  const servers = [];
  try {
    for (const [kind, promise, more] of list) servers.push(await start(kind, promise, { more }));
    return await use(servers);
  } finally {
    for (const server of servers) await server.stop();
  }
}

/* ---------------------------------------------------------------- rates */

const SHAPES = [
  { id: 'waits-1', title: '1 connection that waits', connections: 1, depth: 1 },
  { id: 'waits-16', title: '16 connections that wait', connections: 16, depth: 1 },
  { id: 'waits-256', title: '256 connections that wait', connections: 256, depth: 1 },
  { id: 'busy-1', title: '1 connection, 100 jobs on the way', connections: 1, depth: 100 },
  { id: 'busy-16', title: '16 connections, 16 jobs each', connections: 16, depth: 16 },
  { id: 'busy-64', title: '64 connections, 16 jobs each', connections: 64, depth: 16 },
  { id: 'busy-256', title: '256 connections, 8 jobs each', connections: 256, depth: 8 },
];
const ONE_AT_A_TIME = SHAPES.filter(({ depth }) => depth === 1);
const COLUMNS = [
  ['redis_always', 'redis', 'always'],
  ['oxq_always', 'oxq', 'always'],
  ['redis_second', 'redis', 'second'],
  ['oxq_second', 'oxq', 'second'],
  ['oxq_none', 'oxq', 'none'],
];

function rateRows(shape, samples) {
  return ['add', 'finish'].map((work) => {
    const values = Object.fromEntries(COLUMNS.map(([column]) => [column, median(samples[shape.id][column].map((s) => s[work]))]));
    const better = { always: values.oxq_always / values.redis_always, second: values.oxq_second / values.redis_second };
    const kept = values.oxq_always / values.oxq_none;
    const title = `${work === 'add' ? 'add' : 'finish and fetch'}, ${shape.title}`;
    const isBusy = shape.connections >= 64;
    return {
      id: `${work}-${shape.id}`,
      kind: 'rate',
      title,
      unit: 'jobs/s',
      values,
      samples: samples[shape.id],
      better,
      kept,
      goals: { always: 3, second: 3, kept: isBusy ? 0.8 : undefined },
    };
  });
}

/* What the network and the load generator allow: PING, from the connections that wait. */
async function ping(server, { files, sizes }, { id, connections }) {
  const count = sizes.jobs[id] * 4;
  return count / (await send(server, files.ping, { count, connections, depth: 1 })).seconds;
}

function pingRow({ id, title }, samples) {
  const values = { redis: median(samples.redis_always.map((s) => s.ping)), oxq: median(samples.oxq_always.map((s) => s.ping)) };
  return { id: `ping-${id}`, title: `PING, ${title}: the most that network and load generator allow`, unit: '/s', values };
}

async function compareLoads(context) {
  const { sizes } = context;
  const samples = Object.fromEntries(SHAPES.map((s) => [s.id, Object.fromEntries(COLUMNS.map(([column]) => [column, []]))]));
  await withServers(COLUMNS.map(([, kind, promise]) => [kind, promise]), async (servers) => {
    for (let round = 0; round < sizes.rounds; round++) {
      for (const shape of SHAPES) {
        for (const [i, [column]] of COLUMNS.entries()) {
          const { connections, depth } = shape;
          const rates = await addAndFinish(servers[i], context, sizes.jobs[shape.id], { connections, depth });
          if (ONE_AT_A_TIME.includes(shape)) rates.ping = await ping(servers[i], context, shape);
          samples[shape.id][column].push(rates);
        }
      }
    }
  });
  return [...SHAPES.flatMap((shape) => rateRows(shape, samples)), ...ONE_AT_A_TIME.map((shape) => pingRow(shape, samples[shape.id]))];
}

/* ---------------------------------------------------------------- latency */

/* Longer than an add takes that nothing holds up. */
const AWAY_MS = 0.5;

/* Half of what 64 waiting connections reach, asked for at even times by them. */
async function compareLatency(context) {
  const { recorded, files, sizes } = context;
  const connections = 64;
  const samples = { redis: [], oxq: [], disk: [] };
  const folder = makeFolder('disk');
  await withServers(KINDS.map((kind) => [kind, 'always']), async (servers) => {
    for (let round = 0; round < sizes.rounds; round++) {
      for (const server of servers) {
        await prepare(server, recorded);
        samples.disk.push(measureDisk(folder, sizes.syncs));
        const away = await measureAway(sizes.latency_s, AWAY_MS);
        const count = sizes.jobs['waits-256'];
        const { seconds } = await send(server, files.add, { count, connections, depth: 1 });
        const rate = Math.round(count / seconds / 2);
        const sending = send(server, files.add, { count: Math.ceil(rate * sizes.latency_s), connections, depth: 1, rate });
        const { result: half, times } = await measureDiskBeside(folder, sending);
        const floor = await send(server, files.ping, { count: Math.ceil(rate * sizes.latency_s), connections, depth: 1, rate });
        const disk = { sync_us: median(times), sync_p99_us: quantile(times, 0.99) };
        samples[server.kind].push({ rate, p50_us: half.p50_us, p99_us: half.p99_us, max_us: half.max_us, ping_us: floor.p99_us, away, ...disk });
      }
    }
  });
  rmSync(folder, { recursive: true });
  const disk = summariseDisk(samples.disk);
  const of = (kind, field) => median(samples[kind].map((s) => s[field]));
  const row = (field, name, goal) => ({
    id: `latency-${field}`,
    title: `${name} of an add at half load, always (Redis at ${rateOf(of('redis', 'rate'))}, oxq at ${rateOf(of('oxq', 'rate'))})`,
    unit: 'us',
    values: { redis: of('redis', `${field}_us`), oxq: of('oxq', `${field}_us`) },
    samples,
    disk,
    ...goal,
  });
  const both = (field) => ({ redis: of('redis', field), oxq: of('oxq', field) });
  const reached = of('oxq', 'p99_us') / disk.overwrite.p50_us;
  const beside = of('oxq', 'p99_us') / of('oxq', 'sync_p99_us');
  return [
    row('p50', 'median'),
    row('p99', '99th percentile', { reached, reached_unit: 'fdatasyncs of this disk', goal: { max: 3 } }),
    {
      id: 'latency-sync-p99',
      title: '99th percentile of 4 KB with fdatasync by another process, beside those adds',
      unit: 'us',
      values: both('sync_p99_us'),
      reached: beside,
      reached_unit: 'x that is what an add takes',
      goal: { max: 3 },
    },
    { id: 'latency-sync', title: 'median of it', unit: 'us', values: both('sync_us') },
    { id: 'latency-ping', title: '99th percentile of a PING at those rates', unit: 'us', values: both('ping_us') },
    { id: 'latency-away', title: `time in which a processor was away for ${AWAY_MS} ms or more before those loads, nothing else running`, unit: 'share', values: both('away') },
  ];
}

const rateOf = (n) => `${Math.round(n).toLocaleString('en')}/s`;

/* ---------------------------------------------------------------- bytes */

async function compareBytes(context) {
  const { recorded, files, sizes } = context;
  const count = sizes.bytes;
  const values = {};
  let fields = 0;
  await withServers(KINDS.map((kind) => [kind, 'second']), async (servers) => {
    for (const server of servers) {
      await prepare(server, recorded);
      const written = () => (server.kind === 'oxq' ? info(server, 'persistence', 'journal_appended_bytes') : info(server, 'persistence', 'aof_current_size'));
      const settled = async () => {
        await pause(100); // the log is written by then, if not synced
        return written();
      };
      const measure = async (depth) => {
        const before = await settled();
        await send(server, files.add, { count, depth });
        return ((await settled()) - before) / count;
      };
      values[server.kind] = await measure(100);
      values[`${server.kind}_waits`] = await measure(1);
      const job = await server.admin.hgetall(keyOf('1'));
      fields = Object.entries(job).reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value), 0);
    }
  });
  const row = (id, title, redis, oxq, goal) => ({ id, title, unit: 'bytes', values: { redis, oxq, fields }, reached: oxq / fields, reached_unit: `x the ${fields} bytes of the job's fields`, goal });
  return [
    row('bytes', 'log of an add, one of many in a group', values.redis, values.oxq, { max: 2 }),
    row('bytes-waits', 'log of an add that is a group by itself', values.redis_waits, values.oxq_waits),
  ];
}

/* ---------------------------------------------------------------- many jobs at once */

const FILL_STEP = 500;
const PREFIX = keyOf('');
/* Failed jobs belong to another queue, so that ids do not meet. */
const OLD_PREFIX = 'bull:old:';

/* Each job with the fields that BullMQ gives it; ARGV: first id, count, then names and values, in which %d is the id. */
const FILL = `
local from, count, prefix, list = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], ARGV[4]
local args = {}
for i = 5, #ARGV do args[i - 4] = ARGV[i] end
local data = args[2]
for id = from, from + count - 1 do
  args[2] = string.gsub(data, '%%d', tostring(id))
  redis.call('HSET', prefix .. id, unpack(args))
  if list == 'failed' then redis.call('ZADD', prefix .. list, 1700000000000 + id, id) else redis.call('LPUSH', prefix .. list, id) end
end
return 'OK'`;

const TIME = '1700000000000';
const WAITING = ['data', '{"to":"user%d@example.com","template":"welcome","locale":"en"}', 'name', 'send', 'opts', '{"attempts":0}', 'timestamp', TIME, 'delay', '0', 'priority', '0'];
const FAILED = [
  ...['data', JSON.stringify({ to: 'user%d@example.com', body: 'The quick brown fox jumps over the lazy dog. '.repeat(14) })],
  ...['name', 'send', 'opts', '{"attempts":3}', 'timestamp', TIME, 'delay', '0', 'priority', '0', 'processedOn', TIME, 'finishedOn', TIME, 'atm', '3'],
  ...['failedReason', 'connect ECONNREFUSED 10.0.0.7:25', 'stacktrace', JSON.stringify(['Error: connect ECONNREFUSED 10.0.0.7:25\n    at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1555:16)'])],
];

async function fill(server, { file }, jobs, prefix, list, fields) {
  const sha = await server.admin.script('LOAD', FILL);
  const step = Math.min(FILL_STEP, jobs);
  const requests = await writeRequests(file(`fill-${list}`), jobs / step, (i) => ['EVALSHA', sha, 0, 1 + i * step, step, prefix, list, ...fields]);
  await send(server, requests, { count: jobs / step, depth: 4, reply: '$2\r\nOK\r\n' });
  rmSync(requests);
}

async function fillWaiting(server, context, jobs) {
  await fill(server, context, jobs, PREFIX, 'wait', WAITING);
  await server.admin.set(keyOf('id'), jobs);
  await server.admin.hset(keyOf('meta'), 'opts.maxLenEvents', 10000);
  await expect(server, ['LLEN', keyOf('wait')], jobs);
}

/* Checkpoint or rewritten log; seconds. */
async function save(server) {
  const began = Date.now();
  await server.admin.call(server.kind === 'oxq' ? 'BGSAVE' : 'BGREWRITEAOF');
  const field = server.kind === 'oxq' ? 'rdb_bgsave_in_progress' : 'aof_rewrite_in_progress';
  while (await info(server, 'persistence', field)) await pause(20);
  return (Date.now() - began) / 1000;
}

/* ---------------------------------------------------------------- pauses */

async function comparePauses(context) {
  const { recorded, files, sizes } = context;
  const samples = {};
  let slice = 0;
  let slice_cpu = 0;
  for (const kind of KINDS) {
    await withServers([[kind, 'second']], async ([server]) => {
      await prepare(server, recorded);
      await fillWaiting(server, context, sizes.pause);
      const pings = startSending(server, files.ping, { count: 600_000, depth: 1, rate: 200 });
      const adds = startSending(server, files.add, { count: 600_000, depth: 1, connections: 16, rate: 1000 });
      await pause(200);
      const seconds = await save(server);
      await pause(200);
      adds.end();
      pings.end();
      samples[kind] = { seconds, ...(await pings.result) };
      await adds.result;
      if (kind !== 'oxq') return;
      slice = await info(server, 'persistence', 'checkpoint_longest_slice_us');
      slice_cpu = await info(server, 'persistence', 'checkpoint_longest_slice_cpu_us');
    });
  }
  const values = (field, by = 1) => ({ redis: samples.redis[field] * by, oxq: samples.oxq[field] * by });
  const jobs = sizes.pause.toLocaleString('en');
  return [
    { id: 'pause-slice', title: `longest slice of a checkpoint of ${jobs} jobs`, unit: 'us', values: { oxq: slice }, samples, reached: slice / 1000, reached_unit: 'ms', goal: { max: 2 } },
    { id: 'pause-slice-cpu', title: `the same in processor time: without what others ran meanwhile`, unit: 'us', values: { oxq: slice_cpu }, samples },
    { id: 'pause-ping', title: `longest PING during it (Redis: log rewrite)`, unit: 'us', values: values('max_us'), samples },
    { id: 'pause-ping-p99', title: `99th percentile of PING during it`, unit: 'us', values: values('p99_us'), samples },
    { id: 'pause-time', title: `how long it took`, unit: 's', values: values('seconds'), samples },
  ];
}

/* ---------------------------------------------------------------- restarts */

/* While a sync of `everysec` takes long, Redis keeps back what it would write. To kill it then would measure a start with less. */
async function awaitLog(server) {
  if (server.kind !== 'redis') return;
  while ((await info(server, 'persistence', 'aof_buffer_length')) > 0) await pause(10);
}

/* The server that was started again; it is not the one that was given even when this fails. */
async function measureRestart(server, context, name, promise, out) {
  await awaitLog(server);
  const again = await restart(server, promise);
  await expect(again, ['LLEN', keyOf('wait')], context.sizes.restart);
  out[name] = { ...again.started, mb: residentBytes(again.pid) / 2 ** 20 };
  return again;
}

async function restartsOf(kind, context) {
  const { recorded, files, sizes } = context;
  const out = {};
  let server = await start(kind, 'second');
  try {
    await prepare(server, recorded);
    await fillWaiting(server, context, sizes.restart);
    server = await measureRestart(server, context, 'log', 'second', out);
    out.save_s = await save(server);
    if (kind === 'redis') await server.admin.save(); // the RDB of the last restart
    server = await measureRestart(server, context, 'saved', 'second', out);
    await loadScripts(server, recorded);
    const fetch = await send(server, files.fetch, { count: sizes.fetched });
    out.fetched_per_second = sizes.fetched / fetch.seconds;
    if (kind === 'redis') server = await measureRestart(server, context, 'rdb', 'none', out);
  } finally {
    await server.stop();
  }
  return out;
}

async function compareRestarts(context) {
  const { sizes } = context;
  const samples = {};
  for (const kind of KINDS) samples[kind] = await restartsOf(kind, context);
  const { redis, oxq } = samples;
  const jobs = sizes.restart.toLocaleString('en');
  const row = (id, title, of, unit, from, goal) => {
    const values = { redis: from(redis, of[0]), oxq: from(oxq, of[1]) };
    return { id, title, unit, values, samples, reached: values.redis / values.oxq, reached_unit: 'x', goal };
  };
  const loaded = (s, name) => s[name].loaded;
  const five = { min: 5 };
  return [
    row('restart-answer', `start with ${jobs} jobs: first answer of any kind`, ['saved', 'saved'], 's', (s, name) => s[name].answered),
    row('restart-aof', `start with ${jobs} jobs, saved (Redis: AOF rewritten as RDB)`, ['saved', 'saved'], 's', loaded, five),
    row('restart-rdb', `start with ${jobs} jobs, saved (Redis: RDB)`, ['rdb', 'saved'], 's', loaded, five),
    row('restart-log', `start with ${jobs} jobs, all in the log`, ['log', 'log'], 's', loaded, five),
    { id: 'restart-fetch', title: `first ${sizes.fetched.toLocaleString('en')} jobs fetched after a start`, unit: 'jobs/s', values: { redis: redis.fetched_per_second, oxq: oxq.fetched_per_second }, samples },
  ];
}

/* ---------------------------------------------------------------- cold jobs */

const TARGET = '90mb';
const SETTLE_MS = 60_000;
const SETTLED_LOOKS = 8;

/* Waits until nothing more leaves memory: the jobs, then the allocator's pages. Returns the number of cold jobs. */
async function settle(server) {
  const deadline = Date.now() + SETTLE_MS;
  let least = Infinity;
  for (let quiet = 0; quiet < SETTLED_LOOKS && Date.now() < deadline; quiet++) {
    await pause(500);
    const resident = residentBytes(server.pid);
    const isSaving = await info(server, 'persistence', 'rdb_bgsave_in_progress');
    if (isSaving || resident < least) quiet = 0;
    least = Math.min(least, resident);
  }
  return info(server, 'persistence', 'cold_keys');
}

async function measureCold(context) {
  const { file, files, sizes } = context;
  const jobs = sizes.cold;
  const reads = await writeRequests(file('cold-read'), sizes.cold_reads, (i) => ['HGETALL', `${OLD_PREFIX}${1 + Math.floor(((i * 0.6180339887) % 1) * jobs)}`]);
  const target = ['--memory-target', TARGET, '--checkpoint-journal-size', '256mb'];
  const samples = { alone: [], beside: [] };
  const values = {};
  await withServers([['oxq', 'always', target], ['oxq', 'always']], async ([server, empty]) => {
    await fill(server, context, jobs, OLD_PREFIX, 'failed', FAILED);
    values.cold = await settle(server);
    values.idle = residentParts(server.pid);
    const read = await send(server, reads, { count: sizes.cold_reads, depth: 1 });
    Object.assign(values, { p50: read.p50_us, p99: read.p99_us });
    const shape = { connections: 64, depth: 16 };
    const work = (where) => addAndFinish(where, context, sizes.cold_jobs, shape, clearJobs);
    const measure = {
      alone: () => work(empty),
      async beside() {
        const beside = startSending(server, reads, { count: 600_000, depth: 1, rate: 200 });
        const watch = watchResident(server.pid);
        const rates = await work(server);
        const most = watch.end();
        if (!(values.busy?.all > most.all)) values.busy = most;
        beside.end();
        await beside.result;
        return rates;
      },
    };
    /* Once each uncounted: a new server has its journal, its scripts and its memory to make. Then in turns, each first as often. */
    for (const which of Object.keys(measure)) await measure[which]();
    for (let round = 0; round < Math.max(2, 2 * sizes.rounds); round++) {
      const order = round % 2 ? ['beside', 'alone'] : ['alone', 'beside'];
      for (const which of order) samples[which].push(await measure[which]());
    }
    await settle(server);
    values.after = residentParts(server.pid);
  });
  rmSync(reads);
  const rate = (which, name) => median(samples[which].map((s) => s[name]));
  const title = `${jobs.toLocaleString('en')} failed jobs of 1 KB`;
  const row = (id, name, unit, oxq, reached, reached_unit, goal) => ({ id, title: name, unit, values: { oxq }, samples, reached, reached_unit, goal });
  const mb = (bytes) => bytes / 2 ** 20;
  const memory = (id, name, parts) => {
    const more = `${mb(parts.anon).toFixed(0)} MB of its own, ${mb(parts.file).toFixed(0)} MB of files`;
    return row(id, `${title}: ${name}; ${more}`, 'MB', mb(parts.all), mb(parts.all), 'MB', { max: 150 });
  };
  return [
    memory('cold-rss', `resident (${values.cold.toLocaleString('en')} of them cold, target ${TARGET})`, values.idle),
    memory('cold-rss-busy', 'resident beside the work below, at most', values.busy),
    memory('cold-rss-after', 'resident after that work', values.after),
    row('cold-read', `${title}: reading one of them, 99th percentile`, 'us', values.p99, values.p99 / 1000, 'ms', { max: 1 }),
    row('cold-read-p50', `${title}: reading one of them, median`, 'us', values.p50),
    row('cold-add', `${title}: adds meanwhile, beside an empty server`, 'jobs/s', rate('beside', 'add'), rate('beside', 'add') / rate('alone', 'add'), 'x', { min: 0.9 }),
    row('cold-finish', `${title}: finishes meanwhile, beside an empty server`, 'jobs/s', rate('beside', 'finish'), rate('beside', 'finish') / rate('alone', 'finish'), 'x', { min: 0.9 }),
  ];
}

/* The old jobs stay; what the last round left goes. */
async function clearJobs(server) {
  const keys = await server.admin.keys(`${PREFIX}*`);
  for (let i = 0; i < keys.length; i += 1000) await server.admin.del(...keys.slice(i, i + 1000));
}
