// SPDX-License-Identifier: MIT
/*
 * A history of writes whose every prefix can be told from every other, for tests that lose power or kill servers.
 *
 * Step i of connection c is made from (seed, c, i) alone. It is one command, one EVAL or one MULTI ... EXEC, so it is whole
 * or absent, and it appends "c:i" to the list h:log. That list is thus the order in which the server did the steps, and
 * whoever has it can do them again elsewhere: a database is right when it equals what its own h:log makes.
 */
import { Client } from '../protocol/lib/client.mjs';
import { encode } from '../protocol/lib/resp.mjs';
import { sleep } from './victim.mjs';

export const LOG = 'h:log';
/* Steps that are sent before their replies are read. */
const TOGETHER = 200;
/* Entries of the log in one reply. */
const PAGE = 20_000;
const FAR_MS = 4_000_000_000_000;
/* Runs the commands of ARGV: for each the count of its words, then the words. What fails everywhere (a key to
 * rename that is not there, a stream id used twice) does nothing; any other error ends it. */
const RUN = `
local at = 1
while at <= #ARGV do
  local n = tonumber(ARGV[at])
  local reply = redis.pcall(unpack(ARGV, at + 1, at + n))
  if type(reply) == 'table' and reply.err and not reply.err:find('no such key') and not reply.err:find('XADD') then return reply end
  at = at + n + 1
end
return #ARGV`;
/* Type and contents of each key of a database but the log, in the order of keys. */
const DUMP = `
local out = {}
local keys = redis.call('KEYS', '*')
table.sort(keys)
for _, key in ipairs(keys) do if key ~= 'h:log' then
  local kind, value = redis.call('TYPE', key)['ok'], nil
  if kind == 'string' then value = {redis.call('GET', key)}
  elseif kind == 'hash' then value = redis.call('HGETALL', key)
  elseif kind == 'list' then value = redis.call('LRANGE', key, 0, -1)
  elseif kind == 'set' then value = redis.call('SMEMBERS', key)
  elseif kind == 'zset' then value = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
  else value = redis.call('XRANGE', key, '-', '+') end
  out[#out + 1] = {key, kind, redis.call('PEXPIRETIME', key), value}
end end
return out`;
export const DATABASES = [0, 1, 2];

/** Numbers in [0, 1) that follow from the seed (mulberry32). */
export function rng(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const MAKERS = [
  (c, n, word) => ['SET', `${c}:s${n(4)}`, word()],
  (c, n, word) => ['SET', `${c}:s${n(4)}`, word(), 'PXAT', FAR_MS + n(1000)],
  (c, n, word) => ['APPEND', `${c}:s${n(4)}`, word()],
  (c, n) => ['INCRBY', `${c}:n${n(2)}`, n(100)],
  (c, n, word) => ['HSET', `${c}:h${n(3)}`, `f${n(30)}`, word(), `f${n(30)}`, word()],
  (c, n, word) => ['HSET', 'h:many', `f${n(4000)}`, word()],
  (c, n) => ['HDEL', `${c}:h${n(3)}`, `f${n(30)}`, `f${n(30)}`],
  (c, n, word) => ['RPUSH', `${c}:l${n(3)}`, word(), word()],
  (c, n, word) => ['LPUSH', `${c}:l${n(3)}`, word()],
  (c, n) => ['LPOP', `${c}:l${n(3)}`],
  (c, n) => ['RPOPLPUSH', `${c}:l${n(3)}`, `${c}:l${n(3)}`],
  (c, n) => ['LTRIM', `${c}:l${n(3)}`, n(3), -1 - n(2)],
  (c, n) => ['SADD', `${c}:e${n(2)}`, `m${n(60)}`, n(60)],
  (c, n) => ['SREM', `${c}:e${n(2)}`, `m${n(60)}`],
  (c, n) => ['ZADD', `${c}:z${n(2)}`, n(50), `m${n(60)}`, n(50) / 8, `m${n(60)}`],
  (c, n) => ['ZADD', 'h:ranks', n(100000), `m${n(3000)}`],
  (c, n) => ['ZREM', `${c}:z${n(2)}`, `m${n(60)}`],
  (c, n) => ['ZPOPMIN', `${c}:z${n(2)}`],
  (c, n) => ['ZINCRBY', `${c}:z${n(2)}`, n(9) - 4, `m${n(60)}`],
  (c, n, word, i) => ['XADD', `${c}:x`, `${i + 1}-1`, 'f', word()],
  (c, n) => ['XTRIM', `${c}:x`, 'MAXLEN', 20 + n(50)],
  (c, n, word, i) => ['XDEL', `${c}:x`, `${1 + n(i + 1)}-1`],
  (c, n) => ['DEL', `${c}:${'shlezn'[n(6)]}${n(3)}`],
  (c, n) => ['RENAME', `${c}:h${n(3)}`, `${c}:h${n(3)}`],
  (c, n) => ['PEXPIREAT', `${c}:${'shlez'[n(5)]}${n(3)}`, FAR_MS + n(1000)],
  (c, n) => ['PERSIST', `${c}:${'shlez'[n(5)]}${n(3)}`],
  (c, n) => ['MOVE', `${c}:s${n(4)}`, 1],
];
const OTHER_DATABASES = [
  (n, word) => [['SELECT', 1 + n(2)], ['HSET', `d:h${n(3)}`, `f${n(20)}`, word()], ['RPUSH', `d:l${n(2)}`, word()], ['SELECT', 0]],
  (n) => (n(4) === 0 ? [['SELECT', 2], ['FLUSHDB'], ['SELECT', 0]] : [['SELECT', 1], ['DEL', `d:h${n(3)}`], ['SELECT', 0]]),
  (n) => (n(4) === 0 ? [['SWAPDB', 1, 2]] : [['SELECT', 2], ['RPUSH', 'd:l0', n(9)], ['SELECT', 0]]),
];

/** { how: 'single' | 'eval' | 'multi', commands } */
export function makeStep(seed, c, i) {
  const random = rng(Math.imul(seed, 7919) ^ Math.imul(c + 1, 104729) ^ Math.imul(i + 1, 2654435));
  const n = (limit) => Math.floor(random() * limit);
  const word = () => 'abcdefghij'[n(10)].repeat(n(8) === 0 ? 100 + n(400) : 1 + n(30));
  const commands = [['RPUSH', LOG, `${c}:${i}`]];
  const how = ['single', 'eval', 'multi', 'multi'][n(4)];
  if (how !== 'single') {
    for (let k = 1 + n(7); k > 0; k--) commands.push(MAKERS[n(MAKERS.length)](c, n, word, i));
    if (n(10) === 0) commands.push(...OTHER_DATABASES[n(OTHER_DATABASES.length)](n, word));
  }
  return { how, commands: commands.map((command) => command.map(String)) };
}

/** The requests that do a step; the last one's reply is its acknowledgement. */
export function requestsOf({ how, commands }) {
  if (how === 'single') return commands;
  if (how === 'multi') return [['MULTI'], ...commands, ['EXEC']];
  return [['EVAL', RUN, '0', ...commands.flatMap((command) => [String(command.length), ...command])]];
}

/** All keys of the databases but the log (readLog) as lines of text; what has no order is sorted. */
export async function dump(client) {
  const lines = [];
  for (const database of DATABASES) {
    const selected = await client.call('SELECT', database);
    const reply = selected.text === 'OK' ? await client.call('EVAL', DUMP, 0) : selected;
    if (reply.type !== '*') throw new Error(`a dump failed: ${reply.text ?? reply.raw}`);
    for (const { items: [key, kind, expires, value] } of reply.items) {
      lines.push(`${database} ${key.text} ${kind.text} ${expires.text} ${JSON.stringify(plain(kind.text, value))}`);
    }
  }
  await client.call('SELECT', 0);
  return lines;
}

function plain(kind, value) {
  const items = texts(value);
  if (kind === 'set') return items.sort();
  if (kind !== 'hash') return items;
  return items.flatMap((item, i) => (i % 2 === 0 ? [`${item}=${items[i + 1]}`] : [])).sort();
}

function texts(node) {
  return node.items ? node.items.map(texts) : node.text;
}

/** What differs between two dumps, shortly. */
export function differenceOf(left, right) {
  const [a, b] = [new Set(left), new Set(right)];
  const only = (lines, others, who) => lines.filter((line) => !others.has(line)).map((line) => `${who}: ${line.slice(0, 160)}`);
  return [...only(left, b, 'expected'), ...only(right, a, 'found   ')].slice(0, 6).join('\n    ');
}

/** Reads h:log from an index on, as strings. */
export async function readLog(client, from = 0) {
  const log = [];
  for (let more = PAGE; more === PAGE; ) {
    const at = from + log.length;
    const reply = await client.call('LRANGE', LOG, at, at + PAGE - 1);
    if (reply.type !== '*') throw new Error(`reading ${LOG}: ${reply.text ?? reply.raw}`);
    more = reply.items.length;
    for (const item of reply.items) log.push(item.text);
  }
  return log;
}

/** A server (one that keeps nothing will do) on which the steps of a log are done again. */
export class Replay {
  constructor(client, seed) {
    Object.assign(this, { client, seed, done: 0 });
  }

  static async open(victim, seed) {
    return new Replay(await Client.open(victim.port), seed);
  }

  /** Does the log's steps up to a length; never less than before. */
  async advance(log, length) {
    while (this.done < length) {
      const till = Math.min(length, this.done + TOGETHER);
      const requests = log.slice(this.done, till).flatMap((entry) => requestsOf(makeStep(this.seed, ...entry.split(':').map(Number))));
      this.client.write(requests.map(encode).join(''));
      for (const _ of requests) await this.client.read();
      this.done = till;
    }
  }

  async dumpAt(log, length) {
    await this.advance(log, length);
    return dump(this.client);
  }
}

/** Does it continue in order? Each connection's numbers count up from 0 without a gap. A text says what does not. */
export function faultOfLog(log) {
  const next = new Map();
  for (const [at, entry] of log.entries()) {
    const [c, i] = entry.split(':').map(Number);
    if (i !== (next.get(c) ?? 0)) return `entry ${at} of ${LOG} is ${entry}, connection ${c} was at ${next.get(c) ?? 0}`;
    next.set(c, i + 1);
  }
  return null;
}

/** What a writer says before its steps, for who reads the server's replies: what follows are those to steps from `from` on. */
export const greetingOf = (c, from) => `connection:${c}:${from}`;

/*
 * A connection that sends steps of the history in a pipeline, comes back when the server does, and goes on where the
 * server is. Options: port, seed, c, depth (steps under way), limit (steps in all), isBrief (stops at the first refusal),
 * isOver() (true: the server will not come back), onError(text).
 */
export class Writer {
  sent = 0; /* steps that were sent, ever */
  acked = 0; /* steps whose acknowledgement came */
  refused = []; /* texts of errors in place of acknowledgements */
  isStopped = false;

  constructor(options) {
    Object.assign(this, { depth: 16, limit: Infinity, isOver: () => false, ...options });
  }

  /** Until stopped or at its limit. `resume` tells from a client how many of its steps the server has. */
  async run(resume) {
    while (!this.isStopped && this.acked < this.limit) {
      const client = await Client.open(this.port).catch(() => null);
      if (client) await this.#converse(client, resume).catch((error) => this.onError(error.message));
      client?.destroy();
      if (this.failure || this.isOver()) return;
      if (!this.isStopped && this.acked < this.limit) await sleep(5);
    }
  }

  async #converse(client, resume) {
    const has = await resume(client, this);
    if (has === null) return;
    if ((await client.call('ECHO', greetingOf(this.c, has))).type !== '$') return;
    let next = has;
    let pending = [];
    while (!client.isClosed) {
      while (!this.isStopped && pending.length < this.depth && next < this.limit) {
        const requests = requestsOf(makeStep(this.seed, this.c, next));
        client.write(requests.map(encode).join(''));
        pending.push({ i: next, count: requests.length });
        next++;
        this.sent = Math.max(this.sent, next);
      }
      if (pending.length === 0) return;
      if (!(await this.#readStep(client, pending.shift()))) return;
    }
  }

  /** False: the connection is of no more use. */
  async #readStep(client, { i, count }) {
    let reply;
    for (let k = 0; k < count; k++) {
      reply = await client.read(60_000);
      if (reply.type === 'closed' || reply.type === 'silent' || reply.type === 'broken') {
        if (reply.type !== 'closed') this.onError(`connection ${this.c}: ${reply.type} at step ${i}`);
        return false;
      }
      if (reply.type === '-') {
        if (!reply.text.startsWith('LOADING')) this.refused.push(reply.text);
        if (this.isBrief && this.refused.length) this.isStopped = true;
        return false;
      }
    }
    this.acked = Math.max(this.acked, i + 1);
    return true;
  }
}
