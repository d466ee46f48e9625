// SPDX-License-Identifier: MIT
/*
 * From samples to words. For each row: the median of each server's samples, the ratio of the medians, and how far the
 * ratios of the single rounds lie apart. A ratio says how many times better oxq is, whether more is better (a rate) or
 * less (a cost): above 1 oxq wins, below 1 Redis does.
 */

/** The q-quantile (0..1) of numbers, between two of them in proportion. */
export function quantile(numbers, q) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const below = sorted[Math.floor(at)];
  return below + (sorted[Math.ceil(at)] - below) * (at % 1);
}

const median = (numbers) => quantile(numbers, 0.5);

function medians(samples) {
  const fields = Object.keys(samples[0]).filter((field) => samples[0][field] !== undefined);
  return Object.fromEntries(fields.map((field) => [field, median(samples.map((s) => s[field]))]));
}

/** A row with its two lists of samples, one of each round in order, becomes a row of the result. */
export function summarise(row, redis, oxq) {
  const field = row.isCost ? 'value' : 'per_second';
  const better = (a, b) => (row.isCost ? a / b : b / a);
  const rounds = redis.map((s, i) => better(s[field], oxq[i][field]));
  const result = { ...row, isCost: undefined, less_is_better: Boolean(row.isCost) };
  result.redis = { ...medians(redis), samples: redis };
  result.oxq = { ...medians(oxq), samples: oxq };
  result.ratio = better(result.redis[field], result.oxq[field]);
  result.ratio_quartiles = [quantile(rounds, 0.25), quantile(rounds, 0.75)];
  result.ratio_range = [Math.min(...rounds), Math.max(...rounds)];
  if (!row.isCost) result.cpu_ratio = result.redis.cpu_us / result.oxq.cpu_us;
  return result;
}

/* ---------------------------------------------------------------- Markdown */

const times = (ratio) => `${ratio.toFixed(2)} x`;
const whole = (n) => Math.round(n).toLocaleString('en');
const micro = (us) => (us === undefined ? '' : `${us < 10 ? us.toFixed(2) : us.toFixed(1)} µs`);

function markdownRow(r) {
  const value = (side) => (r.less_is_better ? `${whole(side.value)} ${r.unit}` : `${whole(side.per_second)}/s`);
  const [low, high] = r.ratio_quartiles;
  const cpu = r.less_is_better ? ['', '', ''] : [micro(r.redis.cpu_us), micro(r.oxq.cpu_us), times(r.cpu_ratio)];
  const spread = `${low.toFixed(2)} to ${high.toFixed(2)}`;
  return `| ${[r.title, value(r.redis), value(r.oxq), `**${times(r.ratio)}**`, spread, ...cpu].join(' | ')} |`;
}

export function markdown(result) {
  const { versions, machine, rounds, date } = result;
  const head = [
    '| work | Redis | oxq | better by | middle half of rounds | Redis CPU | oxq CPU | less CPU by |',
    '|---|--:|--:|--:|--:|--:|--:|--:|',
  ];
  const pinned = machine.pinned ? ', server and load on cores of their own' : '';
  const foot =
    `Medians of ${rounds} alternating rounds on ${date.slice(0, 10)}: Redis ${versions.redis}, oxq ${versions.oxq}, BullMQ ` +
    `${versions.bullmq}, ioredis ${versions.ioredis}, Node ${versions.node}; ${machine.cpu}${pinned}; persistence off. ` +
    'CPU is the time of the server process for one operation; a Node client and a single waiting connection are slower ' +
    'than either server, so there the CPU columns tell the difference. `make bench` measures again.';
  return [...head, ...result.rows.map(markdownRow), '', foot].join('\n');
}

/* ---------------------------------------------------------------- SVG */

const WIDTH = 860;
const LABELS = 400;
const STEP = 34;
const TOP = 46;

const escape = (text) => text.replace(/`/g, '').replace(/&/g, '&amp;').replace(/</g, '&lt;');

/** Two bars a row: how many times better, and below it how many times less CPU. A line marks 1, Redis. */
export function svg(result) {
  const { rows } = result;
  const most = Math.max(2, ...rows.flatMap((r) => [r.ratio, r.cpu_ratio ?? 0]));
  const x = (ratio) => LABELS + (ratio / most) * (WIDTH - LABELS - 60);
  const height = TOP + rows.length * STEP + 10;
  const bar = (ratio, y, kind) =>
    `<rect class="${kind}" x="${LABELS}" y="${y}" width="${(x(ratio) - LABELS).toFixed(1)}" height="11"/>` +
    `<text class="n" x="${(x(ratio) + 5).toFixed(1)}" y="${y + 9.5}">${ratio.toFixed(2)}</text>`;
  const lines = rows.map((r, i) => {
    const y = TOP + i * STEP;
    const cpu = r.cpu_ratio === undefined ? '' : bar(r.cpu_ratio, y + 13, 'cpu');
    return `<text class="label" x="${LABELS - 10}" y="${y + 15}">${escape(r.title)}</text>${bar(r.ratio, y, 'wall')}${cpu}`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}">
<style>
svg { background: #fff; font: 13px system-ui, sans-serif; }
text { fill: #222; } .label { text-anchor: end; } .n { font-size: 11px; }
.wall { fill: #2b6cb0; } .cpu { fill: #a3c4e6; } .one { stroke: #c53030; stroke-dasharray: 4 3; }
</style>
<rect class="wall" x="10" y="12" width="11" height="11"/><text x="27" y="22">times better than Redis ${result.versions.redis}</text>
<rect class="cpu" x="230" y="12" width="11" height="11"/><text x="247" y="22">times less CPU</text>
<line class="one" x1="${x(1)}" x2="${x(1)}" y1="${TOP - 8}" y2="${height - 6}"/><text class="n" x="${x(1) - 12}" y="${TOP - 12}">Redis</text>
${lines.join('\n')}
</svg>
`;
}
