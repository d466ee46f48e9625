// SPDX-License-Identifier: MIT
/*
 * Chance with a seed, and the words that commands are made of: keys from a small set, so that types collide; texts,
 * numbers and scores of all sorts, most of them from few, so that they meet again.
 */
const KEYS = {
  string: ['s1', 's2', 's3', 'n1', 'n2'],
  hash: ['h1', 'h2', 'h3'],
  list: ['l1', 'l2', 'l3', 'l4'],
  set: ['e1', 'e2', 'e3', 'e4'],
  zset: ['z1', 'z2', 'z3', 'z4'],
  stream: ['x1', 'x2', 'x3'],
};
const ANY_KEYS = Object.values(KEYS).flat();
/*
 * Only ever of their type: here clients block. What one that waits at several keys gets when another of them has a wrong
 * type differs from 7.0 to 7.2.
 */
const PURE_KEYS = { list: ['lq1', 'lq2', 'lq3'], zset: ['zq1', 'zq2', 'zq3'], stream: ['xq1', 'xq2'] };
export const LEX_KEYS = ['lex1', 'lex2', 'lex3'];
const JUNK = ['', 'x', '-1', '0', '1', '-0', '2', '99', '1.5', '1e400', 'nan', 'inf', '(1', '[a', '+', '-', '$', '*', '>', '=', '~',
  '9223372036854775807', '9223372036854775808', '-9223372036854775808', ' 1', '1 ', '0x10', '007', '\x00', '\xff', 'COUNT', 'LIMIT', 'nosuch'];
const BYTES_MAX = 256;

export class Gen {
  #state;

  constructor(seed) {
    this.#state = (Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995) >>> 0;
    for (let i = 0; i < 8; i++) this.#next();
  }

  #next() {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** An integer from low to high, both included. */
  int(low, high) {
    return low + (this.#next() % (high - low + 1));
  }

  chance(p) {
    return this.#next() / 2 ** 32 < p;
  }

  pick(items) {
    return items[this.#next() % items.length];
  }

  /** rows: [weight, item]. */
  weighted(rows) {
    let at = this.#next() % rows.reduce((sum, [weight]) => sum + weight, 0);
    return rows.find(([weight]) => (at -= weight) < 0)[1];
  }

  /** From low to high of what make gives. */
  some(low, high, make) {
    return Array.from({ length: this.int(low, high) }, make);
  }

  /** These words with that chance, else none. */
  maybe(p, ...words) {
    return this.chance(p) ? words.map((word) => (typeof word === 'function' ? word() : word)) : [];
  }

  shuffle(items) {
    const out = [...items];
    for (let i = out.length - 1; i > 0; i--) {
      const j = this.int(0, i);
      [out[i], out[j]] = [out[j], out[i]];
    }
    return out;
  }

  key(type) {
    if (this.chance(0.02)) return 'none';
    if (type === undefined || this.chance(0.06)) return this.pick(ANY_KEYS);
    if (PURE_KEYS[type] && this.chance(0.25)) return this.pick(PURE_KEYS[type]);
    return this.pick(KEYS[type]);
  }

  pureKey(type) {
    return this.pick(PURE_KEYS[type]);
  }

  isPure(key) {
    return Object.values(PURE_KEYS).some((keys) => keys.includes(key));
  }

  /*
   * Several only where no step fills two of them at once: whether then the first named or the first filled is taken
   * differs from 7.0 to 7.2.
   */
  pureKeys(type) {
    return this.hasSeveralPureKeys ? this.shuffle(PURE_KEYS[type]).slice(0, this.int(1, 3)) : [this.pureKey(type)];
  }

  /*
   * Where all scores are the same. Ranges by lex have no defined answer elsewhere, so nothing else writes to these.
   */
  lexKey() {
    return this.pick(LEX_KEYS);
  }

  keys(type, low, high) {
    return this.some(low, high, () => this.key(type));
  }

  letter() {
    return this.pick('abcdefghijklmnop');
  }

  /** A value. */
  text() {
    return this.weighted([
      [30, () => this.letter()],
      [10, () => this.letter() + this.letter()],
      [20, () => this.integer()],
      [8, () => this.float()],
      [2, () => ''],
      [3, () => this.bytes(this.int(1, 12))],
      [3, () => 'v'.repeat(this.int(60, 70))],
      [1, () => this.letter().repeat(this.int(200, 5000))],
      [3, () => `a ${this.letter()}\r\n"quoted" 'too'`],
      [2, () => this.pick(JUNK)],
    ])();
  }

  /** An element of a hash, set or sorted set. */
  member() {
    return this.weighted([
      [50, () => this.letter()],
      [25, () => String(this.int(-5, 40))],
      [3, () => this.bytes(this.int(1, 6))],
      [2, () => 'm'.repeat(this.int(62, 68))],
      [2, () => ''],
      [8, () => this.letter() + this.letter()],
      [8, () => `m${this.int(1, 3000)}`],
      [2, () => this.integer()],
    ])();
  }

  bytes(length) {
    return Array.from({ length }, () => String.fromCharCode(this.#next() % BYTES_MAX)).join('');
  }

  integer() {
    return this.weighted([
      [30, () => String(this.int(0, 20))],
      [8, () => String(-this.int(0, 20))],
      [4, () => String(this.int(100, 100000))],
      [1, () => this.pick(['9223372036854775807', '-9223372036854775808', '4294967296', '2147483648', '32768', '-129', '9007199254740993'])],
    ])();
  }

  float() {
    return this.weighted([
      [10, () => (this.int(-200, 200) / 4).toString()],
      [4, () => (this.int(-100000, 100000) / 997).toString()],
      [2, () => `${this.int(1, 9)}e${this.int(-9, 15)}`],
      [1, () => this.pick(['3.0', '0.1', '-0', '1e20', '5e-324', '1.7976931348623157e308', '0.30000000000000004', '7353650997469183'])],
    ])();
  }

  score() {
    return this.weighted([
      [50, () => String(this.int(-3, 12))],
      [6, () => String(this.int(0, 1009))],
      [12, () => this.float()],
      [3, () => this.pick(['inf', '-inf', '+inf', 'Infinity'])],
      [1, () => this.pick(['nan', 'x', ''])],
    ])();
  }

  /** One end of a range of scores. */
  scoreEnd() {
    return (this.chance(0.25) ? '(' : '') + this.weighted([[8, () => this.score()], [2, () => this.pick(['-inf', '+inf'])]])();
  }

  lexEnd() {
    return this.weighted([[6, () => this.pick('[(') + this.member()], [3, () => this.pick('-+')], [1, () => this.pick(['', 'a', '[', '('])]])();
  }

  index() {
    return String(this.weighted([[8, () => this.int(-6, 6)], [3, () => this.pick([0, -1])], [1, () => this.int(-3000, 3000)]])());
  }

  count() {
    return String(this.weighted([[9, () => this.int(0, 6)], [2, () => this.int(-4, 0)], [1, () => this.int(50, 300)]])());
  }

  /** A time in milliseconds from now; episodes move the clock by about as much. */
  soonMs() {
    return this.weighted([[6, () => this.int(100, 4000)], [3, () => this.int(5000, 200000)], [1, () => this.int(-2000, 0)]])();
  }

  junk() {
    return this.pick(JUNK);
  }

  anyCase(word) {
    return [...word].map((c) => (this.chance(0.5) ? c.toLowerCase() : c.toUpperCase())).join('');
  }
}
