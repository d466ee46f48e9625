// SPDX-License-Identifier: MIT
/* What operators do: src/jobs/operate.h. */
import { outcome, someId, someQueue } from './kit.mjs';

/** BullMQ's success is 0, or nothing; ours 1. */
const done = (promise) => outcome(promise.then(() => 1));

async function ask(driver, line) {
  const answer = await driver.ask(line);
  if (!('ok' in answer)) return { error: 'refused', ...answer };
  return answer.ok < 0 ? { error: answer.ok } : answer.ok;
}

const ours = (op) => (driver, args) => ask(driver, { op, ...args });
const onJob = (name, weight, more, bullmq) => ({
  name,
  weight,
  make: (rng, { theme }) => ({ queue: someQueue(rng, theme), id: someId(rng), ...more(rng) }),
  bullmq: (bull, args) => bullmq(bull.queue(args.queue).backend, args),
  oxq: ours(name),
});

/** One that is there, or else the one that was chosen. */
async function findIn(bull, args, set) {
  const ids = await bull.client.zrange(`bull:${args.queue}:${set}`, 0, -1);
  if (ids.length > 0) args.id = ids[args.at % ids.length];
}

export default [
  {
    /* BullMQ's script fails where a job is its own ancestor; and it says 1 of a job that is not there, too. */
    ...onJob('remove', 4, (rng) => ({ children: rng.chance(0.6) })),
    async bullmq(bull, args) {
      const result = await outcome(bull.queue(args.queue).backend.remove(args.id, args.children));
      args.isLeftOut = result?.error === 'script';
      return args.isLeftOut ? null : result;
    },
    async oxq(driver, { isLeftOut, ...args }) {
      if (isLeftOut) return null;
      const result = await ask(driver, { op: 'remove', ...args });
      return result?.error === -1 ? 1 : result;
    },
  },
  {
    ...onJob('promote', 2, (rng) => ({ at: rng.int(0, 9) })),
    async bullmq(bull, args) {
      await findIn(bull, args, 'delayed');
      return done(bull.queue(args.queue).backend.promote(args.id));
    },
  },
  {
    ...onJob('change_delay', 2, (rng) => ({ at: rng.int(0, 9), delay: rng.pick([0, 500, 1000, 5000]) })),
    async bullmq(bull, args) {
      await findIn(bull, args, 'delayed');
      return done(bull.queue(args.queue).backend.changeDelay(args.id, args.delay));
    },
  },
  onJob('change_priority', 2, (rng) => ({ priority: rng.int(0, 3), lifo: rng.chance(0.4) }), (backend, { id, priority, lifo }) => done(backend.changePriority(id, priority, lifo))),
  {
    ...onJob('disown_child', 2, () => ({})),
    themes: { family: 4 },
    async bullmq(bull, { queue, id }) {
      const job = await bull.lib.Job.fromId(bull.queue(queue), id);
      if (!job) return { error: -1 };
      return job.parentKey ? outcome(job.removeChildDependency().then((had) => (had ? 1 : 0))) : 0;
    },
  },
  {
    ...onJob('remove_children', 2, () => ({})),
    themes: { family: 4 },
    async bullmq(bull, args) {
      const result = await outcome(bull.queue(args.queue).backend.removeUnprocessedChildren(args.id).then(() => null));
      args.isLeftOut = result?.error === 'script';
      return null;
    },
    oxq: (driver, { isLeftOut, ...args }) => (isLeftOut ? null : driver.ask({ op: 'remove_children', ...args }).then(() => null)),
  },
  {
    /* A job that is lost first, or is where it belongs. */
    ...onJob('remove_orphans', 1, (rng) => ({ state: rng.pick(['completed', 'failed', 'delayed', 'prioritized', 'waiting-children', 'none']), at: rng.int(0, 9) })),
    async bullmq(bull, args) {
      await findIn(bull, args, args.state);
      await bull.client.zrem(`bull:${args.queue}:${args.state}`, args.id);
      const { backend, keys } = bull.queue(args.queue);
      args.isLeftOut = (await bull.client.exists(keys[''] + args.id)) === 0;
      if (args.isLeftOut) return null;
      /* Not `marker`, which has a member 1 that is no job: README.md. */
      const states = ['completed', 'failed', 'delayed', 'prioritized', 'waiting-children', 'wait', 'paused', 'active'];
      return backend.removeOrphanedJobsBatch([args.id], states, ['logs', 'dependencies', 'processed', 'failed', 'unsuccessful', 'lock']);
    },
    async oxq(driver, { isLeftOut, state, ...args }, helper) {
      await helper.client.zrem(`bull:${args.queue}:${state}`, args.id);
      return isLeftOut ? null : ask(driver, { op: 'remove_orphans', ...args });
    },
  },
  {
    name: 'drain',
    weight: 0.5,
    make: (rng, { theme }) => ({ queue: someQueue(rng, theme), delayed: rng.chance(0.5) }),
    /* Not where a scheduler's run waits: README.md. */
    async bullmq(bull, args) {
      const ids = await bull.client.lrange(`bull:${args.queue}:wait`, 0, -1);
      args.isLeftOut = ids.some((id) => id.startsWith('repeat:'));
      if (!args.isLeftOut) await bull.queue(args.queue).drain(args.delayed);
      return null;
    },
    oxq: (driver, { isLeftOut, ...args }) => (isLeftOut ? null : ask(driver, { op: 'drain', ...args })),
  },
  {
    name: 'clean',
    weight: 2,
    make: (rng, { theme }) => ({ queue: someQueue(rng, theme), state: rng.pick(['completed', 'failed', 'wait', 'active', 'delayed', 'prioritized']), grace: rng.pick([0, 0, 1, 1000, 100_000]) }),
    bullmq: (bull, { queue, state, grace }) => bull.queue(queue).clean(grace, 0, state).then((ids) => ids.length),
    oxq: (driver, { grace, ...args }) => ask(driver, { op: 'clean', ...args, before: args.now - grace }),
  },
  {
    name: 'obliterate',
    weight: 0.5,
    needsWhole: true,
    themes: { family: 3, work: 0.3 },
    make: (rng, { theme }) => ({ queue: someQueue(rng, theme), force: rng.chance(0.7), count: rng.pick([1, 3, 1000]) }),
    /* Where parents are left, both sides begin anew: README.md. */
    async bullmq(bull, args) {
      const result = await outcome(bull.queue(args.queue).obliterate({ force: args.force, count: args.count }).then(() => null));
      if (result) return result;
      await bull.client.del(`bull:${args.queue}:limiter`);
      args.isLeftOut = (await bull.client.exists(`bull:${args.queue}:waiting-children`)) === 1;
      if (args.isLeftOut) await bull.client.flushdb();
      return null;
    },
    async oxq(driver, { isLeftOut, ...args }, helper) {
      if (isLeftOut) return helper.client.flushdb().then(() => null);
      await helper.queue(args.queue).pause();
      return ask(driver, { op: 'obliterate', ...args });
    },
    /* One that was refused has paused the queue. */
    after(state, { queue, isLeftOut }, refusal) {
      state.paused = isLeftOut ? {} : { ...state.paused, [queue]: Boolean(refusal) };
      if (!refusal) state.active = isLeftOut ? {} : { ...state.active, [queue]: [] };
    },
  },
];
