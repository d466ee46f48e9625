// SPDX-License-Identifier: MIT
/** Adding jobs that have neither a parent nor a deduplication. */
import { QUEUES, outcome, someData } from '../../../transitions/lib/ops/kit.mjs';
import { keeping } from '../../../transitions/lib/ops/add.mjs';
import { clock } from '../../../transitions/lib/bull.mjs';

const OWN_IDS = ['x', 'y', 'order 7', 'größe', 'a/b', '0x', 'wait', 'events', 'marker'];

function job(rng) {
  const opts = rng.chance(0.4) ? keeping(rng) : {};
  if (rng.chance(0.25)) opts.delay = rng.pick([1, 5, 5, 5, 1000, 1000, 86_400_000, 1.5, 2 ** 41]);
  if (rng.chance(0.25)) opts.priority = rng.pick([1, 2, 2, 10, 2_097_151]);
  if (rng.chance(0.2)) opts.lifo = rng.pick([true, true, false]);
  if (rng.chance(0.25)) opts.jobId = rng.pick(OWN_IDS);
  if (rng.chance(0.1)) opts.timestamp = rng.pick([0, 1, clock.ms - 1000, clock.ms + 1000, 2 ** 40]);
  return { name: rng.pick(['send', 'resize', 'n "1"', '', 'ü']), data: someData(rng), opts };
}

const themes = { mixed: 0.3, deduplication: 0.1, family: 0.1, schedule: 0.1, work: 0.3 };

export default [
  {
    name: 'plain',
    weight: 20,
    themes,
    make: (rng) => ({ queue: rng.chance(0.9) ? QUEUES[0] : QUEUES[1], jobs: [job(rng)] }),
    bullmq: (bull, { queue, jobs: [one] }) => outcome(bull.queue(queue).add(one.name, one.data, one.opts).then((added) => added.id)),
  },
  {
    name: 'plain:bulk',
    weight: 3,
    themes,
    make: (rng) => ({ queue: rng.pick(QUEUES), jobs: Array.from({ length: rng.int(2, 6) }, () => job(rng)) }),
    bullmq: (bull, { queue, jobs }) => outcome(bull.queue(queue).addBulk(jobs).then((added) => added.map((one) => one.id))),
  },
  {
    name: 'repeated', // version 5 only: the job has the key of what makes it
    weight: 1,
    themes: { mixed: 0.3, deduplication: 0, family: 0, schedule: 2, work: 0.3 },
    make: (rng) => ({ queue: rng.pick(QUEUES), repeat: { every: rng.pick([1000, 60_000]), ...(rng.chance(0.3) ? { limit: 2 } : {}) }, priority: rng.pick([0, 0, 3]) }),
    bullmq(bull, { queue, repeat, priority }) {
      const it = bull.queue(queue);
      return it.repeat ? outcome(it.add('repeated', {}, { repeat, priority }).then((job) => job?.id)) : undefined;
    },
  },
];
