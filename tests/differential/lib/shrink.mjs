// SPDX-License-Identifier: MIT
/* Makes an episode that differs as short as it gets: first whole stretches go, then single steps, then single words. */

/** differs(steps) plays them and tells; deadline is when to be content (performance.now()). */
export async function shrink(steps, differs, deadline) {
  let best = steps;
  for (let length = best.length >> 1; length >= 1; length >>= 1) best = await removeStretches(best, length, differs, deadline);
  best = await removeStretches(best, 1, differs, deadline);
  return removeWords(best, differs, deadline);
}

async function removeStretches(steps, length, differs, deadline) {
  let best = steps;
  for (let from = best.length - length; from > -length && performance.now() < deadline; from -= length) {
    const at = Math.max(0, from);
    const fewer = [...best.slice(0, at), ...best.slice(at + length)];
    if (fewer.length > 0 && (await differs(fewer))) best = fewer;
  }
  return best;
}

async function removeWords(steps, differs, deadline) {
  let best = steps;
  for (let i = 0; i < best.length; i++) {
    for (let length = (best[i].args?.length ?? 0) >> 1; length >= 1; length >>= 1) {
      for (let word = best[i].args.length - length; word > 0 && performance.now() < deadline; word -= length) {
        const args = best[i].args.filter((_, at) => at < word || at >= word + length);
        const fewer = best.map((step, at) => (at === i ? { ...step, args } : step));
        if (await differs(fewer)) best = fewer;
      }
    }
  }
  return best;
}
