// SPDX-License-Identifier: MIT
/*
 * When two replies are equal. `exact` compares bytes; the looser ways first bring both replies to one form.
 *
 *   exact      every byte
 *   unordered  arrays at any depth are multisets
 *   pairs      a flat array of pairs is a set of pairs, at any depth; maps and sets too
 *   any        the type of the reply
 *   shape      types and lengths at every depth, not the texts
 *   code       as exact, but of an error only its first word
 */
const BY_WAY = {
  exact: (reply) => reply.raw ?? canon(reply, keep),
  unordered: (reply) => canon(reply, sorted),
  pairs: (reply) => canon(reply, sortedPairs),
  any: (reply) => kind(reply),
  shape: (reply) => shape(reply),
  code: (reply) => (reply.type === '-' ? `-${reply.text.split(' ')[0]}` : canon(reply, keep)),
};

export const ways = Object.keys(BY_WAY);

export function isEqual(a, b, way) {
  return BY_WAY[way](a) === BY_WAY[way](b);
}

/** The same text for replies that are equal, with arrays of maps and sets in any order. */
function canon(reply, order) {
  if (!reply.items) return reply.text === undefined ? `${reply.type}null` : `${reply.type}${reply.text.length}:${reply.text}`;
  const items = reply.items.map((item) => canon(item, order));
  const own = reply.type === '%' ? sortedPairs : reply.type === '~' ? sorted : order;
  return `${reply.type}${items.length}[${own(items).join(',')}]`;
}

function keep(items) {
  return items;
}

function sorted(items) {
  return [...items].sort();
}

function sortedPairs(items) {
  const pairs = [];
  for (let i = 0; i < items.length; i += 2) pairs.push(items.slice(i, i + 2).join('='));
  return pairs.sort();
}

/* A null is its own kind: `any` between a string and a null is a difference. An error's kind is its code. */
function kind(reply) {
  if (reply.type === '-') return `-${reply.text.split(' ')[0]}`;
  return reply.text === undefined && !reply.items ? `${reply.type}null` : reply.type;
}

function shape(reply) {
  return reply.items ? `${reply.type}[${reply.items.map(shape).join(',')}]` : kind(reply);
}
