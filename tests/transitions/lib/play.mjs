// SPDX-License-Identifier: MIT
/** Plays a case: a list of steps {op, args, now}, on both sides. */
import { operations } from './ops/index.mjs';
import { clock } from './bull.mjs';
import { differences, readKeyspace } from './keyspace.mjs';
import { Rng } from '../../support/rng.mjs';

const FIRST_MS = Date.UTC(2026, 2, 1, 12, 0, 0);
const byName = new Map(operations.map((op) => [op.name, op]));

async function askOurs(sides, op, step) {
  if (op.isCommon) return op.bullmq(sides.helper, step.args, {});
  if (op.oxq) return op.oxq(sides.driver, { ...step.args, now: step.now }, sides.helper);
  const answer = await sides.driver.ask({ op: op.name, ...step.args, now: step.now });
  return 'ok' in answer ? answer.ok : { error: 'refused', ...answer };
}

/** Refusals have numbers where both sides asked the server; what was refused before that has none. */
function sameResult(theirs, ours) {
  if (theirs?.error && ours?.error) return true;
  return JSON.stringify(theirs ?? null) === JSON.stringify(ours ?? null);
}

/*
 * Redis gives the members of a set in the order of its hash table, and while that grows, looking for a member moves a part of it: the two sides,
 * which look differently often, would see other orders of children. So the growth is brought to its end on both.
 */
const GROW = `
for _, key in ipairs(redis.call('KEYS', '*:dependencies')) do
  for i = 1, 2 * redis.call('SCARD', key) do redis.call('SISMEMBER', key, i) end
end`;

async function growTables(sides) {
  await Promise.all([sides.bull.client.eval(GROW, 0), sides.helper.client.eval(GROW, 0)]);
}

async function playStep(sides, step, state) {
  clock.ms = step.now;
  const op = byName.get(step.op);
  const theirs = await op.bullmq(sides.bull, step.args, state);
  const ours = await askOurs(sides, op, step);
  op.after?.(state, step.args, theirs);
  await growTables(sides);
  return sameResult(theirs, ours) ? [] : [`result\n      BullMQ ${JSON.stringify(theirs)}\n      oxq    ${JSON.stringify(ours)}`];
}

async function begin(sides) {
  await Promise.all([sides.bull.client.flushdb(), sides.helper.client.flushdb()]);
  return { active: {} };
}

async function compare(sides) {
  const [theirs, ours] = await Promise.all([readKeyspace(sides.bull.client), readKeyspace(sides.helper.client)]);
  return differences(theirs, ours);
}

/** A case has a theme: what is rare elsewhere comes often in it. See ops/index.mjs. */
const THEMES = ['mixed', 'mixed', 'deduplication', 'family', 'schedule', 'work', 'work', 'work'];

function makeStep(rng, state, now, chosen) {
  for (;;) {
    const op = rng.weighted(chosen.map((one) => [one, one.weight * (one.themes?.[state.theme] ?? 1)]));
    const args = op.needsWhole && state.hasLost ? null : op.make(rng, state);
    if (args) return { op: op.name, args, now };
  }
}

/** A new case from a seed. Returns its steps, and what differs at its end. */
export async function playNew(sides, seed, chosen) {
  const rng = new Rng(seed);
  const state = { ...(await begin(sides)), theme: rng.pick(THEMES) };
  const steps = [];
  const wrong = [];
  clock.ms = FIRST_MS + rng.int(0, 10 ** 9);
  const isLong = state.theme === 'work';
  for (let n = isLong ? rng.int(10, 40) : rng.int(3, 16); n > 0 && wrong.length === 0; n--) {
    const step = makeStep(rng, state, clock.ms + rng.pick([0, 0, 1, 7, 1000, 100_000]), chosen);
    steps.push(step);
    wrong.push(...(await playStep(sides, step, state)));
  }
  return { steps, wrong: [...wrong, ...(await compare(sides))] };
}

/** The same steps again, compared after each: stops at the first that differs. */
export async function playAgain(sides, steps) {
  const state = await begin(sides);
  for (let i = 0; i < steps.length; i++) {
    const wrong = [...(await playStep(sides, steps[i], state)), ...(await compare(sides))];
    if (wrong.length > 0) return { steps: steps.slice(0, i + 1), wrong };
  }
  return { steps, wrong: [] };
}

/** Without the steps that are not needed. */
export async function shrink(sides, steps) {
  let last = await playAgain(sides, steps);
  for (let i = last.steps.length - 2; i >= 0; i--) {
    const fewer = last.steps.filter((_, at) => at !== i);
    const next = await playAgain(sides, fewer).catch(() => ({ wrong: [] }));
    if (next.wrong.length > 0) {
      last = next;
      i = Math.min(i, last.steps.length - 1);
    }
  }
  return last;
}
