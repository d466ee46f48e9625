// SPDX-License-Identifier: MIT
/** Flows: src/jobs/flow.h. */
import { QUEUES, outcome, someData, someId, someQueue } from './kit.mjs';
import { keeping } from './add.mjs';

const FAILURES = ['failParentOnFailure', 'continueParentOnFailure', 'ignoreDependencyOnFailure', 'removeDependencyOnFailure'];

/** Each job has an id, because those that are made are another's on each side. Two may be the same. */
function node(rng, depth, theme) {
  const opts = { jobId: rng.chance(theme === 'family' && depth > 0 ? 0.7 : 0.15) ? rng.pick(['x', 'y', 'z']) : `f${rng.int(1, 40)}` };
  if (rng.chance(0.15)) opts.delay = rng.pick([5, 1000]);
  if (rng.chance(0.15)) opts.priority = rng.int(1, 3);
  if (rng.chance(0.1)) opts.lifo = true;
  if (depth > 0 && rng.chance(0.3)) opts[rng.pick(FAILURES)] = true;
  const one = { queueName: someQueue(rng, theme), name: rng.pick(['up', 'down']), data: someData(rng), opts: { ...opts, ...(rng.chance(0.2) ? keeping(rng) : {}) } };
  if (depth < 3 && rng.chance(0.6 - depth * 0.15)) one.children = Array.from({ length: rng.int(1, 3) }, () => node(rng, depth + 1, theme));
  return one;
}

function tree(rng, theme) {
  const root = node(rng, 0, theme);
  if (rng.chance(0.15)) root.opts.parent = { id: someId(rng), queue: `bull:${rng.pick(QUEUES)}` };
  if (rng.chance(0.05)) root.opts.deduplication = { id: 'd1' };
  return root;
}

function strip(node, state) {
  if (!node) return null;
  const children = (node.children ?? []).filter((child) => child?.job.name).map((child) => strip(child));
  return { id: node.job.id, name: node.job.name ?? '', children, ...(state && { state }) };
}

/** What BullMQ tells of a tree: no states, and no children that are gone. Children have no order. */
function plain(node) {
  if (!node) return null;
  const children = node.children.filter((child) => child.name !== '').map(plain);
  return { id: node.id, name: node.name, children };
}

function sorted(node) {
  if (!node) return null;
  return { ...node, children: node.children.map(sorted).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)) };
}

export default [
  {
    name: 'flow',
    weight: 5,
    make: (rng, { theme }) => ({ queue: 'a', flows: Array.from({ length: rng.chance(0.8) ? 1 : 2 }, () => tree(rng, theme)) }),
    async bullmq(bull, { flows }) {
      if (flows.length > 1) return outcome(bull.flow.addBulk(flows).then(() => null));
      const result = await outcome(bull.flow.add(flows[0]));
      if (result.error === 'refused') return result;
      return result.error ? [result.error] : [result.job.id];
    },
    async oxq(driver, args) {
      const answer = await driver.ask({ op: 'flow', ...args });
      if (!('ok' in answer)) return { error: 'refused', ...answer };
      return args.flows.length > 1 ? null : answer.ok;
    },
  },
  {
    name: 'read_flow',
    weight: 1,
    make: (rng) => ({ queue: rng.pick(QUEUES), id: rng.chance(0.5) ? someId(rng) : `f${rng.int(1, 20)}`, depth: rng.int(1, 4), maxChildren: 20 }),
    bullmq: async (bull, { queue, id, depth, maxChildren }) => sorted(strip(await bull.flow.getFlow({ queueName: queue, id, depth, maxChildren }))),
    oxq: async (driver, args) => sorted(plain((await driver.ask({ op: 'read_flow', ...args })).ok)),
  },
];
