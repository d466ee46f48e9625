// SPDX-License-Identifier: MIT
/** What a transition did to a damaged queue, and what it must not have done. */
import { differences } from '../../transitions/lib/keyspace.mjs';
import { isBroken, placesOf } from './queue.mjs';

const isError = (reply) => reply instanceof Error;
const errorText = (reply) => reply.message.slice(0, 200);

/* A job may come to be in a state, or go for good where the call removes jobs; else it stays in one. */
function jobsWrong(before, after, call) {
  const lines = [];
  const [was, is] = [placesOf(before), placesOf(after)];
  for (const [key, states] of is) {
    const old = was.get(key);
    if (states.length === 0 && (!old || old.length > 0)) lines.push(`${key} is in no state, and was in ${old ?? 'none: it is new'}`);
    if (states.length > Math.max(1, old?.length ?? 1)) lines.push(`${key} is in ${states}, and was in ${old ?? 'none'}`);
  }
  if (call.removes) return lines;
  for (const key of was.keys()) if (!after[key]) lines.push(`${key} is gone`);
  return lines;
}

/* A number that was taken is not given back. */
const withoutNumber = (keyspace) => Object.fromEntries(Object.entries(keyspace).filter(([key, { kind }]) => !(kind === 'string' && /^bull:[^:]+:id$/.test(key))));

export function whatIsWrong({ before, reply, after }, call) {
  if (isError(reply) && /attempt(ed)? to/.test(reply.message)) return [`a mistake in the script: ${errorText(reply)}`];
  if (!isError(reply)) return jobsWrong(before, after, call);
  if (isBroken(before)) return jobsWrong(before, after, { removes: true });
  const changed = differences(withoutNumber(before), withoutNumber(after), { names: ['before', 'after '] });
  return changed.length > 0 ? [`it changed, and then failed: ${errorText(reply)}`, ...changed] : [];
}

/* Ids of streams are the servers' clocks. Whatever goes through a set does it in some order. */
function comparable(keyspace, { isUnordered }) {
  const entries = (lines) => lines.map((line) => line.replace(/^\S+ /, ''));
  const valueOf = ({ kind, value }) => (kind !== 'stream' ? value : isUnordered ? entries(value).sort() : entries(value));
  return Object.fromEntries(Object.entries(keyspace).map(([key, held]) => [key, { ...held, value: valueOf(held) }]));
}

const sorted = (value) => (Array.isArray(value) ? value.map((one) => JSON.stringify(sorted(one))).sort() : value);
const fieldsSorted = (value, i) => (i > 0 && Array.isArray(value) ? sorted(value) : value);
/* Of the time that a limit goes on, set for 600 s. */
const withoutTime = (text) => text.replace(/\b(59\d{4}|600000)\b/g, 'soon');

function plain(reply, call) {
  if (isError(reply)) return 'error';
  if (!Array.isArray(reply)) return JSON.stringify(reply);
  return withoutTime(JSON.stringify(call.isUnordered ? sorted(reply) : reply.map(fieldsSorted)));
}

export function whatDiffers(theirs, ours, names, call) {
  const [a, b] = [theirs, ours].map(({ reply }) => plain(reply, call));
  const lines = a === b ? [] : [`${names[0]} answers ${isError(theirs.reply) ? errorText(theirs.reply) : a}, ${names[1]} ${isError(ours.reply) ? errorText(ours.reply) : b}`];
  return [...lines, ...differences(comparable(theirs.after, call), comparable(ours.after, call), { names })];
}
