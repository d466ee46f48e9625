// SPDX-License-Identifier: MIT
/*
 * The operations. Each file of this folder exports a list of
 *
 *   name      unique
 *   weight    how often it is chosen
 *   themes    {theme: factor} of its weight in cases with a theme, which state.theme tells: `deduplication` and `family` (parents and
 *             children that exist already) have few ids, so that these meet; `work`
 *             is about workers, in longer cases
 *   make      (rng, state) => args, plain JSON with at least {queue}; null: not possible now
 *   bullmq    async (bull, args, state) => result; it comes first, and may put into args what was found
 *   oxq       async (driver, args) => result; without it the driver is asked for {op: name, ...args}
 *   isCommon  BullMQ does it on both sides: a way to get jobs into a state
 *   after     (state, args, result): what later operations should know; result is BullMQ's
 *
 * Results are compared as JSON. An operation that fails says so by {error: number}, BullMQ's code; see outcome().
 */
import add from './add.mjs';
import common from './common.mjs';
import flow from './flow.mjs';
import work from './work.mjs';

export const operations = [...add, ...flow, ...work, ...common];
