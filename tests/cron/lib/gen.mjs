// SPDX-License-Identifier: MIT
/** Random cron texts: sound ones, and sound ones with a slip of the pen. */

const MONTHS = ['JAN', 'feb', 'Mar', 'apr', 'may', 'jun', 'jul', 'aug', 'SEP', 'oct', 'nov', 'Dec'];
const WEEKDAYS = ['sun', 'Mon', 'TUE', 'wed', 'thu', 'fri', 'sat'];
const MACROS = ['@yearly', '@annually', '@monthly', '@weekly', '@daily', '@hourly', '@minutely', '@secondly', '@weekdays',
  '@weekends'];

/** Clocks change in the first hours of a day: those come more often. */
const HOURS = [0, 1, 2, 3, 4, 22, 23];

function value(rng, field) {
  if (field.hours && rng.chance(0.7)) return rng.pick(HOURS);
  if (field.round && rng.chance(0.5)) return rng.pick([0, 15, 30, 45, 59]);
  return rng.int(field.min, field.max);
}

function name(rng, field, n) {
  return field.names && rng.chance(0.4) ? field.names(n) : String(n);
}

function item(rng, field) {
  const kind = rng.int(0, 9);
  if (kind < 5) return name(rng, field, value(rng, field));
  if (kind === 5) return `${rng.pick(['*', '*', '?'])}/${rng.int(1, Math.max(2, Math.floor(field.max / 2)))}`;
  const a = value(rng, field);
  const b = value(rng, field);
  const range = field.names && rng.chance(0.3) ? `${field.names(Math.min(a, b))}-${Math.max(a, b)}` : `${Math.min(a, b)}-${Math.max(a, b)}`;
  if (kind < 8) return range;
  if (kind === 8) return `${range}/${rng.int(1, 7)}`;
  return `${a}/${rng.int(1, Math.max(2, field.max))}`;
}

function field(rng, f, anyShare) {
  if (rng.chance(anyShare)) return rng.pick(['*', '*', '*', '?']);
  if (f.special && rng.chance(0.35)) return f.special(rng);
  const items = [item(rng, f)];
  while (rng.chance(0.25)) items.push(item(rng, f));
  return items.join(',');
}

const SECOND = { min: 0, max: 59, round: true };
const HOUR = { min: 0, max: 23, hours: true };
const DAY = { min: 1, max: 31, special: (rng) => rng.pick(['L', 'L', `L,${rng.int(1, 28)}`, `${rng.int(1, 27)},L`, '29', '30', '31']) };
const MONTH = { min: 1, max: 12, names: (n) => MONTHS[n - 1] };
const WEEKDAY = {
  min: 0,
  max: 7,
  names: (n) => WEEKDAYS[n] ?? '7',
  special: (rng) => rng.pick([`${rng.int(0, 7)}L`, `${rng.pick(WEEKDAYS)}L`, `${rng.int(0, 6)}#${rng.int(1, 5)}`, `${rng.pick(WEEKDAYS)}#${rng.int(1, 5)}`,
    `${rng.int(0, 2)},${rng.int(3, 6)}L`, '0,7', '5-7', '1-5', '0-7', '*/2']),
};

export function soundText(rng) {
  if (rng.chance(0.02)) return rng.pick(MACROS);
  const wide = rng.chance(0.5);
  const fields = [
    field(rng, SECOND, 0.15),
    field(rng, HOUR, wide ? 0.5 : 0.15),
    field(rng, DAY, wide ? 0.8 : 0.4),
    field(rng, MONTH, wide ? 0.9 : 0.6),
    field(rng, WEEKDAY, wide ? 0.8 : 0.5),
  ];
  if (rng.chance(0.3)) fields.unshift(rng.chance(0.6) ? '0' : field(rng, SECOND, 0.2));
  return fields.join(rng.chance(0.05) ? '  ' : ' ');
}

const SLIPS = '0123456789*?,-/#LWH aAmMonfeb@.\t$';

/** A sound text with a character or two changed, left out or put in. */
export function slippedText(rng) {
  let text = soundText(rng);
  for (let n = rng.int(1, 2); n > 0; n--) {
    const at = rng.int(0, text.length);
    const end = at + rng.int(0, 1);
    text = text.slice(0, at) + (rng.chance(0.7) ? SLIPS[rng.int(0, SLIPS.length - 1)] : '') + text.slice(end);
  }
  return text.replace(/\t/g, ' ');
}
