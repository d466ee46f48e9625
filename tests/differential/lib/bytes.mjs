// SPDX-License-Identifier: MIT
/*
 * Streams of requests with bytes changed, left out and put in between, sent as they are: both servers must answer the same
 * bytes and close when the other does. A stream is one string of bytes; any part of it is a stream again.
 */
import { Client, CLOSED } from '../../protocol/lib/client.mjs';
import { encode, quote, visible } from '../../protocol/lib/resp.mjs';
import { Gen } from './gen.mjs';

const REQUESTS_MAX = 12;
const CHANGES_MAX = 4;
/* What a parser looks at. No zero byte: Redis takes it for the end of a line that has not come whole. */
const PIECES = ['*', '$', '\r', '\n', '\r\n', '-', '+', '0', '1', '2', '3', '9', '"', "'", '\\', ' ', '\t', ':', 'x', '\xff', '-1', '*0\r\n',
  '*-1\r\n', '$-1\r\n', '$0\r\n\r\n', '*1\r\n$4\r\nPING\r\n', '\\x41', '"\\n"', 'PING\r\n', '*2\r\n', '$1\r\n'];

/** @returns the stream of a seed. */
export function makeStream(seed) {
  const g = new Gen(seed);
  let bytes = g.some(1, REQUESTS_MAX, () => request(g)).join('');
  for (let i = g.int(0, CHANGES_MAX); i > 0; i--) bytes = change(g, bytes);
  return bytes;
}

function request(g) {
  const args = g.pick([
    () => ['PING'],
    () => ['ECHO', word(g)],
    () => ['SET', g.letter(), word(g)],
    () => ['GET', g.letter()],
    () => ['nosuch', word(g), word(g)],
    () => ['LRANGE', g.letter(), '0', '-1'],
    () => ['MULTI'],
    () => ['EXEC'],
    () => ['APPEND', g.letter(), word(g)],
    () => ['CONFIG', word(g)],
  ])();
  if (g.chance(0.6)) return encode(args);
  return args.map((arg) => (g.chance(0.5) ? quote(arg) : arg)).join(g.pick([' ', '  ', '\t'])) + g.pick(['\r\n', '\n']);
}

function word(g) {
  return g.pick([g.letter(), String(g.int(0, 99)), 'a b', '', '"', "it's", '\xe9\xff', 'x'.repeat(g.int(1, 40)), '\\', '*1', '$1\r\n']);
}

function change(g, bytes) {
  const at = g.int(0, bytes.length);
  const to = Math.min(bytes.length, at + g.pick([1, 1, 2, 3, 10]));
  return g.pick([
    () => bytes.slice(0, at) + g.pick(PIECES) + bytes.slice(at),
    () => bytes.slice(0, at) + g.pick(PIECES) + bytes.slice(to),
    () => bytes.slice(0, at) + bytes.slice(to),
    () => bytes.slice(0, at),
    () => bytes.slice(0, at) + bytes.slice(at, to) + bytes.slice(at),
  ])();
}

/** null, or { left, right } as texts: all that either server answered to the stream. */
export async function playStream(session, bytes) {
  await session.flush();
  const [left, right] = await Promise.all(session.pair.both.map((server) => answerTo(server, bytes)));
  return left === right ? null : { left: visible(left), right: visible(right) };
}

/* Our side ends with the stream, so a server always closes in the end. */
async function answerTo(server, bytes) {
  const client = await Client.open(server.port);
  client.write(bytes);
  client.end();
  let all = '';
  for (let reply = await client.read(); reply !== CLOSED; reply = await client.read()) {
    all += reply.raw;
    if (reply.type === 'silent' || reply.type === 'broken') break;
  }
  client.destroy();
  return all;
}

/** The shortest part found that still differs. */
export async function shrinkStream(bytes, differs, deadline) {
  let best = bytes;
  for (let length = best.length >> 1; length >= 1; length >>= 1) {
    for (let at = best.length - length; at > -length && performance.now() < deadline; at -= length) {
      const fewer = best.slice(0, Math.max(0, at)) + best.slice(at + length);
      if (fewer && (await differs(fewer))) best = fewer;
    }
  }
  return best;
}

export function streamAsScript(bytes) {
  return [`1! ${quote(bytes)}`, '1x', '1<'];
}
