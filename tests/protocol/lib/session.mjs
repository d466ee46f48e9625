// SPDX-License-Identifier: MIT
/*
 * The steps of a script played on both servers at once. Connections are opened when they are first named; the two
 * sides of a numbered connection live and die together.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { Client, SILENT } from './client.mjs';
import { isEqual } from './compare.mjs';
import { visible } from './resp.mjs';

const SCAN_CALLS_MAX = 100_000;
const SCAN_CURSOR_AT = { scan: 1 };
const SETTLE_MS = 1000;
const SETTLE_TRIES = 20;
const ID_WORD = /^<id:([1-9])>$/;
const TIME_WORD = /^<now(_s)?([+-]\d+)>/;

export class Session {
  #connections = new Map();
  #controls = [];

  constructor(pair) {
    this.pair = pair;
  }

  /** No connections. */
  drop() {
    for (const both of this.#connections.values()) both.forEach((client) => client.destroy());
    this.#connections.clear();
  }

  /** An empty keyspace, no scripts, no connections. */
  async reset() {
    this.drop();
    await Promise.all((await this.#control()).map((control) => this.#clean(control)));
  }

  /** An empty keyspace. */
  async flush() {
    await Promise.all((await this.#control()).map((client) => client.call('FLUSHALL')));
  }

  /** A connection to each server that no script sees. */
  async #control() {
    return Promise.all(this.pair.both.map(async (server, i) => {
      if (!this.#controls[i] || this.#controls[i].isClosed) this.#controls[i] = await Client.open(server.port);
      return this.#controls[i];
    }));
  }

  async #clean(control) {
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
    if (step.does === 'reset') return void (await this.reset()) ?? null;
    if (step.does === 'wait') return void (await this.pair.advance(step.ms)) ?? null;
    const both = await this.on(step.on);
    switch (step.does) {
      case 'call':
        await this.send(step.on, step.args);
        return this.#compareNext(both, step);
      case 'read':
        return this.#compareNext(both, step);
      case 'scan':
        return compareReplies(step, await Promise.all(both.map((client) => scanAll(client, step.args))));
      case 'quiet':
        return this.#quiet(both);
      case 'send':
        await this.send(step.on, step.args);
        break;
      case 'write':
        both.forEach((client) => client.write(step.bytes));
        break;
      case 'end':
        both.forEach((client) => client.end());
        break;
      default:
        throw new Error(`no such step: ${step.does}`);
    }
    // the next step, on another connection, must not overtake this one
    await this.settle();
    return null;
  }

  /**
   * After this, the servers have seen what was sent, and what they had to say to anybody is here. A server that answers
   * nobody (it is paused, a script runs) is not waited for.
   */
  async settle() {
    for (let i = 0; i < 2; i++) {
      for (const control of await this.#control()) control.send(['PING']);
      await Promise.all(this.#controls.map(async (control) => {
        if ((await control.read(SETTLE_MS)) === SILENT) control.destroy();
      }));
    }
    for (let i = 0; i < 2; i++) await turn();
  }

  async #compareNext([left, right], step) {
    if (step.expected === undefined) return compareReplies(step, await Promise.all([left.read(), right.read()]));
    // what oxq must answer is given: Redis's answer, if it has one, is only taken away
    const isSelf = this.pair.right.kind === 'redis';
    const reply = isSelf ? null : await right.read();
    await this.settle();
    for (const client of isSelf ? [left, right] : [left]) if (client.pendingCount > 0) await client.read();
    if (isSelf || reply.raw === step.expected) return null;
    return { left: visible(step.expected), right: visible(reply.raw), isLost: reply === SILENT };
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

function compareReplies(step, [left, right]) {
  const isLost = left === SILENT || right === SILENT;
  if (!isLost && isEqual(left, right, step.way)) return null;
  return { left: visible(left.raw), right: visible(right.raw), isLost };
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
