// SPDX-License-Identifier: MIT
/*
 * A queue is made, damaged, and a transition is run on it: on a redis-server, on oxq with twins, on oxq without. An error must leave everything
 * as it was, a success must lose no job, and all three must do the same: see ../README.md.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { startServer } from '../../e2e/lib/server.mjs';
import { Rng } from '../../support/rng.mjs';
import { readKeyspace } from '../../transitions/lib/keyspace.mjs';
import { CALLS, makeCall } from './calls.mjs';
import { makeDamage } from './damage.mjs';
import { whatIsWrong, whatDiffers } from './judge.mjs';
import { makeQueue } from './queue.mjs';

const require = createRequire(fileURLToPath(new URL('../../e2e/package.json', import.meta.url)));
const { Redis } = require('ioredis');
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const USAGE = `tests/damage/run [--seed N] [--cases N] [--calls NAME,...] [--all]
  --seed    of the first case (1); a failure prints its own
  --cases   how many (500)
  --calls   only these transitions
  --all     tell of all that fails
OXQ_BIN names the oxq to test (build/release/oxq).`;
const FAILURES_SHOWN = 5;

const { values: options } = parseArgs({
  options: { seed: { type: 'string', default: '1' }, cases: { type: 'string', default: '500' }, calls: { type: 'string' }, all: { type: 'boolean' }, help: { type: 'boolean' } },
});
if (options.help) {
  console.log(USAGE);
  process.exit(0);
}

class Side {
  static async start(name, kind, isNative) {
    const side = new Side();
    side.name = name;
    side.server = await startServer(kind);
    side.client = new Redis({ host: '127.0.0.1', port: side.server.port });
    if (kind === 'oxq') await side.client.config('SET', 'native-scripts', isNative ? 'yes' : 'no');
    side.shas = {};
    return side;
  }

  async load(name, text) {
    this.shas[name] = await this.client.script('LOAD', text);
  }

  /** What the commands leave, what the call answers, and what it leaves. */
  async play(commands, call) {
    await this.client.flushall();
    await this.client.pipeline(commands.map(([name, ...args]) => ['call', name, ...args.map(String)])).exec();
    const before = await readKeyspace(this.client, { isExact: true });
    if (call.isShort) await this.client.config('SET', 'maxmemory', 1);
    const reply = await this.client.evalsha(this.shas[call.name], 1, call.prefix, ...call.args).catch((error) => error);
    if (call.isShort) await this.client.config('SET', 'maxmemory', 0);
    return { before, reply, after: await readKeyspace(this.client, { isExact: true }) };
  }

  stop() {
    this.client.disconnect();
    this.server.kill();
  }
}

const show = (words) => words.map((word) => (Buffer.isBuffer(word) ? `<${word.toString('hex')}>` : JSON.stringify(word.length > 60 ? `${word.slice(0, 60)}...` : word))).join(' ');

async function judge(sides, seed, names) {
  const rng = new Rng(seed);
  const base = makeQueue(rng);
  const damage = makeDamage(rng);
  const call = makeCall(rng, names);
  const played = await Promise.all(sides.map((side) => side.play([...base, ...damage], call)));
  const wrong = sides.flatMap((side, i) => whatIsWrong(played[i], call).map((line) => `${side.name}: ${line}`));
  for (const i of [1, 2]) wrong.push(...whatDiffers(played[0], played[i], [sides[0].name, sides[i].name], call));
  if (wrong.length === 0) return [];
  return [`case ${seed}:`, ...damage.map((command) => `  ${show(command.map(String))}`), `  ${call.isShort ? 'without memory: ' : ''}${call.name} ${show(call.args)}`, ...wrong.map((line) => `    ${line}`)];
}

const transitions = readdirSync(`${ROOT}src/jobs/lua`).flatMap((file) => (file.endsWith('.lua') ? [file.slice(0, -'.lua'.length)] : []));
const forgotten = transitions.filter((name) => !CALLS[name]);
if (forgotten.length > 0) throw new Error(`calls.mjs has no call of ${forgotten}`);
const names = options.calls?.split(',') ?? Object.keys(CALLS);
const sides = await Promise.all([Side.start('redis', 'redis'), Side.start('twins', 'oxq', true), Side.start('lua', 'oxq', false)]);
for (const name of names) {
  const text = execFileSync(`${ROOT}scripts/embed-lua`, [`${ROOT}src/jobs/lua`, name], { encoding: 'utf8' });
  for (const side of sides) await side.load(name, text);
}
let [passed, failed] = [0, 0];
for (let i = 0; i < Number(options.cases); i++) {
  const lines = await judge(sides, Number(options.seed) + i, names);
  if (lines.length === 0) passed++;
  else if (failed++ < FAILURES_SHOWN || options.all) console.log(`\n${lines.join('\n')}`);
}
const twins = Number(/native_script_calls:(\d+)/.exec(await sides[1].client.info())[1]);
if (!options.calls && twins === 0) {
  console.log('no twin ran: is the program older than src/jobs/lua?');
  failed++;
}
for (const side of sides) side.stop();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);
