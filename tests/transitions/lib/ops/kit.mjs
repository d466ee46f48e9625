// SPDX-License-Identifier: MIT
/** What operations share: names to choose from, and how failures are compared. */

export const QUEUES = ['a', 'b'];
export const IDS = ['x', 'y', 'z', 'w'];

export function someQueue(rng, theme) {
  return theme === 'mixed' || rng.chance(0.15) ? rng.pick(QUEUES) : 'a';
}

/** Ids of jobs that may be there. */
export function someId(rng) {
  return rng.chance(0.5) ? rng.pick(IDS) : String(rng.int(1, 6));
}

export function someData(rng) {
  return rng.pick([{}, { n: rng.int(0, 99) }, { text: 'grüße "€" \n', list: [1, 2.5, null, true] }, [1, 'two'], 'text', 7, null]);
}

/**
 * BullMQ's errors have codes; an error without one is a refusal before anything was sent. Its scripts fail themselves where they meet what
 * they do not expect (a job that is its own ancestor, removed with its children).
 */
export async function outcome(promise) {
  try {
    return await promise;
  } catch (error) {
    if (error?.name === 'ReplyError') return { error: 'script' };
    return { error: error?.code ?? 'refused' };
  }
}
