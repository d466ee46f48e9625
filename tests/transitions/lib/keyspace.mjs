// SPDX-License-Identifier: MIT
/** Everything that a database holds, in a form that can be compared. */

const READ = `
local out = {}
for _, key in ipairs(redis.call('KEYS', '*')) do
  local kind = redis.call('TYPE', key).ok
  local value
  if kind == 'string' then value = redis.call('GET', key)
  elseif kind == 'hash' then value = redis.call('HGETALL', key)
  elseif kind == 'list' then value = redis.call('LRANGE', key, 0, -1)
  elseif kind == 'set' then value = redis.call('SMEMBERS', key)
  elseif kind == 'zset' then value = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
  elseif kind == 'stream' then value = redis.call('XRANGE', key, '-', '+')
  end
  out[#out + 1] = { key, kind, value, redis.call('PTTL', key) }
end
return out`;

function pairs(flat) {
  return flat.flatMap((name, i) => (i % 2 === 0 ? [[name, flat[i + 1]]] : []));
}

/** JSON is compared as what it says: scripts that encode a table write its members in any order. */
function canonical(value) {
  if (Array.isArray(value)) return value.map(canonical);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.keys(value).sort().map((name) => [name, canonical(value[name])]));
}

function text(value) {
  if (typeof value !== 'string' || !/^[{["]/.test(value)) return value;
  try {
    return { json: canonical(JSON.parse(value)) };
  } catch {
    return value;
  }
}

/** The same, to the byte but for the order. */
export function exactText(value) {
  const told = text(value);
  return told?.json === undefined ? told : { ...told, letters: [...value].sort().join('') };
}

const formsOf = (form) => ({
  string: form,
  list: (list) => list,
  set: (members) => members.sort(),
  hash: (flat) => Object.fromEntries(pairs(flat).sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => [name, form(value)])),
  zset: (flat) => pairs(flat).map(([member, score]) => `${member} ${Number(score)}`),
  stream: (entries) => entries.map(([, fields]) => pairs(fields).map(([name, value]) => `${name}=${JSON.stringify(form(value))}`).join(' ')),
});
const FORMS = formsOf(text);
const exact = formsOf(exactText);
const EXACT_FORMS = { ...exact, stream: (entries) => entries.map((entry) => `${entry[0]} ${exact.stream([entry])}`) };

/** isExact: with each letter of JSON, and with the ids of streams' entries, which are the server's clock. */
export async function readKeyspace(client, { isExact = false } = {}) {
  const all = {};
  const forms = isExact ? EXACT_FORMS : FORMS;
  for (const [key, kind, value, ttl] of await client.eval(READ, 0)) all[key] = { kind, value: forms[kind](value), ttl };
  return all;
}

/* Servers' clocks run on between the two sides. */
const TTL_SLACK_MS = 15_000;

/** A line for each key that is not the same. */
export function differences(theirs, ours, { slackMs = TTL_SLACK_MS, names = ['BullMQ', 'oxq   '] } = {}) {
  const lines = [];
  for (const key of [...new Set([...Object.keys(theirs), ...Object.keys(ours)])].sort()) {
    const [a, b] = [theirs[key], ours[key]];
    const show = (side) => (side ? `${side.kind} ${JSON.stringify(side.value)}${side.ttl >= 0 ? ` ttl ${side.ttl}` : ''}` : 'no such key');
    const alike = a && b && a.kind === b.kind && JSON.stringify(a.value) === JSON.stringify(b.value);
    const inTime = a && b && (a.ttl < 0 ? a.ttl === b.ttl : b.ttl >= 0 && Math.abs(a.ttl - b.ttl) <= slackMs);
    if (!alike || !inTime) lines.push(`${key}\n      ${names[0]} ${show(a)}\n      ${names[1]} ${show(b)}`);
  }
  return lines;
}
