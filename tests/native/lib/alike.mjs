// SPDX-License-Identifier: MIT
/** When two replies to a request count as equal. */

import { exactText } from '../../transitions/lib/keyspace.mjs';

/* Members of sets have no order, and neither have fields of large hashes, which scripts hand on as they found them. */
const UNORDERED = new Set(['smembers', 'keys', 'hkeys', 'hvals', 'sscan', 'hscan']);
const PAIRED = new Set(['hgetall', 'evalsha', 'eval', 'exec']);

const asText = (list) => list.map((item) => JSON.stringify(item)).sort();

function pairsOf(items) {
  return items.flatMap((item, i) => (i % 2 === 0 ? [[item, items[i + 1]]] : []));
}

/* Lua's words for what a script does wrong are each interpreter's own. */
function plain(reply, way) {
  if (reply.type === '-') return ['-', reply.text.split(' ')[0]];
  if (!reply.items) return [reply.type, exactText(reply.text) ?? null];
  const items = reply.items.map((item) => plain(item, way));
  if (way === 'unordered') return [reply.type, asText(items)];
  const isHash = way === 'paired' && items.length % 2 === 0 && reply.items.every((item) => item.type === '$');
  return [reply.type, isHash ? asText(pairsOf(items)) : items];
}

export function isAlike(args, left, right) {
  if (left.raw === right.raw) return true;
  const word = args[0].toLowerCase();
  const way = UNORDERED.has(word) ? 'unordered' : PAIRED.has(word) ? 'paired' : '';
  return JSON.stringify(plain(left, way)) === JSON.stringify(plain(right, way));
}
