// SPDX-License-Identifier: MIT
/*
 * The operations. Each file of this folder exports a list of
 *
 *   name      unique
 *   weight    how often it is chosen
 *   themes    {theme: factor} of its weight in cases with a theme, which state.theme tells: `deduplication` and `family` (parents and
 *             children that exist already) have few ids, so that these meet; `schedule` has much of schedulers; `work` is about workers, in
 *             longer cases
 *   make      (rng, state) => args, plain JSON with at least {queue}; null: not possible now
 *   bullmq    async (bull, args, state) => result; it comes first, and may put into args what was found
 *   oxq       async (driver, args, bull) => result, with BullMQ on the same database as a helper; without it the driver is asked for
 *             {op: name, ...args}
 *   isCommon  BullMQ does it on both sides: a way to get jobs into a state
 *   needsWhole  not in a case in which a job's hash was lost
 *   after     (state, args, result): what later operations should know; result is BullMQ's
 *
 * Results are compared as JSON. An operation that fails says so by {error: number}, BullMQ's code; see outcome().
 */
import add from './add.mjs';
import common from './common.mjs';
import flow from './flow.mjs';
import operate from './operate.mjs';
import scheduler from './scheduler.mjs';
import work from './work.mjs';

/** BullMQ makes a hash for a job that has lost its own when it takes it; ours is passed over. */
const whole = (ops) => ops.map((op) => ({ ...op, needsWhole: true }));

export const operations = [...add, ...flow, ...operate, ...scheduler, ...whole(work), ...common];
