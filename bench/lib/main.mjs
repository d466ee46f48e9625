// SPDX-License-Identifier: MIT
/*
 * The comparison: starts a real redis-server and oxq side by side, runs each measure on the one and then the other, again
 * and again, and writes ratios of medians. Whatever slows the machine for a while slows both.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { whyMissing } from '../../tests/e2e/lib/server.mjs';
import { ROOT, versions } from './clients.mjs';
import { DURABILITY_FULL, DURABILITY_QUICK, makeDurabilityMeasures, measureDisk, summariseDisk } from './durability.mjs';
import { durabilityLine, durabilityMarkdown, durabilitySvg } from './durability_report.mjs';
import { LIFECYCLE_FULL, LIFECYCLE_QUICK, makeLifecycleMeasures } from './lifecycle.mjs';
import { lifecycleLine, lifecycleMarkdown, lifecycleSvg } from './lifecycle_report.mjs';
import { describeMachine, unpin } from './machine.mjs';
import { FULL, makeMeasures, QUICK } from './measures.mjs';
import { markdown, summarise, svg } from './report.mjs';
import { recordBullmq } from './requests.mjs';
import { makeFolder, start } from './servers.mjs';

const HELP = `bench/run [--quick] [--group speed|durability|lifecycle] [--only NAME,...] [--rounds N] [--readme] [--null] [--list]
  --quick       tiny counts and few rounds: shows that everything runs, its numbers mean nothing
  --group NAME  speed (nothing is promised, on both), durability (Redis and oxq at equal promise) or lifecycle (jobs added and worked off by
                the C library, by BullMQ, and on beanstalkd); all without it
  --only NAMES  only measures whose name starts with one of these, comma-separated (--list prints them)
  --rounds N    alternating rounds (5); memory, which hardly varies, has three at most and a million jobs two
  --readme      put the tables between the marks in README.md and docs/, and the results into bench/results/
  --null        Redis on both sides of the group speed: shows what noise alone looks like
`;

/** Runs a measure on servers of the two kinds in turn; samples[row][side] has one for each round. */
async function runRounds(measure, kinds, shared, rounds, warmUp) {
  const samples = Object.fromEntries(measure.rows.map((row) => [row.id, kinds.map(() => [])]));
  const skipped = warmUp && !measure.isFresh ? 1 : 0;
  const total = Math.min(rounds, measure.roundsMax ?? rounds) + skipped;
  for (let round = 0; round < total; round++) {
    for (const [side, kind] of kinds.entries()) {
      const server = measure.isFresh ? await start(kind) : shared[side];
      const result = await measure.run(server);
      if (measure.isFresh) await server.stop();
      if (round < skipped) continue;
      for (const row of measure.rows) samples[row.id][side].push(result[row.id]);
    }
  }
  return measure.rows.map((row) => summarise(row, ...samples[row.id]));
}

/* "beanstalkd 1.12", without the first word. */
const versionOfBeanstalkd = () => execFileSync('beanstalkd', ['-v']).toString().trim().split(' ').at(-1);

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

/* What is written where: results in two files of a folder, the table between two marks in documents of the project. */
const OUTPUTS = {
  speed: { name: 'latest', table: markdown, plot: svg, marks: ['<!-- bench -->', '<!-- /bench -->'], documents: ['README.md'], alt: 'ratios' },
  durability: {
    name: 'durability',
    table: durabilityMarkdown,
    plot: durabilitySvg,
    marks: ['<!-- bench:durability -->', '<!-- /bench:durability -->'],
    documents: ['README.md', 'docs/durability.md'],
    alt: 'rates at equal promise',
    line: durabilityLine,
  },
  lifecycle: {
    name: 'lifecycle',
    table: lifecycleMarkdown,
    plot: lifecycleSvg,
    marks: ['<!-- bench:lifecycle -->', '<!-- /bench:lifecycle -->'],
    documents: ['README.md'],
    alt: 'jobs added and completed a second',
    line: lifecycleLine,
  },
};

function writeResults(folder, group, result) {
  const { name, plot } = OUTPUTS[group];
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, `${name}.json`), `${JSON.stringify(result, null, 1)}\n`);
  writeFileSync(path.join(folder, `${name}.svg`), plot(result));
}

/* Where in the text of a document the table goes: [from, to]. */
function placeOf(document, text, marks) {
  const [from, to] = marks.map((mark) => text.indexOf(mark));
  if (from < 0 || to < from) throw new Error(`${document} has no ${marks.join(' ... ')}`);
  return [from + marks[0].length, to];
}

const readDocument = (document) => readFileSync(path.join(ROOT, document), 'utf8');

function checkDocuments(group) {
  const { documents, marks } = OUTPUTS[group];
  for (const document of documents) placeOf(document, readDocument(document), marks);
}

function writeDocuments(group, result) {
  const { name, table, documents, marks, alt } = OUTPUTS[group];
  for (const document of documents) {
    const text = readDocument(document);
    const [from, to] = placeOf(document, text, marks);
    const image = path.relative(path.dirname(document), `bench/results/${name}.svg`);
    const body = `\n${table(result)}\n\n![${alt}](${image})\n`;
    writeFileSync(path.join(ROOT, document), text.slice(0, from) + body + text.slice(to));
  }
}

function readOptions() {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean' },
      group: { type: 'string' },
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
  if (values.group && !OUTPUTS[values.group]) throw new Error(`--group takes ${Object.keys(OUTPUTS).join(' or ')}`);
  if (values.readme && (values.quick || values.only || values.null)) throw new Error('--readme needs a whole run');
  const groups = values.group ? [values.group] : values.null ? ['speed'] : Object.keys(OUTPUTS);
  if (values.readme) groups.forEach(checkDocuments);
  return { ...values, rounds, groups };
}

const fileOf = (name) => path.join(ROOT, 'build/bench', `${name}.resp`);

async function record() {
  const scratch = await start('redis');
  try {
    return { small: await recordBullmq(scratch.port, 0), large: await recordBullmq(scratch.port, 1024) };
  } finally {
    await scratch.stop();
  }
}

function choose(measures, { only }) {
  const names = only?.split(',') ?? [''];
  return measures.filter((m) => names.some((name) => m.name.startsWith(name)));
}

function began(options) {
  const started = Date.now();
  const result = { date: new Date().toISOString(), quick: Boolean(options.quick), rounds: options.rounds, machine: describeMachine(), rows: [] };
  const times = {};
  const timed = async (name, run) => {
    const from = Date.now();
    await run();
    times[name] = (Date.now() - from) / 1000;
    result.seconds = { all: (Date.now() - started) / 1000, ...times };
    process.stderr.write(`  ${name} took ${times[name].toFixed(0)} s\n`);
  };
  return { result, timed };
}

async function compareSpeed(measures, options) {
  const kinds = options.null ? ['redis', 'redis'] : ['redis', 'oxq'];
  const { result, timed } = began(options);
  const shared = [await start(kinds[0]), await start(kinds[1])];
  result.versions = await versionsOf(shared);
  for (const measure of measures) {
    await timed(measure.name, async () => {
      const rows = await runRounds(measure, kinds, shared, options.rounds, !options.quick);
      rows.forEach(progress);
      result.rows.push(...rows);
    });
  }
  for (const server of shared) await server.stop();
  return result;
}

/* Measures that compare by themselves, on a disk, with nobody on a core of his own. */
async function compareOnDisk(group, measures, options) {
  unpin();
  const { result, timed } = began(options);
  const servers = [await start('redis'), await start('oxq')];
  result.versions = { ...(await versionsOf(servers)), beanstalkd: versionOfBeanstalkd() };
  for (const server of servers) await server.stop();
  const folder = makeFolder('disk');
  const disk = [];
  for (const measure of measures) {
    disk.push(measureDisk(folder, options.quick ? DURABILITY_QUICK.syncs : DURABILITY_FULL.syncs));
    await timed(measure.name, async () => {
      const rows = await measure.run();
      for (const row of rows) process.stderr.write(`  ${OUTPUTS[group].line(row)}\n`);
      result.rows.push(...rows);
    });
  }
  rmSync(folder, { recursive: true });
  result.disk = summariseDisk(disk);
  return result;
}

async function main() {
  const options = readOptions();
  if (options.help) return process.stdout.write(HELP);
  for (const reason of ['redis', 'oxq'].map(whyMissing)) if (reason) throw new Error(reason);
  const { rounds, quick } = options;
  const recorded = options.groups.some((group) => group !== 'lifecycle') ? await record() : null;
  const all = {
    speed: () => makeMeasures(recorded, fileOf, quick ? QUICK : FULL),
    durability: () => makeDurabilityMeasures(recorded.small, fileOf, { ...(quick ? DURABILITY_QUICK : DURABILITY_FULL), rounds }),
    lifecycle: () => makeLifecycleMeasures({ ...(quick ? LIFECYCLE_QUICK : LIFECYCLE_FULL), rounds }),
  };
  let count = 0;
  for (const group of options.groups) {
    const measures = choose(await all[group](), options);
    count += measures.length;
    if (options.list) process.stdout.write(measures.map((m) => `${m.name}\n`).join(''));
    if (options.list || measures.length === 0) continue;
    const result = group === 'speed' ? await compareSpeed(measures, options) : await compareOnDisk(group, measures, options);
    writeResults(path.join(ROOT, 'build/bench'), group, result);
    if (options.readme) {
      writeResults(path.join(ROOT, 'bench/results'), group, result);
      writeDocuments(group, result);
    }
    process.stdout.write(`\n${OUTPUTS[group].table(result)}\n`);
  }
  if (count === 0) throw new Error(`no measure is called ${options.only}; --list prints their names`);
  return undefined;
}

main().then(
  () => process.exit(0),
  (error) => {
    process.stderr.write(`bench: ${error.message}\n`);
    process.exit(1);
  },
);
