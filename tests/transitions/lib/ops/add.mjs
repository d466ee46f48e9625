// SPDX-License-Identifier: MIT
/** Adding jobs: src/jobs/add.h. */
import { IDS, QUEUES, outcome, someData, someId, someQueue } from './kit.mjs';
import { clock } from '../bull.mjs';

const KEEPS = [true, false, 5, { age: 60 }, { age: 60, count: 3, limit: 2 }];
const FAILURES = ['failParentOnFailure', 'continueParentOnFailure', 'ignoreDependencyOnFailure', 'removeDependencyOnFailure'];

function deduplication(rng, theme) {
  const de = { id: theme === 'deduplication' ? 'd1' : rng.pick(['d1', 'd2']) };
  if (rng.chance(0.5)) de.ttl = rng.pick([60_000, 3_600_000]);
  if (rng.chance(0.3)) de.extend = true;
  if (rng.chance(0.3)) de.replace = true;
  if (rng.chance(0.2)) de.reschedule = true;
  if (rng.chance(0.3)) de.keepLastIfActive = true;
  return de;
}

/** Options that decide where a job goes. */
function placing(rng, theme) {
  const opts = {};
  if (rng.chance(theme === 'deduplication' ? 0.5 : 0.25)) opts.delay = rng.pick([1, 5, 5, 1000, 86_400_000]);
  if (rng.chance(0.2)) opts.priority = rng.pick([1, 2, 2, 2_097_151]);
  if (rng.chance(0.15)) opts.lifo = true;
  if (rng.chance(theme === 'family' ? 0.9 : 0.3)) opts.jobId = rng.pick(IDS);
  if (rng.chance(theme === 'deduplication' ? 0.9 : 0.2)) {
    opts.deduplication = deduplication(rng, theme);
  } else if (rng.chance(theme === 'family' ? 0.4 : 0.2)) {
    opts.parent = { id: someId(rng), queue: `bull:${rng.pick(QUEUES)}` };
    if (rng.chance(0.4)) opts[rng.pick(FAILURES)] = true;
  }
  return opts;
}

/** Options that are only kept. */
export function keeping(rng) {
  const opts = {};
  if (rng.chance(0.2)) opts.attempts = rng.int(1, 5);
  if (rng.chance(0.15)) opts.backoff = rng.pick([500, { type: 'exponential', delay: 100 }, { type: 'mine', delay: 7, jitter: 0.5 }]);
  if (rng.chance(0.1)) opts.removeOnComplete = rng.pick(KEEPS);
  if (rng.chance(0.1)) opts.removeOnFail = rng.pick(KEEPS);
  if (rng.chance(0.1)) opts.keepLogs = rng.int(1, 9);
  if (rng.chance(0.1)) opts.stackTraceLimit = rng.int(0, 3);
  if (rng.chance(0.1)) opts.sizeLimit = 1000;
  if (rng.chance(0.1)) opts.telemetry = rng.pick([{ metadata: 'trace' }, { omitContext: true }, { metadata: 'm', omitContext: true }]);
  return opts;
}

function job(rng, theme) {
  const opts = { ...placing(rng, theme), ...(rng.chance(0.3) ? keeping(rng) : {}) };
  if (rng.chance(0.1)) opts.timestamp = clock.ms - rng.pick([0, 1000]);
  return { name: rng.pick(['send', 'resize', 'n "1"']), data: someData(rng), opts };
}

export default [
  {
    name: 'add',
    weight: 10,
    make: (rng, { theme }) => ({
      queue: someQueue(rng, theme),
      jobs: Array.from({ length: rng.chance(0.7) ? 1 : rng.int(2, 6) }, () => job(rng, theme)),
    }),
    async bullmq(bull, { queue, jobs }) {
      if (jobs.length > 1) return outcome(bull.queue(queue).addBulk(jobs).then((added) => added.map((one) => one.id)));
      const result = await outcome(bull.queue(queue).add(jobs[0].name, jobs[0].data, jobs[0].opts));
      return result.error ? [result.error] : [result.id];
    },
  },
  {
    name: 'remove_deduplication',
    weight: 1,
    make: (rng) => ({ queue: rng.pick(QUEUES), id: rng.pick(['d1', 'd2']), job: someId(rng) }),
    bullmq: (bull, { queue, id, job: jobId }) => bull.queue(queue).backend.removeDeduplicationKey(id, jobId),
  },
];
