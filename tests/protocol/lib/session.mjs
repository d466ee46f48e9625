// SPDX-License-Identifier: MIT
/*
 * The steps of a script played on both servers at once. Connections are opened when they are first named; the two
 * sides of a numbered connection live and die together.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { Client } from './client.mjs';
import { isEqual } from './compare.mjs';
import { visible } from './resp.mjs';

const SCAN_CALLS_MAX = 100_000;
const SCAN_CURSOR_AT = { scan: 1 };
const PATIENCE_MS = 200;
const SETTLE_TRIES = 20;
const ID_WORD = /^<id:([1-9])>$/;
const TIME_WORD = /^<now(_s)?([+-]\d+)>/;

export class Session {
  #connections = new Map();
  #control;

  constructor(pair) {
    this.pair = pair;
  }

  /** An empty keyspace, no scripts, no connections. */
  async reset() {
    for (const both of this.#connections.values()) both.forEach((client) => client.destroy());
    this.#connections.clear();
    await Promise.all(this.pair.both.map((server, i) => this.#clean(server, i)));
  }

  /** An empty keyspace. */
  async flush() {
    await Promise.all(this.#control.map((client) => client.call('FLUSHALL')));
  }

  async #clean(server, i) {
    this.#control ??= [];
    if (!this.#control[i] || this.#control[i].isClosed) this.#control[i] = await Client.open(server.port);
    const control = this.#control[i];
    for (let tries = 0; tries < SETTLE_TRIES; tries++) {
      const list = await control.call('CLIENT', 'LIST');
      if ((list.text?.match(/addr=/g) ?? []).length <= 1) break;
    }
    await control.call('CLIENT', 'UNPAUSE');
    await control.call('FLUSHALL');
    await control.call('SCRIPT', 'FLUSH');
  }

  /** Both sides of connection n: [left, right]. */
  async on(n) {
    if (!this.#connections.has(n)) this.#connections.set(n, await Promise.all(this.pair.both.map(openWithId)));
    return this.#connections.get(n);
  }

  /** Sends args on both sides, with words such as <now+500> replaced: see wordsFor. */
  async send(n, args) {
    const both = await this.on(n);
    for (const arg of args) {
      const id = ID_WORD.exec(arg);
      if (id) await this.on(Number(id[1]));
    }
    both.forEach((client, side) => client.send(args.map((arg) => this.#word(arg, side))));
    return both;
  }

  #word(arg, side) {
    if (!arg.startsWith('<')) return arg;
    const id = ID_WORD.exec(arg);
    if (id) return this.#connections.get(Number(id[1]))[side].id;
    return arg.replace(TIME_WORD, (_, unit, plus) => {
      const ms = this.pair.clock.nowMs;
      return String((unit ? Math.trunc(ms / 1000) : ms) + Number(plus));
    });
  }

  /** Plays one step. Gives null, or what differs: { left, right } as texts. */
  async play(step) {
    // Redis beside itself knows nothing of what oxq should answer
    if (this.pair.right.kind === 'redis') step = { ...step, expected: undefined };
    if (step.does === 'reset') return void (await this.reset()) ?? null;
    if (step.does === 'wait') return void (await this.pair.advance(step.ms)) ?? null;
    const both = await this.on(step.on);
    switch (step.does) {
      case 'call':
        await this.send(step.on, step.args);
        return compareReplies(step, await readBoth(both, step));
      case 'send':
        await this.send(step.on, step.args);
        return null;
      case 'write':
        both.forEach((client) => client.write(step.bytes));
        return null;
      case 'read':
        return compareReplies(step, await readBoth(both, step));
      case 'end':
        both.forEach((client) => client.end());
        return null;
      case 'scan':
        return compareReplies(step, await Promise.all(both.map((client) => scanAll(client, step.args))));
      case 'quiet':
        return this.#quiet(both);
      default:
        throw new Error(`no such step: ${step.does}`);
    }
  }

  /** After this, what the servers had to say to anybody is here. */
  async settle() {
    for (let i = 0; i < 2; i++) await Promise.all(this.#control.map((client) => client.call('PING')));
    for (let i = 0; i < 2; i++) await turn();
  }

  async #quiet(both) {
    await this.settle();
    if (both.every((client) => client.pendingCount === 0 && !client.isClosed)) return null;
    const [left, right] = both.map((client) => (client.isClosed ? '(closed)' : `(${client.pendingCount} replies wait)`));
    return { left, right };
  }
}

async function openWithId(server) {
  const client = await Client.open(server.port);
  client.id = (await client.call('CLIENT', 'ID')).text;
  return client;
}

/* Where oxq's reply is given beforehand, Redis may have none. */
async function readBoth([left, right], { expected }) {
  const reply = await right.read();
  return [await left.read(expected === undefined ? undefined : PATIENCE_MS), reply];
}

function compareReplies(step, [left, right]) {
  const silent = (left.type === 'silent' && step.expected === undefined) || right.type === 'silent';
  const isSame = step.expected === undefined ? isEqual(left, right, step.way) : right.raw === step.expected;
  if (isSame && !silent) return null;
  const wanted = step.expected === undefined ? left.raw : step.expected;
  return { left: visible(wanted), right: visible(right.raw), isLost: silent };
}

/** One array of all that a SCAN of any kind tells, each element once, in order of their texts. */
export async function scanAll(client, args) {
  const cursorAt = SCAN_CURSOR_AT[args[0].toLowerCase()] ?? 2;
  const isPairs = /^[hz]scan$/i.test(args[0]);
  const found = new Set();
  let cursor = '0';
  for (let calls = 0; calls < SCAN_CALLS_MAX; calls++) {
    const reply = await client.call(...args.map((arg, i) => (i === cursorAt ? cursor : arg)));
    if (reply.type !== '*' || reply.items?.length !== 2) return reply;
    const items = reply.items[1].items.map((item) => item.text);
    for (let i = 0; i < items.length; i += isPairs ? 2 : 1) found.add(isPairs ? `${items[i]} -> ${items[i + 1]}` : items[i]);
    cursor = reply.items[0].text;
    if (cursor === '0') break;
  }
  const items = [...found].sort();
  return { type: '*', items: items.map((text) => ({ type: '$', text })), raw: items.join('\r\n') };
}
