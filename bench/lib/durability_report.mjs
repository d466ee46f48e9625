// SPDX-License-Identifier: MIT
/* The words and the plot of durability.mjs's rows. */

const whole = (n) => Math.round(n).toLocaleString('en');
const times = (ratio) => `${ratio.toFixed(2)} x`;
const few = (n) => (n >= 100 ? whole(n) : n.toFixed(n >= 10 ? 1 : 2));

const UNITS = {
  us: (n) => (n >= 1000 ? `${few(n / 1000)} ms` : `${few(n)} µs`),
  s: (n) => (n < 1 ? `${whole(n * 1000)} ms` : `${few(n)} s`),
  MB: (n) => `${whole(n)} MB`,
  bytes: (n) => `${whole(n)} bytes`,
  'jobs/s': (n) => `${whole(n)}/s`,
  '/s': (n) => `${whole(n)}/s`,
  share: (n) => `${(n * 100).toFixed(2)} %`,
};

const isReached = (n, { min = -Infinity, max = Infinity }) => n >= min && n <= max;
const goalText = ({ min, max }, unit) => (min === undefined ? `at most ${max} ${unit}` : `at least ${min} ${unit}`);

/** One line of progress. */
export function durabilityLine(row) {
  if (row.kind === 'rate') {
    const { values: v, better } = row;
    const rates = `always ${whole(v.redis_always)} / ${whole(v.oxq_always)} = ${times(better.always)}, second ${whole(v.redis_second)} / ${whole(v.oxq_second)} = ${times(better.second)}`;
    return `${row.id.padEnd(18)} ${rates}, off ${whole(v.oxq_none)}, always keeps ${row.kept.toFixed(2)}`;
  }
  const values = Object.entries(row.values).map(([name, n]) => `${name} ${UNITS[row.unit](n)}`);
  const goal = row.goal ? `; ${few(row.reached)} ${row.reached_unit}, goal ${goalText(row.goal, '')}` : '';
  return `${row.id.padEnd(18)} ${values.join(', ')}${goal}`;
}

/* A number that has a goal: bold where it is reached. */
function judged(text, n, goal) {
  if (!goal) return text;
  return isReached(n, goal) ? `**${text}**` : `${text} (goal ${goal.min ?? goal.max})`;
}

function rateLine({ title, values: v, better, kept, goals }) {
  const second = judged(times(better.second), better.second, { min: goals.second });
  const always = judged(times(better.always), better.always, { min: goals.always });
  const share = judged(`${Math.round(kept * 100)} %`, kept, goals.kept && { min: goals.kept });
  const numbers = [v.redis_always, v.oxq_always].map(whole).concat(always, [v.redis_second, v.oxq_second].map(whole), second, whole(v.oxq_none), share);
  return `| ${[title, ...numbers].join(' | ')} |`;
}

function otherLine({ title, unit, values, reached, reached_unit, goal }) {
  const value = (n) => (n === undefined ? '' : UNITS[unit](n));
  const got = goal ? judged(`${few(reached)} ${reached_unit}`, reached, goal) : '';
  return `| ${[title, value(values.redis), value(values.oxq), got, goal ? goalText(goal, reached_unit.split(' ')[0]) : ''].join(' | ')} |`;
}

export function durabilityMarkdown(result) {
  const { rows, disk, versions, machine, rounds, date } = result;
  const rates = rows.filter((r) => r.kind === 'rate');
  const others = rows.filter((r) => r.kind !== 'rate');
  const lines = [];
  if (rates.length) {
    lines.push('| jobs a second | Redis `always` | oxq `always` | better by | Redis `everysec` | oxq `interval:1000` | better by | oxq `off` | `always` keeps |');
    lines.push('|---|--:|--:|--:|--:|--:|--:|--:|--:|', ...rates.map(rateLine), '');
  }
  if (others.length) lines.push('| what | Redis | oxq | reached | goal |', '|---|--:|--:|--:|--:|', ...others.map(otherLine), '');
  const { append, overwrite } = disk;
  const sync = ({ p50_us, p99_us }) => `${UNITS.us(p50_us)} (99th percentile ${UNITS.us(p99_us)})`;
  const pinned = machine.pinned ? ', server and load on cores of their own' : `, ${machine.cores} cores, nothing pinned`;
  lines.push(
    `This disk meanwhile: a write of 4 KB with its fdatasync takes ${sync(append)} where the file grows, ${sync(overwrite)} where the ` +
      `blocks are there. Medians of ${rounds} alternating rounds on ${date.slice(0, 10)}: Redis ${versions.redis}, oxq ${versions.oxq}, ` +
      `BullMQ ${versions.bullmq}; ${machine.cpu}${pinned}. \`make bench\` measures again; bench/README.md says how.`,
  );
  return lines.join('\n');
}

/* ---------------------------------------------------------------- SVG */

const WIDTH = 860;
const LABELS = 330;
const STEP = 62;
const TOP = 46;
const BARS = [
  ['redis_always', 'Redis always'],
  ['oxq_always', 'oxq always'],
  ['redis_second', 'Redis everysec'],
  ['oxq_second', 'oxq interval:1000'],
];

/** Four bars of jobs per second for each load. */
export function durabilitySvg({ rows }) {
  const rates = rows.filter((r) => r.kind === 'rate');
  const most = Math.max(1, ...rates.flatMap((r) => BARS.map(([name]) => r.values[name])));
  const width = (n) => (n / most) * (WIDTH - LABELS - 70);
  const height = TOP + rates.length * STEP + 10;
  const legend = BARS.map(([name, text], i) => `<rect class="${name}" x="${10 + i * 180}" y="12" width="11" height="11"/><text x="${27 + i * 180}" y="22">${text}</text>`);
  const bars = (r, y) =>
    BARS.map(([name], i) => {
      const w = width(r.values[name]);
      const at = y + i * 13;
      return `<rect class="${name}" x="${LABELS}" y="${at}" width="${w.toFixed(1)}" height="11"/><text class="n" x="${(LABELS + w + 5).toFixed(1)}" y="${at + 9.5}">${whole(r.values[name])}</text>`;
    }).join('');
  const lines = rates.map((r, i) => `<text class="label" x="${LABELS - 10}" y="${TOP + i * STEP + 28}">${r.title}</text>${bars(r, TOP + i * STEP)}`);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}">
<style>
svg { background: #fff; font: 13px system-ui, sans-serif; }
text { fill: #222; } .label { text-anchor: end; } .n { font-size: 11px; }
.redis_always { fill: #c53030; } .redis_second { fill: #f0b4b4; } .oxq_always { fill: #2b6cb0; } .oxq_second { fill: #a3c4e6; }
</style>
${legend.join('\n')}
${lines.join('\n')}
</svg>
`;
}
