// SPDX-License-Identifier: MIT
/** Job schedulers: src/jobs/scheduler.h. */
import { clock } from '../bull.mjs';
import { keeping } from './add.mjs';
import { outcome, someData, someQueue } from './kit.mjs';

const SCHEDULERS = ['nightly', 's:2', 'three'];
const PATTERNS = ['*/5 * * * * *', '0 3 * * *', '*/15 8-18 * * 1-5', '@hourly', '0 0 L * *', '30 2 * * 0', 'every day', '0 0 31 2 *'];
const ZONES = ['Europe/Berlin', 'America/New_York', 'Asia/Kolkata'];
const TOKEN = 'token';

function repeat(rng) {
  const one = {};
  if (rng.chance(0.5)) {
    one.every = rng.pick([1000, 5000, 60_000]);
    if (rng.chance(0.3)) one.offset = rng.pick([300, 4000]);
  } else {
    one.pattern = rng.pick(PATTERNS);
    if (rng.chance(0.5)) one.tz = rng.pick(ZONES);
    if (rng.chance(0.2)) one.immediately = true;
  }
  if (rng.chance(0.2)) one.limit = rng.int(1, 3);
  if (rng.chance(0.2) && !one.immediately) one.startDate = clock.ms + rng.pick([-100_000, 2000, 86_400_000]);
  if (rng.chance(0.2)) one.endDate = clock.ms + rng.pick([-1000, 60_000, 40 * 86_400_000]);
  return one;
}

function template(rng) {
  const opts = rng.chance(0.4) ? keeping(rng) : {};
  if (typeof opts.backoff === 'number') opts.backoff = { type: 'fixed', delay: opts.backoff };
  if (rng.chance(0.2)) opts.priority = rng.int(1, 3);
  if (rng.chance(0.2)) opts.lifo = true;
  const one = { opts };
  if (rng.chance(0.5)) one.name = 'tick';
  if (rng.chance(0.5)) one.data = someData(rng) ?? {};
  return one;
}

function plain(scheduler) {
  const { key, name, pattern = '', tz = '', every = 0, limit = 0, startDate = 0, endDate = 0, offset = 0, iterationCount, next } = scheduler;
  return { key, name, pattern, tz, every, limit, startDate, endDate, offset, iterationCount, next, data: scheduler.template?.data ?? null };
}

/** A worker remembers for how long the rate allowed it nothing, which was in another case. */
function next(worker) {
  worker.limitUntil = 0;
  return worker.getNextJob(TOKEN, { block: false });
}

const same = (list) => list.map((one) => JSON.stringify(Object.entries(one).sort()));

export default [
  {
    name: 'upsert_scheduler',
    weight: 1.5,
    themes: { schedule: 4 },
    make(rng, state) {
      const queue = someQueue(rng, state.theme);
      /* BullMQ looks for the run of a paused queue in a list that it has no more, and leaves it where it is. */
      if (state.paused?.[queue]) return null;
      return { queue, id: rng.pick(SCHEDULERS), repeat: repeat(rng), template: template(rng) };
    },
    async bullmq(bull, { queue, id, repeat: when, template: what }) {
      const job = await outcome(bull.queue(queue).upsertJobScheduler(id, when, what));
      return job?.error || !job ? { error: 'refused' } : [job.id, job.opts.delay];
    },
  },
  {
    /* A worker takes a job; when a scheduler made it, the next one is made. */
    name: 'begin_run',
    weight: 1.5,
    themes: { schedule: 6 },
    make: (rng, { theme }) => ({ queue: someQueue(rng, theme) }),
    async bullmq(bull, { queue }) {
      const job = await next(bull.runner(queue, true));
      return job ? job.id : null;
    },
    async oxq(driver, args, bull) {
      const job = await next(bull.runner(args.queue, false));
      if (job?.repeatJobKey) await driver.ask({ op: 'next_run', queue: args.queue, id: job.id, now: args.now });
      return job ? job.id : null;
    },
    after(state, { queue }, id) {
      if (id) (state.active[queue] ??= []).push(id);
    },
  },
  {
    name: 'remove_scheduler',
    weight: 0.5,
    make: (rng, { theme }) => ({ queue: someQueue(rng, theme), id: rng.pick(SCHEDULERS) }),
    bullmq: async (bull, { queue, id }) => ((await bull.queue(queue).removeJobScheduler(id)) ? 1 : 0),
  },
  {
    name: 'read_schedulers',
    weight: 0.5,
    make: (rng, { theme }) => ({ queue: someQueue(rng, theme), ...(rng.chance(0.5) ? { id: rng.pick(SCHEDULERS) } : { first: rng.int(0, 1), count: rng.int(1, 3), asc: rng.chance(0.5) }) }),
    async bullmq(bull, { queue, id, first, count, asc }) {
      const found = id ? [await bull.queue(queue).getJobScheduler(id)] : await bull.queue(queue).getJobSchedulers(first, first + count - 1, asc);
      return same(found.filter(Boolean).map(plain));
    },
    oxq: async (driver, args) => same((await driver.ask({ op: 'read_schedulers', ...args })).ok),
  },
];
