// SPDX-License-Identifier: MIT
/** Time zones as Node has them: offsets, and where they change. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const require = createRequire(fileURLToPath(new URL('../../e2e/package.json', import.meta.url)));
const { IANAZone } = require('luxon');

export const ZONES = ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kolkata', 'America/Sao_Paulo', 'Africa/Casablanca',
  'Pacific/Apia', 'Pacific/Chatham', 'America/Havana', 'Europe/Dublin', 'Asia/Gaza', 'America/Caracas', 'UTC'];

/* Before 1970 Debian's data tells of places apart that Node's joins. */
export const FIRST_MS = Date.UTC(1971, 0, 1);
/* The future of these is announced anew each year, and Node's data may be older or younger than the system's: the years before both are told alike. */
const UNSETTLED = ['Africa/Casablanca', 'Asia/Gaza'];
const [, systemYear] = /^# version (\d{4})/.exec(readFileSync('/usr/share/zoneinfo/tzdata.zi', 'utf8'));
const SETTLED_YEAR = Math.min(Number.parseInt(process.versions.tz, 10), Number(systemYear));
export const lastOf = (zone) => Date.UTC(UNSETTLED.includes(zone) ? SETTLED_YEAR : 2060, 0, 1);
const STRIDE_MS = 12 * 86400_000;

/** In seconds. */
export function offsetAt(zone, ms) {
  return IANAZone.create(zone).offset(ms) * 60;
}

/** The instants at which the offset changes, to the second. */
export function changesOf(zone) {
  const changes = [];
  let before = offsetAt(zone, FIRST_MS);
  for (let at = FIRST_MS; at < lastOf(zone); at += STRIDE_MS) {
    const offset = offsetAt(zone, at + STRIDE_MS);
    if (offset === before) continue;
    let low = at / 1000;
    let high = (at + STRIDE_MS) / 1000;
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (offsetAt(zone, middle * 1000) === before) low = middle;
      else high = middle;
    }
    changes.push(high * 1000);
    before = offset;
  }
  return changes;
}
