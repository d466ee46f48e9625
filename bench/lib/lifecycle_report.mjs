// SPDX-License-Identifier: MIT
/* The words and the plot of lifecycle.mjs's rows. */
import { GOAL_P50_US, GOALS, SUBJECTS } from './lifecycle.mjs';

const whole = (n) => Math.round(n).toLocaleString('en');
const times = (ratio) => `${ratio.toFixed(ratio < 10 ? 2 : 1)} x`;
/* null: nothing was measured, in a short run. */
const time = (us) => (us === null ? 'none' : us >= 1000 ? `${(us / 1000).toFixed(us >= 10_000 ? 1 : 2)} ms` : `${whole(us)} µs`);

const PROMISES = { always: 'always on disk', none: 'disk not waited for' };
const titleOf = (id) => SUBJECTS.find((subject) => subject.id === id).title;

/* In a short run there may be none to compare with. */
const isComparable = ({ reached }) => Number.isFinite(reached);

/** One line of progress. */
export function lifecycleLine(row) {
  const value = row.kind === 'rate' ? (id) => whole(row.values[id]) : (id) => `${time(row.p50_us[id])}, ${time(row.p99_us[id])}`;
  const ratios = (row.ratios ?? []).filter(isComparable).map(({ subject, beside, reached }) => `${titleOf(subject)} / ${titleOf(beside)} ${times(reached)}`);
  const all = SUBJECTS.map(({ id, title }) => `${title} ${value(id)}`);
  return `${row.id.padEnd(22)} ${[...all, ...ratios].join('; ')}`;
}

/* Bold where the goal is reached; where it is missed, the goal stands beside it. */
function judged(text, isReached, goal) {
  return isReached ? `**${text}**` : `${text} (missed: ${goal})`;
}

const lineOf = (cells) => `| ${cells.join(' | ')} |`;
const nameOf = ({ title, promise }) => `${title}, ${PROMISES[promise]}`;

function rateLine(row) {
  const ratio = (goal) => {
    const found = row.ratios.find(({ subject, beside }) => subject === goal.subject && beside === goal.beside);
    return found && isComparable(found) ? judged(times(found.reached), found.reached >= found.times, `${found.times} x`) : '';
  };
  return lineOf([nameOf(row), ...SUBJECTS.map(({ id }) => whole(row.values[id])), ...GOALS.map(ratio)]);
}

const costLine = (row) => lineOf([nameOf(row), ...SUBJECTS.map(({ id }) => `${whole(row.cpu_us[id])} µs`)]);

function timeLines(row) {
  const isGoal = ({ id }) => id === 'c_oxq' || id === 'c_file';
  const p50 = (subject) => {
    const us = row.p50_us[subject.id];
    return isGoal(subject) ? judged(time(us), us !== null && us < GOAL_P50_US, `below ${time(GOAL_P50_US)}`) : time(us);
  };
  return [
    lineOf([`median ${row.title}`, ...SUBJECTS.map(p50)]),
    lineOf(['99th percentile', ...SUBJECTS.map(({ id }) => time(row.p99_us[id]))]),
    lineOf(['jobs a second meanwhile', ...SUBJECTS.map(({ id }) => whole(row.rates[id]))]),
  ];
}

export function lifecycleMarkdown({ rows, versions, machine, disk, rounds, date }) {
  const titles = SUBJECTS.map(({ title }) => title);
  const rates = rows.filter((row) => row.kind === 'rate');
  const goals = GOALS.map(({ subject, beside, times: goal }) => `${titleOf(subject)} beside ${titleOf(beside)} (goal ${goal} x)`);
  const rule = (count) => `|---|${'--:|'.repeat(count)}`;
  const lines = [];
  if (rates.length) {
    lines.push(lineOf(['jobs a second, added and completed', ...titles, ...goals]), rule(titles.length + goals.length), ...rates.map(rateLine), '');
    lines.push(lineOf(['CPU for a job, all processes together', ...titles]), rule(titles.length), ...rates.map(costLine), '');
  }
  for (const row of rows.filter(({ kind }) => kind === 'time')) {
    lines.push(lineOf(['from add to handler, always on disk, concurrency 8', ...titles]), rule(titles.length), ...timeLines(row), '');
  }
  lines.push(
    `This disk meanwhile: a write of 4 KB with its fdatasync takes ${time(disk.append.p50_us)} where the file grows. Medians of ${rounds} ` +
      `alternating rounds on ${date.slice(0, 10)}: Redis ${versions.redis}, oxq ${versions.oxq}, BullMQ ${versions.bullmq}, Node ${versions.node}, ` +
      `beanstalkd ${versions.beanstalkd}; ${machine.cpu}, ${machine.cores} cores for clients and servers together. \`bench/run --group lifecycle\` ` +
      'measures again; bench/README.md says how.',
  );
  return lines.join('\n');
}

/* ---------------------------------------------------------------- SVG */

const WIDTH = 860;
const LABELS = 330;
const BAR = 13;
const TOP = 66;

/** A bar for each subject and load: jobs a second. */
export function lifecycleSvg({ rows }) {
  const rates = rows.filter((row) => row.kind === 'rate');
  const most = Math.max(1, ...rates.flatMap((row) => Object.values(row.values)));
  const step = SUBJECTS.length * BAR + 14;
  const height = TOP + rates.length * step;
  const legend = SUBJECTS.map(
    ({ title }, i) => `<rect class="s${i}" x="${10 + (i % 3) * 200}" y="${12 + Math.floor(i / 3) * 20}" width="11" height="11"/><text x="${27 + (i % 3) * 200}" y="${22 + Math.floor(i / 3) * 20}">${title}</text>`,
  );
  const bars = (row, y) =>
    SUBJECTS.map(({ id }, i) => {
      const width = (row.values[id] / most) * (WIDTH - LABELS - 70);
      return `<rect class="s${i}" x="${LABELS}" y="${y + i * BAR}" width="${width.toFixed(1)}" height="11"/><text class="n" x="${(LABELS + width + 5).toFixed(1)}" y="${y + i * BAR + 9.5}">${whole(row.values[id])}</text>`;
    }).join('');
  const lines = rates.map((row, i) => {
    const y = TOP + i * step;
    return `<text class="label" x="${LABELS - 10}" y="${y + step / 2}">${nameOf(row)}</text>${bars(row, y)}`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}">
<style>
svg { background: #fff; font: 13px system-ui, sans-serif; }
text { fill: #222; } .label { text-anchor: end; } .n { font-size: 11px; }
.s0 { fill: #c53030; } .s1 { fill: #ed8936; } .s2 { fill: #718096; } .s3 { fill: #90cdf4; } .s4 { fill: #3182ce; } .s5 { fill: #2c5282; }
</style>
${[...legend, ...lines].join('\n')}
</svg>
`;
}
