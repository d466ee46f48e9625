// SPDX-License-Identifier: MIT
/** A small seeded generator (splitmix32), so that a run repeats from the seed it prints. */
export class Rng {
  constructor(seed) {
    this.state = seed >>> 0;
  }

  next() {
    this.state = (this.state + 0x9e3779b9) >>> 0;
    let z = this.state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  }

  /** A whole number from min to max, both included. */
  int(min, max) {
    return min + Math.floor((this.next() / 2 ** 32) * (max - min + 1));
  }

  chance(share) {
    return this.next() / 2 ** 32 < share;
  }

  pick(list) {
    return list[this.int(0, list.length - 1)];
  }

  /** Of [value, weight] pairs. */
  weighted(pairs) {
    let at = (this.next() / 2 ** 32) * pairs.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [value, weight] of pairs) {
      at -= weight;
      if (at < 0) return value;
    }
    return pairs.at(-1)[0];
  }
}
