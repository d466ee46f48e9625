// SPDX-License-Identifier: MIT
/*
 * The same jobs, worked off by BullMQ's worker in one database and by a worker of the C library in another: both leave the same keys and told
 * the same events. tests/transitions does so for each step; here it is what the workers make of them: which step they take, and when.
 */
import { check, equal, test, until } from '../daemon/lib/kit.mjs';
import { differences, readKeyspace } from '../transitions/lib/keyspace.mjs';
import { BULLS, Node, Redis, running } from './lib/sides.mjs';

const ADDED = 1_700_000_000_000;

/** What peer.c's handler does with these names. */
async function handle(job) {
  if (job.name === 'fail' && job.attemptsMade < job.data.until) throw new Error(`attempt ${job.attemptsMade} of C`);
  if (job.name === 'fatal') throw new BULLS['BullMQ 6'].UnrecoverableError('never');
  if (job.name === 'again' && job.attemptsStarted < 2) {
    await job.moveToWait(job.token);
    throw new BULLS['BullMQ 6'].WaitingError();
  }
  if (job.name === 'later' && job.attemptsStarted < 2) {
    await job.moveToDelayed(Date.now() + 20, job.token);
    throw new BULLS['BullMQ 6'].DelayedError();
  }
  if (job.name === 'x' || job.name === 'again' || job.name === 'later') return null;
  await job.log('a line of C');
  await job.updateProgress({ part: 50 });
  return { by: 'C', got: job.data };
}

/**
 * jobs: [name, data, options] of a queue, added in that order. flow: an option of a child that fails. starts: how often a job is begun at
 * most. isAhead: the order of events may differ, because C's worker asks for the next job together with an end that is refused.
 */
const CASES = {
  'jobs that complete, by priority and age': { jobs: [['x'], ['x', {}, { priority: 5 }], ['x', {}, { priority: 1 }], ['x', {}, { lifo: true }]] },
  'attempts without a pause': { jobs: [['fail', { until: 2 }, { attempts: 3 }], ['x'], ['x', {}, { priority: 2 }]] },
  'attempts of a lifo job': { jobs: [['x'], ['fail', { until: 1 }, { attempts: 3, lifo: true }]] },
  'attempts of a job with a priority': { jobs: [['x', {}, { priority: 3 }], ['fail', { until: 1 }, { attempts: 3, priority: 3 }], ['x', {}, { priority: 3 }]] },
  'attempts with a backoff': { jobs: [['fail', { until: 2 }, { attempts: 3, backoff: { type: 'exponential', delay: 5 } }]] },
  'attempts that are used up': { jobs: [['fail', { until: 9 }, { attempts: 2 }]] },
  'no attempt is left when it was begun as often as it may be': { jobs: [['fail', { until: 9 }, { attempts: 5 }], ['x']], starts: 2 },
  'failed for good': { jobs: [['fatal', {}, { attempts: 5 }], ['x']] },
  'given back': { jobs: [['again'], ['x'], ['again', {}, { priority: 1 }]] },
  'delayed by its handler': { jobs: [['later']] },
  'removed when it has finished': { jobs: [['x', {}, { removeOnComplete: true }], ['fatal', {}, { removeOnFail: true }], ['x', {}, { removeOnComplete: 1 }], ['x', {}, { removeOnComplete: { count: 1 } }]] },
  'stacks are limited': { jobs: [['fail', { until: 3 }, { attempts: 4, stackTraceLimit: 2 }]] },
  'deduplicated until the end': { jobs: [['x', {}, { deduplication: { id: 'd' } }], ['x', {}, { deduplication: { id: 'd' } }]] },
  'a child that fails its parent': { flow: 'failParentOnFailure' },
  'a child that lets its parent go on': { flow: 'continueParentOnFailure', isAhead: true },
  'a child whose failure is ignored': { flow: 'ignoreDependencyOnFailure' },
  'a child that leaves its parent when it fails': { flow: 'removeDependencyOnFailure' },
};

async function produce(node, { jobs, flow }) {
  if (flow) {
    const child = (name, id, more) => ({ name, queueName: 'q', opts: { jobId: id, timestamp: ADDED, ...more } });
    const children = [child('fatal', 'bad', { [flow]: true }), child('x', 'good', {})];
    await node.flow().add({ ...child('x', 'root', {}), children });
    return 3;
  }
  const queue = node.queue('q');
  await queue.pause();
  for (const [name, data = {}, opts = {}] of jobs) await queue.add(name, data, { timestamp: ADDED, ...opts });
  await queue.resume();
  return jobs.length;
}

const COUNT_LEFT = `
local left = 0
for _, key in ipairs({ 'wait', 'active' }) do left = left + redis.call('LLEN', 'bull:q:' .. key) end
for _, key in ipairs({ 'delayed', 'prioritized', 'waiting-children' }) do left = left + redis.call('ZCARD', 'bull:q:' .. key) end
return left`;

/** Nothing is left to do; asked in one step, because a job may be on its way from one state to the next. */
const isOver = async (client) => (await client.eval(COUNT_LEFT, 0)) === 0;

const TIMES = new Set(['processedOn', 'finishedOn', 'delay', 'pb']);

/** The texts of these errors are each side's own. */
const sameErrors = (text) => text.replace(/[^"]*(has pending dependencies|has children that have not finished)[^"]*/g, 'children are pending');

/** Without what is a clock's or a worker's own; of stacks how many there are. */
function comparable(all, { isAhead }) {
  for (const key of Object.keys(all).filter((name) => /:(marker|stalled-check|meta)$/.test(name))) delete all[key];
  for (const key of Object.keys(all)) {
    const { kind, value } = all[key];
    if (kind === 'zset') all[key].value = value.map((line) => line.split(' ')[0]).sort();
    if (kind === 'stream') all[key].value = value.map((line) => sameErrors(line.replace(/delay="\d+"/, 'delay')));
    if (kind === 'stream' && isAhead) all[key].value.sort();
    if (kind !== 'hash') continue;
    for (const name of Object.keys(value)) if (TIMES.has(name)) delete value[name];
    if (value.failedReason) value.failedReason = sameErrors(value.failedReason);
    if (value.stacktrace) value.stacktrace = value.stacktrace.json.length;
  }
  return all;
}

for (const [name, scenario] of Object.entries(CASES)) {
  test(`a worker of C and one of BullMQ 6: ${name}`, async (t) => {
    const { port } = await t.redis();
    const sides = [0, 1].map((db) => new Node(BULLS['BullMQ 6'], { host: '127.0.0.1', port, db }));
    const [left, clients] = [[], []];
    try {
      for (const [db, node] of sides.entries()) {
        await produce(node, scenario);
        const client = new Redis({ host: '127.0.0.1', port, db });
        clients.push(client);
        if (db === 0) {
          const worker = node.worker('q', handle, { maxStartedAttempts: scenario.starts });
          await until('BullMQ has done all', () => isOver(client));
          await worker.close();
        } else {
          const peer = await running(t, `redis://127.0.0.1:${port}/1`, 'work', 'q', 1, scenario.starts ?? 0);
          await until('C has done all', () => isOver(client));
          equal(await peer.stop(), 0, 'it ends when told to');
        }
        left.push(comparable(await readKeyspace(client), scenario));
      }
    } finally {
      clients.forEach((client) => client.disconnect());
      for (const node of sides) await node.close();
    }
    check(Object.keys(left[0]).length > 1, 'something was done');
    const lines = differences(...left);
    check(lines.length === 0, 'the keyspaces differ', ...lines);
  });
}
