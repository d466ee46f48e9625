// SPDX-License-Identifier: MIT
/* The runner of random episodes; see ../README.md. */
import { parseArgs } from 'node:util';
import { Pair } from '../../protocol/lib/servers.mjs';
import { makeStream, playStream, shrinkStream, streamAsScript } from './bytes.mjs';
import { makeEpisode } from './episode.mjs';
import { Player } from './player.mjs';
import { shrink } from './shrink.mjs';

const DEFAULTS = { seed: 1, steps: 400, episodes: 120, shrinkSeconds: 20 };
const START_OF_TIME_MS = 1_700_000_000_000;
const STREAMS_PER_EPISODE = 10;
const SHOWN_BYTES = 700;
const SHOWN_DIFFERENCES = 12;
const USAGE = `usage: tests/differential/run [options]
  --seed N      the first episode's seed (${DEFAULTS.seed}); the next ones count up
  --episodes N  how many (${DEFAULTS.episodes})
  --steps N     commands in each (${DEFAULTS.steps})
  --minutes N   as many episodes as fit, instead of --episodes
  --only A,B    only these families: strings keys hashes lists sets zsets streams lua
  --self        redis-server beside itself: must find nothing
  --shrink N    seconds to spend on making a difference short (${DEFAULTS.shrinkSeconds})
  --different N stop after so many different differences (${SHOWN_DIFFERENCES})
OXQ_BIN names the oxq to test (build/release/oxq).`;

const options = Object.fromEntries(['seed', 'episodes', 'steps', 'minutes', 'shrink', 'different', 'only'].map((name) => [name, { type: 'string' }]));
Object.assign(options, { self: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } });

class Runner {
  passed = 0;
  failed = 0;
  stepsCount = 0;
  #seen = new Set();

  constructor(pair, shrinkSeconds, families) {
    this.families = families;
    this.player = new Player(pair);
    this.pair = pair;
    this.shrinkMs = shrinkSeconds * 1000;
  }

  get differentCount() {
    return this.#seen.size;
  }

  async run(seed, length) {
    const steps = makeEpisode(seed, length, this.families);
    const difference = await this.player.play(steps);
    this.stepsCount += this.player.played;
    if (!difference) return this.#runStreams(seed);
    this.failed++;
    const name = signature(difference);
    if (this.#seen.has(name)) return;
    this.#seen.add(name);
    await this.#tell(seed, steps, difference, name);
  }

  /** Malformed requests, in the wake of an episode. */
  async #runStreams(seed) {
    for (let i = 0; i < STREAMS_PER_EPISODE; i++) {
      const bytes = makeStream(seed * STREAMS_PER_EPISODE + i);
      const difference = await playStream(this.player.session, bytes);
      if (difference) return this.#tellStream(seed, bytes, difference);
    }
    this.passed++;
  }

  async #tellStream(seed, bytes, first) {
    this.failed++;
    let last = { ...first, ended: await this.pair.revive() };
    const name = `bytes ${last.left.slice(0, 24)} | ${last.right.slice(0, 24)} | ${last.ended ? 'ended' : ''}`;
    if (this.#seen.has(name)) return;
    this.#seen.add(name);
    await this.player.session.reset();
    const differs = async (fewer) => {
      const difference = await playStream(this.player.session, fewer);
      if (!difference) return false;
      last = { ...difference, ended: await this.pair.revive() };
      if (last.ended) await this.player.session.reset();
      return true;
    };
    const script = streamAsScript(await shrinkStream(bytes, differs, performance.now() + this.shrinkMs));
    this.#print(`seed ${seed}, malformed requests`, script, last);
  }

  async #tell(seed, steps, first, name) {
    let last = first;
    const differs = async (fewer) => {
      const difference = await this.player.play(fewer);
      if (!difference || signature(difference) !== name) return false;
      last = difference;
      return true;
    };
    await shrink(steps, differs, performance.now() + this.shrinkMs);
    this.#print(`seed ${seed} of ${steps.length} steps: the last reply differs`, last.script, last);
  }

  #print(title, script, { left, right, ended }) {
    console.log(title);
    for (const line of script) console.log(`    ${line}`);
    console.log(`  # redis ${cut(left, right)}`);
    console.log(`  # ${this.pair.right.kind.padEnd(5)} ${cut(right, left)}`);
    if (ended) console.log(ended);
  }
}

/* Differences of the same kind are told once: by the command and the first words of the replies. */
function signature({ step, left, right, ended }) {
  const name = step.args.slice(0, /^(xinfo|xgroup|object|client|script)$/i.test(step.args[0]) ? 2 : 1).join(' ').toUpperCase();
  const kind = (text) => (text.startsWith('-') ? text.replace(/[0-9a-f]{40}/g, '').split(' ').slice(0, 4).join(' ') : text[0]);
  return `${name} | ${kind(left)} | ${kind(right)} | ${ended ? 'ended' : ''}`;
}

function cut(text, other) {
  if (text.length <= SHOWN_BYTES) return text;
  let at = 0;
  while (at < text.length && text[at] === other[at]) at++;
  const from = Math.max(0, at - 200);
  return `(from ${from}) ${text.slice(from, from + SHOWN_BYTES)} ...`;
}

async function main() {
  const { values } = parseArgs({ options });
  if (values.help) return void console.log(USAGE);
  const number = (name, otherwise) => (values[name] === undefined ? otherwise : Number(values[name]));
  const pair = await Pair.start({ right: values.self ? 'redis' : 'oxq', frozenAtMs: START_OF_TIME_MS });
  const runner = new Runner(pair, number('shrink', DEFAULTS.shrinkSeconds), values.only?.split(','));
  const deadline = performance.now() + number('minutes', Infinity) * 60_000;
  const episodes = values.minutes === undefined ? number('episodes', DEFAULTS.episodes) : Infinity;
  const first = number('seed', DEFAULTS.seed);
  for (let i = 0; i < episodes && performance.now() < deadline; i++) {
    await runner.run(first + i, number('steps', DEFAULTS.steps));
    if (runner.differentCount >= number('different', SHOWN_DIFFERENCES)) break;
  }
  for (const text of await pair.stop()) {
    runner.failed++;
    console.log(text);
  }
  console.log(`${runner.stepsCount} steps; ${runner.differentCount} kinds of differences`);
  console.log(`${runner.passed} passed, ${runner.failed} failed`);
  process.exit(runner.failed > 0 ? 1 : 0);
}

main().catch((error) => {
  console.log(`tests/differential: ${error.stack}`);
  console.log('0 passed, 1 failed');
  process.exit(1);
});
