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

const KNOWN = [
  // a time-out past 64 bits overflows in 7.0 and comes out negative; 7.2 says what it is
  (_, left, right) => left.text === 'ERR timeout is negative' && right.text === 'ERR timeout is out of range',
  ({ args }, left, right) => args[0] === 'OBJECT' && ENCODINGS_ALIKE.has(`${left.text} ${right.text}`),
];

export function isAlike(step, left, right, way) {
  if (way === 'xinfo') return isEqual(withoutDropped(left), withoutDropped(right), 'unordered');
  return isEqual(left, right, way) || KNOWN.some((rule) => rule(step, left, right));
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
