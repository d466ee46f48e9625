// SPDX-License-Identifier: MIT
/** Ways to get queues and jobs into a state, done by BullMQ on both sides. */
import { clock } from '../bull.mjs';
import { QUEUES, outcome, someId, someQueue } from './kit.mjs';

const TOKEN = 'token';

function unrecoverable(bull, text) {
  const error = new bull.lib.UnrecoverableError(text);
  error.stack = `UnrecoverableError: ${text}\n    at somewhere`;
  return error;
}

export default [
  {
    name: 'bullmq:fetch',
    weight: 4,
    isCommon: true,
    themes: { family: 2 },
    make: (rng, { theme }) => ({ queue: someQueue(rng, theme) }),
    async bullmq(bull, { queue }) {
      const worker = bull.worker(queue);
      worker.limitUntil = 0; /* of another case */
      const job = await worker.getNextJob(TOKEN, { block: false });
      return job ? job.id : null;
    },
    after(state, { queue }, id) {
      if (id) (state.active[queue] ??= []).push(id);
    },
  },
  {
    name: 'bullmq:finish',
    weight: 3,
    isCommon: true,
    themes: { family: 3 },
    make(rng, state) {
      const queue = someQueue(rng, state.theme);
      if (!state.active[queue]?.length) return null;
      return { queue, id: state.active[queue].shift(), ok: rng.chance(0.7), value: rng.int(0, 9) };
    },
    async bullmq(bull, { queue, id, ok, value }) {
      const job = await bull.lib.Job.fromId(bull.queue(queue), id);
      if (!job) return null;
      const done = ok ? job.moveToCompleted(value, TOKEN, false) : job.moveToFailed(unrecoverable(bull, 'no'), TOKEN, false);
      return outcome(done.then(() => 1));
    },
  },
  {
    name: 'bullmq:delay',
    weight: 1,
    isCommon: true,
    make(rng, state) {
      const queue = someQueue(rng, state.theme);
      return state.active[queue]?.length ? { queue, id: state.active[queue].shift() } : null;
    },
    async bullmq(bull, { queue, id }) {
      const job = await bull.lib.Job.fromId(bull.queue(queue), id);
      return job ? outcome(job.moveToDelayed(clock.ms + 1000, TOKEN).then(() => 1)) : null;
    },
  },
  {
    name: 'bullmq:pause',
    weight: 1,
    isCommon: true,
    make: (rng) => ({ queue: rng.pick(QUEUES), on: rng.chance(0.5) }),
    bullmq: (bull, { queue, on }) => (on ? bull.queue(queue).pause() : bull.queue(queue).resume()).then(() => null),
    after: (state, { queue, on }) => ((state.paused ??= {})[queue] = on),
  },
  {
    name: 'bullmq:concurrency',
    weight: 1,
    isCommon: true,
    make: (rng) => ({ queue: rng.pick(QUEUES), max: rng.pick([1, 2, 0]) }),
    bullmq: (bull, { queue, max }) => (max ? bull.queue(queue).setGlobalConcurrency(max) : bull.queue(queue).removeGlobalConcurrency()).then(() => null),
  },
  {
    name: 'bullmq:remove',
    weight: 1,
    isCommon: true,
    make: (rng, { theme }) => ({ queue: someQueue(rng, theme), id: someId(rng) }),
    bullmq: (bull, { queue, id }) => outcome(bull.queue(queue).remove(id)),
  },
  {
    /* The hash is lost, in a failure of the server. */
    name: 'lose',
    weight: 0.3,
    themes: { deduplication: 5, family: 3, work: 0 },
    isCommon: true,
    make: (rng, { theme }) => ({ queue: someQueue(rng, theme), id: someId(rng) }),
    bullmq: (bull, { queue, id }) => bull.client.del(`bull:${queue}:${id}`),
    after: (state) => (state.hasLost = true),
  },
];
