// SPDX-License-Identifier: MIT
/*
 * A seed's episode: a list of steps as protocol scripts have them. Connection 1 does most; 2 to 4 also block, watch and
 * run transactions; 3 or all may speak RESP3; 5 may subscribe.
 */
import { Gen } from './gen.mjs';
import { hashes } from './make/hashes.mjs';
import { databases, keys } from './make/keys.mjs';
import { blockingLists, lists } from './make/lists.mjs';
import { evalStep } from './make/lua.mjs';
import { sets, spop } from './make/sets.mjs';
import { blockingStreams, streams } from './make/streams.mjs';
import { strings } from './make/strings.mjs';
import { blockingZsets, zsets } from './make/zsets.mjs';

export const FAMILIES = { strings, keys, hashes, lists, sets, zsets, streams };
const BLOCKING = { lists: blockingLists, zsets: blockingZsets, streams: blockingStreams };
/* A command for the i-th element; g.member() knows m1 to m3000. */
const BIG = {
  hashes: ['hash', `"HSET", KEYS[1], "m" .. i, i`],
  lists: ['list', `"RPUSH", KEYS[1], i % 97`],
  sets: ['set', `"SADD", KEYS[1], "m" .. i`],
  zsets: ['zset', `"ZADD", KEYS[1], i * 7919 % 1009, "m" .. i`],
  streams: ['stream', `"XADD", KEYS[1], i .. "-1", "f", i`],
};
const SUBSCRIBER = 5;

/** @returns steps: { does: 'call' | 'wait', on, args, way, mayBlock, ms } */
export function makeEpisode(seed, stepsCount, families) {
  return new Episode(seed, families).make(stepsCount);
}

class Episode {
  #steps = [];
  #on = 1;
  #multi = new Set();

  /* families: of FAMILIES, and lua; undefined: all. */
  constructor(seed, families) {
    this.g = new Gen(seed);
    this.names = Object.keys(FAMILIES).filter((name) => !families || families.includes(name));
    this.hasLua = !families || families.includes('lua');
    this.blocking = this.names.flatMap((name) => BLOCKING[name] ?? []);
  }

  make(count) {
    const { g } = this;
    // some episodes keep to a family or two, where what is rare elsewhere becomes common
    this.families = g.chance(0.5) ? g.some(1, 2, () => g.pick(this.names)) : this.names;
    this.hasOthers = this.blocking.length > 0 && g.chance(0.6);
    g.hasSeveralPureKeys = this.hasOthers && g.chance(0.3);
    this.luaChance = g.pick([0, 0.02, 0.1, 0.3]) * (this.hasLua && !g.hasSeveralPureKeys ? 1 : 0);
    const resp3 = g.weighted([[4, []], [4, [3]], [2, [1, 2, 3, 4]]]);
    for (const on of resp3) this.#call(['HELLO', '3'], { on, way: 'any' });
    if (g.chance(0.2)) this.#subscribe();
    if (g.chance(0.15)) this.#fill();
    while (this.#steps.length < count) this.#step();
    return this.#steps;
  }

  #step() {
    const { g } = this;
    if (this.hasOthers && g.chance(0.08)) this.#on = g.pick([1, 1, 2, 3, 4]);
    g.weighted([
      [900, () => this.#plain()],
      [Math.round(1000 * this.luaChance), () => this.#call(...this.#lua())],
      [this.hasLua ? 1 : 0, () => this.#call(['SCRIPT', 'FLUSH', ...g.maybe(0.3, () => g.pick(['ASYNC', 'SYNC', 'NOSUCH']))])],
      [12, () => this.#wait()],
      [this.hasOthers ? 40 : 0, () => this.#block()],
      [g.hasSeveralPureKeys ? 0 : 15, () => this.#transaction()],
      [12, () => this.#call(pickFrom(g, databases).args)],
      [12, () => this.#spop()],
      [this.hasOthers ? 4 : 0, () => this.#call(['CLIENT', 'UNBLOCK', `<id:${g.int(2, 4)}>`, ...g.maybe(0.5, () => g.pick(['TIMEOUT', 'ERROR']))])],
    ])();
  }

  #plain() {
    const { args, way, isAsIs } = pickFrom(this.g, FAMILIES[this.g.pick(this.families)]);
    this.#call(isAsIs ? args : mutate(this.g, args), { way });
  }

  #lua() {
    const { g } = this;
    if (g.chance(0.1)) {
      const sha = g.pick(['e0e1f9fabfc9d4800c877a703b823ac0578ff8db', 'ffffffffffffffffffffffffffffffffffffffff', 'x']);
      return [g.pick([['EVALSHA', sha, '0'], ['SCRIPT', 'LOAD', `return ${g.int(1, 3)}`], ['SCRIPT', 'EXISTS', sha, sha], ['EVALSHA_RO', sha, '0']])];
    }
    const { args, way } = evalStep(g, () => this.#orderly());
    return [args, { way }];
  }

  /** The words of a command with one answer, for a script. */
  #orderly() {
    for (;;) {
      const { args, way, isAsIs } = pickFrom(this.g, FAMILIES[this.g.pick(this.families)]);
      if (way === 'exact' && !args.some((arg) => arg.includes('<now'))) return isAsIs ? args : mutate(this.g, args);
      if (!this.families.some((name) => FAMILIES[name].some((row) => !row[2]))) return ['PING'];
    }
  }

  #wait() {
    this.#steps.push({ does: 'wait', ms: 2 * this.g.weighted([[6, () => this.g.int(1, 750)], [1, () => this.g.int(1000, 10000)]])() });
    // DBSIZE would tell how far each server came with removing what nobody asks for; KEYS tells what there is
    this.#call(['KEYS', '*'], { way: 'unordered' });
  }

  #block() {
    const { args } = pickFrom(this.g, this.blocking);
    this.#call(mutate(this.g, args), { on: this.g.int(2, 4), mayBlock: true });
    // what comes by renaming wakes too
    if (this.g.chance(0.1)) {
      const type = this.g.pick(['list', 'zset', 'stream']);
      this.#call(['RENAME', this.g.pureKey(type), this.g.pureKey(type)]);
    }
  }

  #transaction() {
    const { g } = this;
    const on = this.#on;
    if (g.chance(0.4)) this.#call(['WATCH', ...g.keys(undefined, 1, 2)]);
    if (g.chance(0.2)) this.#plain();
    if (g.chance(0.3) && this.hasOthers) {
      this.#on = g.int(1, 4);
      this.#plain();
      this.#on = on;
    }
    if (g.chance(0.95)) this.#call(['MULTI']);
    for (let i = g.int(0, 6); i > 0; i--) {
      if (this.hasOthers && g.chance(0.1)) this.#call(pickFrom(g, this.blocking).args, { mayBlock: true });
      else if (g.chance(0.05)) this.#call(['nosuch']);
      else this.#plain();
    }
    this.#call([g.weighted([[8, 'EXEC'], [1, 'DISCARD'], [1, 'UNWATCH']])]);
  }

  #spop() {
    for (const { args, way } of spop(this.g)) this.#call(args, { way });
  }

  /** Values of thousands of elements, where ranks and ranges are found by other ways than in small ones. */
  #fill() {
    const { g } = this;
    for (const name of this.names.filter((family) => BIG[family])) {
      const [type, command] = BIG[name];
      for (const key of g.keys(type, 1, 2)) {
        this.#call(['EVAL', `for i = 1, tonumber(ARGV[1]) do redis.pcall(${command}) end`, '1', key, String(g.int(200, 3000))]);
      }
    }
  }

  #subscribe() {
    const { g } = this;
    for (const channel of g.some(0, 3, () => g.letter())) this.#call(['SUBSCRIBE', channel], { on: SUBSCRIBER });
    if (g.chance(0.5)) this.#call(['PSUBSCRIBE', g.pick(['*', '[a-d]', '?'])], { on: SUBSCRIBER });
  }

  #call(args, options = {}) {
    const mayBlock = options.mayBlock ?? false;
    this.#steps.push({ does: 'call', on: this.#on, way: 'exact', args, ...options, mayBlock });
  }
}

function pickFrom(g, rows) {
  const [, make, way] = g.weighted(rows.map((row) => [row[0], row]));
  const args = make(g);
  return { args, way: way === 'asis' || !way ? 'exact' : way, isAsIs: way === 'asis' };
}

/** Now and then a command as nobody should send it. */
function mutate(g, args) {
  if (g.chance(0.02)) return [g.anyCase(args[0]), ...args.slice(1)];
  if (!g.chance(0.03) || args.length === 1) return args;
  const at = g.int(1, Math.max(1, args.length - 1));
  return g.pick([
    () => args.slice(0, -1),
    () => [...args, g.junk()],
    () => args.map((arg, i) => (i === at ? g.junk() : arg)),
    () => [...args.slice(0, at), ...args.slice(at + 1)],
    () => args.map((arg) => (/^[A-Z]+$/.test(arg) ? g.anyCase(arg) : arg)),
  ])();
}
