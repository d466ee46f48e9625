// SPDX-License-Identifier: MIT
/*
 * The next runs that src/cron computes, beside npm's cron-parser of the version that BullMQ 6 uses.
 *
 *   offsets   the system's time zones, which src/cron reads, and Node's own agree at random instants
 *   sound     sound texts, at random times, most of them near changes of the clocks: every run is the same
 *   slips     texts with a slip of the pen: both refuse, or both give the same run
 *
 * What may differ is in the functions isMended and isOutside; how often it did is printed.
 */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { slippedText, soundText } from './gen.mjs';
import { Rng } from '../../support/rng.mjs';
import { changesOf, FIRST_MS, lastOf, offsetAt, ZONES } from './zones.mjs';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const require = createRequire(`${ROOT}tests/e2e/package.json`);
/* The one that bullmq itself loads. */
const { CronExpressionParser } = createRequire(require.resolve('bullmq'))('cron-parser');

const { values: options } = parseArgs({
  options: { seed: { type: 'string', default: '1' }, cases: { type: 'string', default: '4000' }, help: { type: 'boolean' } },
});
if (options.help) {
  console.log('tests/cron/run [--seed N] [--cases N]');
  process.exit(0);
}
const seed = Number(options.seed);
const casesCount = Number(options.cases);

const changes = Object.fromEntries(ZONES.map((zone) => [zone, changesOf(zone)]));

/** Questions in, answers out, in the same order. */
function askOurs(questions) {
  const order = questions.map((_, i) => i).sort((a, b) => (questions[a].zone < questions[b].zone ? -1 : questions[a].zone > questions[b].zone ? 1 : a - b));
  const input = order.map((i) => {
    const q = questions[i];
    return `${q.zone}\t${q.after}\t${q.start ?? 0}\t${q.end ?? 0}\t${q.text}\n`;
  });
  const done = spawnSync(`${ROOT}build/tests/cron-next`, { input: input.join(''), encoding: 'utf8', maxBuffer: 1 << 28 });
  if (done.status !== 0) throw new Error(`cron-next ended with status ${done.status} ${done.signal ?? ''}: ${done.stderr}`);
  const lines = done.stdout.split('\n');
  const answers = [];
  order.forEach((i, line) => {
    answers[i] = /^-?\d+$/.test(lines[line]) ? Number(lines[line]) : lines[line];
  });
  return answers;
}

/** As BullMQ asks: parsed anew each time. */
function parseTheirs(q) {
  return CronExpressionParser.parse(q.text, {
    tz: q.zone,
    currentDate: new Date(q.after),
    ...(q.start && { startDate: new Date(q.start) }),
    ...(q.end && { endDate: new Date(q.end) }),
  });
}

function askTheirs(q) {
  let interval;
  try {
    interval = parseTheirs(q);
  } catch (e) {
    return `refused: ${e.message}`;
  }
  try {
    return interval.next().getTime();
  } catch (e) {
    return `none: ${e.message}`;
  }
}

const kind = (answer) => (typeof answer === 'number' ? 'run' : answer.split(':')[0]);

function makeTime(rng, zone) {
  const near = changes[zone];
  let at = near.length > 0 && rng.chance(0.8) ? rng.pick(near) + rng.int(-5 * 3600, 5 * 3600) * 1000 : rng.int(FIRST_MS, lastOf(zone));
  if (rng.chance(0.1)) at -= 86400_000;
  at -= at % rng.pick([1, 1000, 60_000, 900_000, 3600_000]);
  return at;
}

function makeQuestions(rng, count, makeText) {
  return Array.from({ length: count }, () => {
    const zone = rng.pick(ZONES);
    const q = { zone, after: makeTime(rng, zone), text: makeText(rng) };
    if (rng.chance(0.1)) q.start = q.after + rng.int(-86400_000, 86400_000);
    if (rng.chance(0.1)) q.end = q.after + rng.int(-86400_000, 40 * 86400_000);
    return q;
  });
}

/**
 * cron-parser gives up, or gives a time that has passed, after it went back: where clocks are put back by part of an hour,
 * its "beginning of the next hour" is before the change. Then our run must match its fields and be the first to match, but
 * for those in an hour that comes the second time.
 */
function isMended(q, theirs, ours) {
  const from = Math.max(q.after, q.start ?? 0);
  const wentBack =
    theirs === 'none: Invalid expression, loop limit exceeded' ||
    (theirs === 'none: Out of the time span range' && q.start && (!q.end || ours <= q.end)) ||
    (typeof theirs === 'number' && theirs <= from);
  if (!wentBack || typeof ours !== 'number' || ours <= from) return false;
  const interval = parseTheirs(q);
  if (!interval.includesDate(new Date(ours))) return false;
  const everySecond = CronExpressionParser.parse(q.text.replace(/^(\S+) (?=(\S+ +){4}\S+$)/, '* '), { tz: q.zone });
  for (let at = from - (from % 60_000) + 60_000; at < ours - 60_000; at += 60_000) {
    const isSecondTime = offsetAt(q.zone, at - 3600_000) > offsetAt(q.zone, at);
    if (!isSecondTime && everySecond.includesDate(new Date(at))) return false;
  }
  return true;
}

const MONTH = '(\\d+|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)';
const WEEKDAY = '(\\d+|sun|mon|tue|wed|thu|fri|sat)';
const rangeOf = (value) => `([*?]|${value}(-${value})?)(/\\d+)?`;
const listOf = (item) => `(${item})(,(${item}))*`;
const TIME = listOf(rangeOf('\\d+'));
/* What cron.h says of a text. Of 05L cron-parser reads the 0 only. */
const GRAMMAR = new RegExp(
  `^\\s*(${TIME}\\s+)?${TIME}\\s+${TIME}\\s+${listOf(`${rangeOf('\\d+')}|L`)}\\s+${listOf(rangeOf(MONTH))}\\s+` +
    `(${listOf(`${rangeOf(WEEKDAY)}|([0-7]|${WEEKDAY.replace('\\d+|', '')})L`)}|${WEEKDAY}#[1-5])\\s*$`,
  'i',
);

/** cron-parser reads mistakes somehow, and knows H but not W; cron.h tells of them. Outside that grammar texts may differ. */
function isOutside(text) {
  return (!GRAMMAR.test(text) || /\b(7|0|sun)L.*\b(7|0|sun)L/i.test(text)) && !text.startsWith('@');
}

function judge(q, theirs, ours, notes) {
  if (theirs === ours) return true;
  const note = (what) => {
    notes[what] = (notes[what] ?? 0) + 1;
    return true;
  };
  if (kind(theirs) === 'refused') {
    if (kind(ours) === 'refused') return true;
    if (/W/.test(q.text)) return note('W, which only oxq has');
    if (/\b0\d+L/i.test(q.text)) return note('zeros before a number with L');
    /* cron-parser takes days that the only month lacks for values when there are no others. */
    return /^refused: CronDayOfMonth .* duplicate values found: (3[01])$/.test(theirs) && note('a day twice that the month lacks');
  }
  if (kind(theirs) === 'none' && kind(ours) === 'none') return true;
  if (kind(theirs) === 'none' && / never comes /.test(ours)) return note('days that never come, refused at once');
  if (isOutside(q.text)) return note('a mistake that cron-parser reads');
  return isMended(q, theirs, ours) && note('cron-parser went back in time');
}

const show = (answer) => (typeof answer === 'number' ? `${answer} ${new Date(answer).toISOString()}` : answer);

function compare(name, questions) {
  const ours = askOurs(questions);
  const notes = {};
  const counts = { passed: 0, failed: 0, runs: 0 };
  questions.forEach((q, i) => {
    const theirs = askTheirs(q);
    if (kind(theirs) === 'run') counts.runs++;
    if (judge(q, theirs, ours[i], notes)) {
      counts.passed++;
    } else if (counts.failed++ < 20) {
      console.log(`${name}: "${q.text}" in ${q.zone} after ${show(q.after)}${q.start ? ` start ${show(q.start)}` : ''}${q.end ? ` end ${show(q.end)}` : ''}`);
      console.log(`  cron-parser: ${show(theirs)}\n  oxq:         ${show(ours[i])}`);
    }
  });
  console.log(`${name}: ${questions.length} texts, ${counts.runs} runs, ${counts.failed} differ`);
  for (const [note, n] of Object.entries(notes)) console.log(`  ${n} x ${note}`);
  return counts;
}

function compareOffsets(rng, count) {
  const questions = Array.from({ length: count }, () => {
    const zone = rng.pick(ZONES);
    return { zone, after: rng.int(FIRST_MS / 1000, lastOf(zone) / 1000) * 1000, text: 'offset' };
  });
  for (const zone of ZONES) {
    for (const at of changes[zone]) questions.push({ zone, after: at - 1000, text: 'offset' }, { zone, after: at, text: 'offset' });
  }
  const counts = { passed: 0, failed: 0 };
  askOurs(questions).forEach((offset, i) => {
    const q = questions[i];
    if (offset === offsetAt(q.zone, q.after)) counts.passed++;
    else if (counts.failed++ < 20) console.log(`offsets: ${q.zone} at ${show(q.after)}: Node ${offsetAt(q.zone, q.after)}, oxq ${offset}`);
  });
  console.log(`offsets: ${questions.length} instants, ${counts.failed} differ (Node has ${process.versions.tz})`);
  return counts;
}

const made = spawnSync('make', ['-s', '-C', ROOT, 'build/tests/cron-next'], { encoding: 'utf8' });
if (made.status !== 0) {
  console.log(made.stdout + made.stderr);
  process.exit(2);
}
console.log(`seed ${seed}`);
const all = [
  compareOffsets(new Rng(seed), casesCount),
  compare('sound', makeQuestions(new Rng(seed + 1), casesCount, soundText)),
  compare('slips', makeQuestions(new Rng(seed + 2), Math.floor(casesCount / 3), slippedText)),
];
const failed = all.reduce((sum, c) => sum + c.failed, 0);
console.log(`${all.reduce((sum, c) => sum + c.passed, 0)} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);
