// SPDX-License-Identifier: MIT
/*
 * The operations: those of tests/transitions, of which only what BullMQ does is played here (its lib/ops/index.mjs says what one has), and
 * ours, in which bullmq() gets a fourth argument: the Both that it goes through. A theme of ours is `plain` (what most jobs are) or `odd`
 * (states and calls that no client makes).
 */
import { operations as transitions } from '../../../transitions/lib/ops/index.mjs';
import add from './add.mjs';
import odd from './odd.mjs';
import work from './work.mjs';

export const THEMES = ['plain', 'plain', 'plain', 'odd', 'odd', 'odd', 'mixed', 'deduplication', 'family', 'schedule', 'work', 'work'];

/* Their scripts walk through sets, whose order is left to chance by Redis, and do something to each member. */
const WALK_SETS = new Set(['remove', 'remove_children', 'bullmq:remove', 'sweep']);
const rare = { plain: 0.2, odd: 0.2 };
const frequent = { plain: 2, odd: 2 };
const FREQUENT = new Set(['bullmq:pause', 'bullmq:concurrency', 'fetch']);
const known = transitions.filter((op) => !WALK_SETS.has(op.name)).map((op) => ({ ...op, themes: { ...op.themes, ...(FREQUENT.has(op.name) ? frequent : rare) } }));

export const operations = [...known, ...add, ...work, ...odd];

/**
 * The scripts that have twins, and the share of their calls that a twin must run in cases with the theme `plain`.
 */
export const TWINS = { addStandardJob: 0.5, addDelayedJob: 0.5, addPrioritizedJob: 0.5, moveToActive: 0.5, moveToFinished: 0.5 };
