// SPDX-License-Identifier: MIT
/*
 * The comparison: starts a real redis-server and oxq side by side, runs each measure on the one and then the other, again
 * and again, and writes ratios of medians. Whatever slows the machine for a while slows both.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { startServer, whyMissing } from '../../tests/e2e/lib/server.mjs';
import { connect, ROOT, versions } from './clients.mjs';
import { describeMachine, pinServer } from './machine.mjs';
import { FULL, makeMeasures, QUICK } from './measures.mjs';
import { markdown, summarise, svg } from './report.mjs';

const HELP = `bench/run [--quick] [--only NAME,...] [--rounds N] [--readme] [--null] [--list]
  --quick       tiny counts and two rounds: shows that everything runs, its numbers mean nothing
  --only NAMES  only measures whose name starts with one of these, comma-separated (--list prints them)
  --rounds N    alternating rounds (5); memory, which hardly varies, has three at most and a million jobs two
  --readme      put the table between the marks in README.md, and the results into bench/results/
  --null        Redis on both sides: shows what noise alone looks like
`;
const MARKS = ['<!-- bench -->', '<!-- /bench -->'];

async function start(kind) {
  const server = await startServer(kind);
  pinServer(server.pid);
  server.admin = connect(server.port);
  return server;
}

async function stop(server) {
  server.admin.disconnect();
  await server.stop();
}

/** Runs a measure on servers of the two kinds in turn; samples[row][side] has one for each round. */
async function runRounds(measure, kinds, shared, rounds, warmUp) {
  const samples = Object.fromEntries(measure.rows.map((row) => [row.id, kinds.map(() => [])]));
  const skipped = warmUp && !measure.isFresh ? 1 : 0;
  const total = Math.min(rounds, measure.roundsMax ?? rounds) + skipped;
  for (let round = 0; round < total; round++) {
    for (const [side, kind] of kinds.entries()) {
      const server = measure.isFresh ? await start(kind) : shared[side];
      const result = await measure.run(server);
      if (measure.isFresh) await stop(server);
      if (round < skipped) continue;
      for (const row of measure.rows) samples[row.id][side].push(result[row.id]);
    }
  }
  return measure.rows.map((row) => summarise(row, ...samples[row.id]));
}

async function versionsOf([redis, oxq]) {
  const field = async (server, name) => new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(await server.admin.info('server'))?.[1];
  return {
    redis: await field(redis, 'redis_version'),
    oxq: (await field(oxq, 'oxq_version')) ?? `Redis ${await field(oxq, 'redis_version')}`,
    ...versions,
    node: process.versions.node,
  };
}

function progress(row) {
  const spread = row.ratio_range.map((r) => r.toFixed(2)).join('..');
  const cpu = row.cpu_ratio ? `, CPU ${row.cpu_ratio.toFixed(2)} x` : '';
  process.stderr.write(`  ${row.id.padEnd(16)} ${row.ratio.toFixed(2)} x (${spread})${cpu}\n`);
}

function writeResults(folder, result) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'latest.json'), `${JSON.stringify(result, null, 1)}\n`);
  writeFileSync(path.join(folder, 'latest.svg'), svg(result));
}

function writeReadme(result) {
  const file = path.join(ROOT, 'README.md');
  const text = readFileSync(file, 'utf8');
  const [from, to] = MARKS.map((mark) => text.indexOf(mark));
  if (from < 0 || to < from) throw new Error(`README.md has no ${MARKS.join(' ... ')}`);
  const body = `${MARKS[0]}\n${markdown(result)}\n\n![ratios](bench/results/latest.svg)\n`;
  writeFileSync(file, text.slice(0, from) + body + text.slice(to));
}

function readOptions() {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean' },
      only: { type: 'string' },
      rounds: { type: 'string' },
      readme: { type: 'boolean' },
      null: { type: 'boolean' },
      list: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  const rounds = Number(values.rounds ?? (values.quick ? 2 : 5));
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds takes a number from 1');
  if (values.readme && (values.quick || values.only || values.null)) throw new Error('--readme needs a whole run');
  return { ...values, rounds };
}

async function compare(options) {
  const kinds = options.null ? ['redis', 'redis'] : ['redis', 'oxq'];
  for (const reason of kinds.map(whyMissing)) if (reason) throw new Error(reason);
  const folder = path.join(ROOT, 'build/bench');
  mkdirSync(folder, { recursive: true });
  const machine = describeMachine();
  const shared = [await start(kinds[0]), await start(kinds[1])];
  const result = { date: new Date().toISOString(), quick: Boolean(options.quick), rounds: options.rounds, machine };
  result.versions = await versionsOf(shared);
  const all = await makeMeasures(shared[0], folder, options.quick ? QUICK : FULL);
  const names = options.only?.split(',') ?? [''];
  const measures = all.filter((m) => names.some((name) => m.name.startsWith(name)));
  if (options.list) {
    process.stdout.write(`${all.map((m) => m.name).join('\n')}\n`);
  } else {
    result.rows = [];
    for (const measure of measures) {
      const rows = await runRounds(measure, kinds, shared, options.rounds, !options.quick);
      rows.forEach(progress);
      result.rows.push(...rows);
    }
  }
  await Promise.all(shared.map(stop));
  return result;
}

async function main() {
  const options = readOptions();
  if (options.help) return process.stdout.write(HELP);
  const result = await compare(options);
  if (options.list) return undefined;
  if (result.rows.length === 0) throw new Error(`no measure is called ${options.only}; --list prints their names`);
  writeResults(path.join(ROOT, 'build/bench'), result);
  if (options.readme) {
    writeResults(path.join(ROOT, 'bench/results'), result);
    writeReadme(result);
  }
  return process.stdout.write(`\n${markdown(result)}\n`);
}

main().then(
  () => process.exit(0),
  (error) => {
    process.stderr.write(`bench: ${error.message}\n`);
    process.exit(1);
  },
);
