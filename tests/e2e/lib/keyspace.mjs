// SPDX-License-Identifier: MIT
/*
 * The keys that a scenario leaves behind, as plain data with everything that differs from run to run replaced, so that
 * what two servers hold after the same scenario can be compared.
 *
 * Replaced are: times in milliseconds near now (<time>), also where BullMQ multiplies them into a delayed job's score,
 * stream ids (<id>), random ids (<uuid>) and delays of days and more (<delay>). A key with a time to live is marked,
 * without the time.
 */
import { readFileSync, writeFileSync, existsSync } from 'node:fs';

const DAY_MS = 86_400_000;
const DELAYED_SCORE_FACTOR = 4096;

const READERS = {
  string: (client, key) => client.get(key),
  hash: async (client, key) => sortedObject(await client.hgetall(key)),
  list: (client, key) => client.lrange(key, 0, -1),
  set: async (client, key) => (await client.smembers(key)).sort(),
  zset: async (client, key) => pairs(await client.zrange(key, 0, -1, 'WITHSCORES')),
  stream: async (client, key) => (await client.xrange(key, '-', '+')).map(([, fields]) => fields),
};

/** All keys that begin with prefix: { 'key without prefix': { type, value, expires } }. */
export async function readKeyspace(client, prefix) {
  const keys = [];
  for await (const found of client.scanStream({ match: `${prefix}*`, count: 1000 })) keys.push(...found);
  const out = {};
  for (const key of [...new Set(keys)].sort()) {
    const type = await client.type(key);
    const value = normal(await READERS[type](client, key), prefix);
    out[key.slice(prefix.length)] = { type, value, expires: (await client.pttl(key)) >= 0 };
  }
  return out;
}

/** Adds a scenario's keyspace to the file that lib/run.mjs compares. */
export async function saveKeyspace(scenario, client, prefix) {
  const keyspace = await readKeyspace(client, prefix);
  const file = process.env.E2E_KEYSPACE_FILE;
  if (file) {
    const all = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
    writeFileSync(file, JSON.stringify({ ...all, [scenario]: keyspace }));
  }
  return keyspace;
}

/** A line for each key that two sets of scenarios do not share. */
export function compareKeyspaces(left, right) {
  const lines = [];
  for (const scenario of union(left, right)) {
    const [a, b] = [left[scenario] ?? {}, right[scenario] ?? {}];
    for (const key of union(a, b)) {
      const [x, y] = [JSON.stringify(a[key]), JSON.stringify(b[key])];
      if (x !== y) lines.push(`${scenario}: ${key}\n    redis ${x ?? 'has no such key'}\n    oxq   ${y ?? 'has no such key'}`);
    }
  }
  return lines;
}

function union(a, b) {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].sort();
}

function sortedObject(object) {
  return Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function pairs(flat) {
  return flat.flatMap((member, i) => (i % 2 === 0 ? [[member, flat[i + 1]]] : []));
}

function normal(value, prefix) {
  if (Array.isArray(value)) return value.map((item) => normal(item, prefix));
  if (value && typeof value === 'object') {
    const entries = Object.entries(value).map(([key, item]) => [normal(key, prefix), isDelay(key, item) ? '<delay>' : normal(item, prefix)]);
    return Object.fromEntries(entries);
  }
  return normalText(String(value), prefix);
}

function normalText(text, prefix) {
  return withSortedKeys(text)
    .replaceAll(prefix, '')
    .replace(/("delay":)\d{9,}/g, '$1<delay>')
    .replace(/\d{13}-\d+/g, (id) => (isNow(Number.parseInt(id)) ? '<id>' : id))
    .replace(/\d{13,17}/g, (digits) => (isNow(digits) || isNow(digits / DELAYED_SCORE_FACTOR) ? '<time>' : digits))
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, '<uuid>');
}

// a script that encodes a table as JSON writes its fields in whatever order its Lua holds them
function withSortedKeys(text) {
  if (!/^[{[]/.test(text)) return text;
  try {
    return JSON.stringify(JSON.parse(text, (_, value) => (isPlain(value) ? sortedObject(value) : value)));
  } catch {
    return text;
  }
}

function isPlain(value) {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

// long enough to be the time from now until a date
function isDelay(field, value) {
  return field === 'delay' && /^\d{9,}$/.test(value);
}

function isNow(ms) {
  return Math.abs(ms - Date.now()) < DAY_MS;
}
