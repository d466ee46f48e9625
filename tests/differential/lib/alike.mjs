// SPDX-License-Identifier: MIT
/*
 * When two replies count as equal, beyond the ways of the protocol scripts: what differs by intent. Each entry gives its
 * reason; known.md tells them to people.
 */
import { isEqual } from '../../protocol/lib/compare.mjs';

/* OBJECT ENCODING as 7.2 has it: small sets and lists are listpacks there, and Redis 7.0 has neither. */
const ENCODINGS_ALIKE = new Set(['hashtable listpack', 'quicklist listpack']);

/* XINFO tells how the original's radix tree is built; ours is another structure. */
const XINFO_DROPPED = new Set(['radix-tree-keys', 'radix-tree-nodes', 'active-time', 'inactive']);

/* Longer error texts are cut, and end otherwise. */
const ERROR_BYTES_MIN = 800;

const KNOWN = [
  // Redis tells the size of a key whose time is over and that nobody has touched since
  ({ args }, left, right) => /^memory$/i.test(args[0]) && left.type === ':' && isNull(right),
  (_, left, right) => left.type === '-' && right.type === '-' && right.text.length > ERROR_BYTES_MIN &&
    left.text.slice(0, ERROR_BYTES_MIN) === right.text.slice(0, ERROR_BYTES_MIN),
  // each compiler's own words behind the line's number
  (_, left, right) => compileError(left) !== undefined && compileError(left) === compileError(right),
  // a time-out past 64 bits overflows in 7.0 and comes out negative; 7.2 says what it is
  (_, left, right) => left.text === 'ERR timeout is negative' && right.text === 'ERR timeout is out of range',
  ({ args }, left, right) => args[0] === 'OBJECT' && ENCODINGS_ALIKE.has(`${left.text} ${right.text}`),
];

export function isAlike(step, left, right, way) {
  if (way === 'xinfo') return isEqual(withoutDropped(left), withoutDropped(right), 'unordered');
  return isEqual(left, right, way) || (isOfZset(step) && isEqual(withoutMinusZero(left), withoutMinusZero(right), way)) || KNOWN.some((rule) => rule(step, left, right));
}

function isNull(reply) {
  return reply.type === '_' || (reply.text === undefined && !reply.items);
}

/* Minus zero is kept as a score or not depending on how a sorted set is stored at the moment. */
function isOfZset({ args }) {
  return /^b?z/i.test(args[0]);
}

function withoutMinusZero(reply) {
  if (reply.text === '-0' && (reply.type === '$' || reply.type === ',')) return { type: reply.type, text: '0' };
  return reply.items ? { ...reply, raw: undefined, items: reply.items.map(withoutMinusZero) } : reply;
}

function compileError(reply) {
  return reply.type === '-' ? /^ERR Error compiling script \(new function\): user_script:\d+:/.exec(reply.text)?.[0] : undefined;
}

function withoutDropped(reply) {
  if (!reply.items) return reply;
  const items = [];
  for (let i = 0; i < reply.items.length; i++) {
    if (reply.items[i].type === '$' && XINFO_DROPPED.has(reply.items[i].text)) i++;
    else items.push(withoutDropped(reply.items[i]));
  }
  return { ...reply, raw: undefined, items };
}
