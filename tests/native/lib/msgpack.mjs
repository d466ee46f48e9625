// SPDX-License-Identifier: MIT
/** Packed arguments of a script, changed: other values, other ways to spell the same ones, bytes that are no MessagePack. */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const require = createRequire(fileURLToPath(new URL('../../e2e/package.json', import.meta.url)));
const { Unpackr } = require('msgpackr');

const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true });

/* ---- writing ---- */

const bytes = (...numbers) => Buffer.from(numbers);

function number(method, lead, width, value) {
  const out = Buffer.alloc(1 + width);
  out[0] = lead;
  out[method](method.includes('Big') ? BigInt(value) : value, 1);
  return out;
}

const WIDTHS = [
  [0, 127, (n) => bytes(n)],
  [-32, -1, (n) => bytes(256 + n)],
  [0, 255, (n) => number('writeUInt8', 0xcc, 1, n)],
  [0, 65535, (n) => number('writeUInt16BE', 0xcd, 2, n)],
  [0, 2 ** 32 - 1, (n) => number('writeUInt32BE', 0xce, 4, n)],
  [0, 2 ** 63, (n) => number('writeBigUInt64BE', 0xcf, 8, n)],
  [-128, 127, (n) => number('writeInt8', 0xd0, 1, n)],
  [-32768, 32767, (n) => number('writeInt16BE', 0xd1, 2, n)],
  [-(2 ** 31), 2 ** 31 - 1, (n) => number('writeInt32BE', 0xd2, 4, n)],
  [-(2 ** 63), 2 ** 53, (n) => number('writeBigInt64BE', 0xd3, 8, n)],
];

/** A number in any width that holds it. */
function packNumber(rng, n) {
  const widths = Number.isInteger(n) && !Object.is(n, -0) ? WIDTHS.filter(([min, max]) => n >= min && n <= max) : [];
  if (widths.length > 0 && rng.chance(0.6)) return rng.pick(widths)[2](n);
  return number('writeDoubleBE', 0xcb, 8, n);
}

function packText(rng, text) {
  const body = Buffer.from(text, 'utf8');
  const heads = [number('writeUInt16BE', 0xda, 2, body.length), number('writeUInt32BE', 0xdb, 4, body.length)];
  if (body.length < 256) heads.push(number('writeUInt8', 0xd9, 1, body.length));
  if (body.length < 32) heads.push(bytes(0xa0 + body.length), bytes(0xa0 + body.length));
  return Buffer.concat([rng.pick(heads), body]);
}

function packHead(rng, small, lead, count) {
  if (count < 16 && rng.chance(0.7)) return bytes(small + count);
  return rng.chance(0.5) ? number('writeUInt16BE', lead, 2, count) : number('writeUInt32BE', lead + 1, 4, count);
}

function pack(rng, value) {
  if (value === null || value === undefined) return bytes(0xc0);
  if (typeof value === 'boolean') return bytes(value ? 0xc3 : 0xc2);
  if (typeof value === 'number' || typeof value === 'bigint') return packNumber(rng, Number(value));
  if (typeof value === 'string') return packText(rng, value);
  if (Array.isArray(value)) return Buffer.concat([packHead(rng, 0x90, 0xdc, value.length), ...value.map((item) => pack(rng, item))]);
  const pairs = Object.entries(value).flatMap(([name, item]) => [packText(rng, name), pack(rng, item)]);
  if (pairs.length > 0 && rng.chance(0.04)) pairs.push(rng.pick(pairs.filter((_, i) => i % 2 === 0)), pack(rng, rng.pick(VALUES)));
  return Buffer.concat([packHead(rng, 0x80, 0xde, pairs.length / 2), ...pairs]);
}

/* ---- changing ---- */

const VALUES = [null, null, null, null, true, false, 0, 1, -1, 5, 1.5, -0, -0, 0.1, 1e13, 99999999999999, 1e14, 2 ** 53, 2 ** 53 + 2, 1e20, 1e300, 5e-324, Infinity, -Infinity, '', 'x', '1', '7', '-1',
  'meta', 'a/b', 'wait', 'events', 'id', 'marker', 'line\n"end"/\\\x01\x7f', 'é€', [], {}, [1, 'two'], [1, null, 3], { a: { b: [true] } }, 'long '.repeat(30)];
const NAMES = ['delay', 'priority', 'lifo', 'attempts', 'de', 'backoff', 'removeOnComplete', 'token', 'keepJobs', 'limiter', 'lockDuration', 'maxMetricsSize', 'name', 'fpof', 'cpof', 'idof', 'rdof', 'kl', 'parent', 'rjk', 'x', '1', ''];

function change(rng, value, depth = 0) {
  if (value === null || typeof value !== 'object' || rng.chance(0.03)) return structuredClone(rng.pick(VALUES));
  if (Array.isArray(value)) return changeArray(rng, value, depth);
  const names = Object.keys(value);
  const copy = { ...value };
  if (names.length === 0 || rng.chance(0.4)) copy[rng.pick(NAMES)] = structuredClone(rng.pick(VALUES));
  else if (rng.chance(0.2)) delete copy[rng.pick(names)];
  else {
    const name = rng.pick(names);
    copy[name] = change(rng, value[name], depth + 1);
  }
  return copy;
}

function changeArray(rng, list, depth) {
  if (list.length === 0 || rng.chance(0.05)) return [...list, structuredClone(rng.pick(VALUES))];
  if (rng.chance(0.1)) return list.slice(0, rng.int(0, list.length));
  const at = rng.int(0, list.length - 1);
  return list.map((item, i) => (i === at ? change(rng, item, depth + 1) : item));
}

const unpack = (text) => unpackr.unpack(Buffer.from(text, 'latin1'));

/** Bytes that are perhaps no MessagePack any more. */
function damage(rng, text) {
  const at = rng.int(0, text.length - 1);
  return rng.pick([
    () => text.slice(0, at),
    () => text + rng.pick(['\x00', '\xc0', '\xc1', text]),
    () => text.slice(0, at) + String.fromCharCode(rng.int(0, 255)) + text.slice(at + 1),
    () => '',
  ])();
}

/** A packed argument with one thing changed. */
export function repack(rng, text) {
  if (rng.chance(0.1)) return damage(rng, text);
  let value;
  try {
    value = unpack(text);
  } catch {
    return damage(rng, text);
  }
  return pack(rng, change(rng, value)).toString('latin1');
}

/** The same values, spelled otherwise. */
export function packOddly(rng, text) {
  try {
    return pack(rng, unpack(text)).toString('latin1');
  } catch {
    return text;
  }
}
