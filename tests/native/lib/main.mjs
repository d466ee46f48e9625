// SPDX-License-Identifier: MIT
/* The runner; see ../README.md. */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { shrink } from '../../differential/lib/shrink.mjs';
import { quoteArg } from '../../protocol/lib/resp.mjs';
import { clock, stopTheClock } from '../../transitions/lib/bull.mjs';
import { differences, readKeyspace } from '../../transitions/lib/keyspace.mjs';
import { Rng } from '../../support/rng.mjs';
import { Both } from './both.mjs';
import { Clients } from './clients.mjs';
import { operations, THEMES, TWINS } from './ops/index.mjs';
import { PACKAGES } from './scripts.mjs';

const require = createRequire(fileURLToPath(new URL('../../e2e/package.json', import.meta.url)));
const { Redis } = require('ioredis');

const USAGE = `tests/native/run [--seed N] [--cases N] [--ops NAME,...] [--theme NAME] [--bullmq PACKAGE]
  --seed    of the first case (1); a failure prints its own
  --cases   how many (400)
  --ops     only these operations
  --theme   only cases of this kind: ${[...new Set(THEMES)].join(' ')}
  --bullmq  only this client: ${PACKAGES.join(' ')}
  --verbose each operation, and the share of twins of all scripts
OXQ_BIN names the oxq to test (build/release/oxq).`;
const START_MS = Date.UTC(2026, 2, 1, 12, 0, 0);
const FAILURES_SHOWN = 5;
const SHRINK_MS = 30_000;
/* Of a script that was called so often the share of twins is looked at. */
const CALLS_ENOUGH = 30;

const { values: options } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    cases: { type: 'string', default: '400' },
    ops: { type: 'string' },
    theme: { type: 'string' },
    bullmq: { type: 'string' },
    verbose: { type: 'boolean' },
    help: { type: 'boolean' },
  },
});
if (options.help) {
  console.log(USAGE);
  process.exit(0);
}

class Runner {
  passed = 0;
  failed = 0;
  steps = 0;

  static async start() {
    const runner = new Runner();
    stopTheClock();
    clock.ms = START_MS;
    runner.both = await Both.start(START_MS);
    runner.clients = new Clients(runner.both.port);
    runner.readers = runner.both.ports.map((port) => new Redis({ host: '127.0.0.1', port }));
    return runner;
  }

  async #advance(ms) {
    clock.ms += ms;
    await this.both.advance(ms);
  }

  #makeStep(rng, state, chosen) {
    for (;;) {
      const op = rng.weighted(chosen.map((one) => [one, one.weight * (one.themes?.[state.theme] ?? 1)]));
      const args = op.make(rng, state);
      if (args) return { op, args };
    }
  }

  /** What differs, as lines. */
  async #compare() {
    const { difference } = this.both;
    if (difference) return [`${difference.step.args.slice(0, 3).map(quoteArg).join(' ')} ...`, `  redis ${difference.left}`, `  oxq   ${difference.right}`];
    const [theirs, ours] = await Promise.all(this.readers.map((reader) => readKeyspace(reader, { isExact: true })));
    return differences(theirs, ours, { slackMs: 0, names: ['redis', 'oxq  '] });
  }

  async #play(seed, steps, chosen) {
    const rng = new Rng(seed);
    await this.both.call(['FLUSHALL']);
    this.both.begin();
    const state = { active: {}, theme: options.theme ?? rng.pick(THEMES), samples: this.both.samples };
    const packages = options.bullmq ? [options.bullmq] : rng.chance(0.7) ? [rng.pick(PACKAGES)] : PACKAGES;
    this.both.theme = state.theme;
    for (let n = rng.int(4, 24); n > 0 && !this.both.difference; n--) {
      await this.#advance(rng.pick([0, 0, 1, 7, 1000, 100_000]));
      const { op, args } = this.#makeStep(rng, state, chosen);
      const name = rng.pick(packages);
      steps.push(`${op.name} by ${name} at ${clock.ms} ${JSON.stringify(args)}`);
      if (options.verbose) console.log(steps.at(-1));
      // an old client may not have it at all, which is an error like others
      const play = async () => op.bullmq(this.clients.of(name), args, state, this.both);
      const played = play().catch((error) => ({ error: String(error) }));
      const result = await Promise.race([played, this.both.lost]);
      op.after?.(state, args, result?.error ? null : result);
    }
    return this.#compare();
  }

  async runCase(seed, chosen) {
    const steps = [];
    const wrong = await this.#play(seed, steps, chosen);
    this.steps += steps.length;
    if (wrong.length === 0) return void this.passed++;
    if (this.failed++ >= FAILURES_SHOWN) return;
    console.log(`\ncase ${seed}:`);
    for (const step of steps) console.log(`  ${step}`);
    for (const line of wrong) console.log(`    ${line}`);
    await this.#tellShort();
  }

  /** The requests that are needed for a difference, as a protocol script. */
  async #tellShort() {
    let last = null;
    const differs = async (log) => {
      await this.both.replay(log);
      const wrong = await this.#compare();
      if (wrong.length > 0) last = wrong;
      return wrong.length > 0;
    };
    const { log } = this.both;
    if (!(await differs(log))) return void console.log('  (played again, these requests make no difference)');
    const short = await shrink(log, differs, performance.now() + SHRINK_MS);
    console.log('  in short:');
    for (const step of short) console.log(`    ${step.does === 'wait' ? `@wait ${step.ms}` : `${step.on}: ${step.args.map(quoteArg).join(' ')}`}`);
    for (const line of last) console.log(`    ${line}`);
  }

  /** Did twins run? */
  checkTwins() {
    const rows = [...this.both.calls].sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [name, { calls, twins }] of rows) {
      if (twins > 0 || options.verbose) console.log(`${name}: ${calls} calls, ${Math.round((100 * twins) / calls)} % by twins`);
    }
    for (const [name, share] of Object.entries(TWINS)) {
      const row = this.both.calls.get(`${name} plain`);
      if (!row || row.calls < CALLS_ENOUGH) continue;
      if (row.twins / row.calls >= share) this.passed++;
      else {
        this.failed++;
        console.log(`${name}: a twin ran ${row.twins} of ${row.calls} plain calls`);
      }
    }
  }

  async stop() {
    await this.clients.close();
    for (const reader of this.readers) reader.disconnect();
    for (const text of await this.both.stop()) {
      this.failed++;
      console.log(text);
    }
  }
}

async function main() {
  const seed = Number(options.seed);
  const names = options.ops?.split(',');
  const chosen = operations.filter((op) => !names || names.includes(op.name));
  console.log(`seed ${seed}, ${options.cases} cases`);
  const runner = await Runner.start();
  for (let i = 0; i < Number(options.cases); i++) {
    await runner.runCase(seed + i, chosen).catch((error) => {
      throw new Error(`case ${seed + i}: ${error.message}`);
    });
  }
  runner.checkTwins();
  await runner.stop();
  console.log(`${runner.steps} operations`);
  console.log(`${runner.passed} passed, ${runner.failed} failed`);
  process.exit(runner.failed > 0 ? 1 : 0);
}

main().catch((error) => {
  console.log(`tests/native: ${error.stack}`);
  console.log('0 passed, 1 failed');
  process.exit(1);
});
