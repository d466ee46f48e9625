// SPDX-License-Identifier: MIT
/*
 * Random operations, each done by BullMQ in one database of a real redis-server and by src/jobs in another. Results must be the same,
 * and afterwards the keyspaces: see README.md.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { startServer } from '../../e2e/lib/server.mjs';
import { Bull, stopTheClock } from './bull.mjs';
import { Driver } from './driver.mjs';
import { operations } from './ops/index.mjs';
import { playOwn } from './own.mjs';
import { playAgain, playNew, shrink } from './play.mjs';
import { cases } from './scenarios.mjs';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const USAGE = `tests/transitions/run [--seed N] [--cases N] [--ops NAME,...] [--bullmq PACKAGE] [--server redis|oxq]
  --seed    of the first case (1); a failure prints its own
  --ops     only these operations (and those that BullMQ does on both sides)
  --bullmq  bullmq (the newest of tests/e2e), bullmq62`;
const FAILURES_SHOWN = 5;

const { values: options } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    cases: { type: 'string', default: '1000' },
    ops: { type: 'string' },
    bullmq: { type: 'string', default: 'bullmq' },
    server: { type: 'string', default: 'redis' },
    help: { type: 'boolean' },
  },
});
if (options.help) {
  console.log(USAGE);
  process.exit(0);
}

const made = spawnSync('make', ['-s', '-C', ROOT, 'build/tests/transitions'], { encoding: 'utf8' });
if (made.status !== 0) {
  console.log(made.stdout + made.stderr);
  process.exit(2);
}

const seed = Number(options.seed);
const names = options.ops?.split(',');
const chosen = operations.filter((op) => !names || op.isCommon || names.includes(op.name));
if (names && !chosen.some((op) => !op.isCommon)) throw new Error(`no operation is called ${options.ops}`);

const server = await startServer(options.server);
stopTheClock();
const sides = {
  bull: new Bull(options.bullmq, server.port, 0),
  helper: new Bull(options.bullmq, server.port, 1),
  driver: new Driver(server.port, 1),
};
console.log(`seed ${seed}, ${options.cases} cases`);
let [passed, failed, steps] = [0, 0, 0];

function tell(name, played) {
  console.log(`\n${name}:`);
  for (const step of played.steps) console.log(`  ${step.op} at ${step.now} ${JSON.stringify(step.args)}`);
  for (const line of played.wrong) console.log(`    ${line}`);
}

async function judge(name, played) {
  steps += played.steps.length;
  if (played.wrong.length === 0) {
    passed++;
  } else if (failed++ < FAILURES_SHOWN) {
    const short = await shrink(sides, played.steps);
    tell(name, short.wrong.length > 0 ? short : played);
  }
}

if (!names) {
  const own = await playOwn(sides.driver, sides.helper.client);
  passed += own.passed;
  failed += own.wrong.length;
  for (const [name, text] of own.wrong) console.log(`\n${name}:\n    ${text}`);
}
if (!names) for (const one of cases) await judge(one.name, await playAgain(sides, one.steps));
for (let i = 0; i < Number(options.cases); i++) await judge(`case ${seed + i}`, await playNew(sides, seed + i, chosen));
sides.driver.close();
await Promise.all([sides.bull.close(), sides.helper.close()]);
server.kill();
console.log(`${steps} operations`);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);
