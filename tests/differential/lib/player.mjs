// SPDX-License-Identifier: MIT
/*
 * Plays an episode on both servers and stops at the first difference.
 *
 * Steps of one connection travel together while nobody else could be answered by them. When a connection is blocked or
 * subscribed, steps go one by one, and after each what anybody received is compared too. A step for a blocked connection is
 * left out, so any part of an episode is an episode again: that is what shrinking needs.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { quoteArg, visible } from '../../protocol/lib/resp.mjs';
import { scanAll, Session } from '../../protocol/lib/session.mjs';
import { isAlike } from './alike.mjs';
import { keyspaceSteps } from './keyspace.mjs';

const TOGETHER_MAX = 64;
const LATE_MS = 400;
const DATABASES = [0, 1, 2];
const CHECKER = 9;

export class Player {
  #restarts = 0;

  constructor(pair) {
    this.pair = pair;
    this.session = new Session(pair);
  }

  /** null, or { step, left, right, script, ended }: what differs, as texts, and the steps so far as a protocol script. */
  async play(steps) {
    await this.session.reset();
    this.blocked = new Map();
    this.listening = new Set();
    this.queued = new Map();
    this.script = [];
    this.played = 0;
    this.difference = null;
    await this.#playAll(steps);
    if (!this.difference) await this.#compareKeyspaces();
    if (!this.difference && this.pair.right.keeps) await this.#compareAfterRestart();
    if (this.difference) this.difference.ended = await this.pair.revive();
    return this.difference;
  }

  async #playAll(steps) {
    for (let at = 0; at < steps.length && !this.difference; ) {
      const step = steps[at];
      if (step.does === 'wait') await this.#wait(step);
      else if (this.#isAlone(step)) await this.#playAlone(step);
      else {
        const group = this.#groupFrom(steps, at);
        await this.#playTogether(group);
        at += group.length - 1;
      }
      at++;
    }
  }

  #isAlone(step) {
    return step.mayBlock || step.way === 'scan' || /^P?SUBSCRIBE$/i.test(step.args[0]) || this.blocked.size > 0 || this.listening.size > 0;
  }

  #groupFrom(steps, at) {
    let end = at + 1;
    while (end < steps.length && end - at < TOGETHER_MAX) {
      const next = steps[end];
      if (next.does !== 'call' || next.on !== steps[at].on || this.#isAlone(next)) break;
      end++;
    }
    return steps.slice(at, end);
  }

  async #wait(step) {
    this.script.push(`@wait ${step.ms}`);
    await this.pair.advance(step.ms);
    if (this.blocked.size > 0) await this.#collect();
  }

  async #playTogether(group) {
    let both;
    for (const step of group) both = await this.session.send(step.on, step.args);
    for (const step of group) {
      this.#note(step, ':');
      const replies = await Promise.all(both.map((client) => client.read()));
      if (!this.#compare(step, replies)) return;
    }
  }

  async #playAlone(step) {
    if (this.blocked.has(step.on)) return;
    if (step.way === 'scan' && !this.queued.has(step.on)) return this.#scan(step);
    const both = await this.session.send(step.on, step.args);
    if (/^P?SUBSCRIBE$/i.test(step.args[0]) && !this.queued.has(step.on)) this.listening.add(step.on);
    if (!step.mayBlock) {
      this.#note(step, ':');
      if (!this.#compare(step, await Promise.all(both.map((client) => client.read())))) return;
      return this.#collect();
    }
    this.#note(step, '>');
    this.blocked.set(step.on, step);
    await this.#collect();
  }

  async #scan(step) {
    this.#note(step, ':');
    const both = await this.session.on(step.on);
    this.#compare({ ...step, way: 'exact' }, await Promise.all(both.map((client) => scanAll(client, step.args))));
  }

  /** Compares what blocked and subscribed connections received by now. */
  async #collect() {
    await this.session.settle();
    for (const on of [...this.blocked.keys(), ...this.listening]) {
      if (this.difference) return;
      const both = await this.session.on(on);
      if (both[0].pendingCount !== both[1].pendingCount) await this.#waitForBoth(both);
      await this.#drain(on, both);
    }
  }

  async #waitForBoth(both) {
    for (let ms = 0; ms < LATE_MS && both[0].pendingCount !== both[1].pendingCount; ms += 20) {
      await sleep(20);
      await this.session.settle();
    }
  }

  async #drain(on, both) {
    const [left, right] = both.map((client) => client.pendingCount);
    const step = this.blocked.get(on) ?? { on, way: 'exact', args: ['(a message)'] };
    const replies = [await readAll(both[0], left), await readAll(both[1], right)];
    for (const _ of replies[0]) this.script.push(`${on}<`);
    if (left !== right || both[0].isClosed !== both[1].isClosed) return this.#differ(step, replies.map(tellAll));
    // messages to several patterns come in any order
    if (this.listening.has(on)) replies.forEach((list) => list.sort((a, b) => (a.raw < b.raw ? -1 : 1)));
    if (left > 0) this.blocked.delete(on);
    for (let i = 0; i < left; i++) if (!this.#compare(step, [replies[0][i], replies[1][i]])) return;
  }

  #note(step, sign) {
    this.played++;
    const way = step.way === 'exact' ? '' : `~${step.way} `;
    this.script.push(`${way}${step.on}${sign} ${step.args.map(quoteArg).join(' ')}`);
  }

  /** False, and noted, when the replies to a step differ. */
  #compare(step, replies) {
    const ways = this.#waysOf(step, replies);
    if (ways.every(([reply, other, way]) => isAlike(step, reply, other, way))) return true;
    this.#differ(step, replies.map((reply) => visible(reply.raw ?? '')));
    return false;
  }

  /* In a transaction the ways of the queued commands wait for the reply to EXEC. */
  #waysOf(step, [left, right]) {
    const name = step.args[0]?.toLowerCase();
    const queue = this.queued.get(step.on);
    if (queue && left.text === 'QUEUED') {
      queue.push(step);
      return [[left, right, 'exact']];
    }
    if (queue && name === 'exec' && left.items && right.items?.length === left.items.length && left.items.length === queue.length) {
      this.queued.delete(step.on);
      return queue.map((queued, i) => [left.items[i], right.items[i], waySingly(queued)]);
    }
    if (queue && /^(exec|discard|reset)$/.test(name)) this.queued.delete(step.on);
    if (name === 'multi' && left.text === 'OK') this.queued.set(step.on, []);
    return [[left, right, waySingly(step)]];
  }

  #differ(step, [left, right]) {
    this.difference ??= { step, left, right, script: [...this.script] };
  }

  /* What was equal before must be equal after: killed each other time, else ended politely. */
  async #compareAfterRestart() {
    const isPolite = this.#restarts++ % 2 === 1;
    this.session.drop();
    const status = await this.pair.right.restart(isPolite);
    const how = `(${isPolite ? 'SIGTERM' : 'SIGKILL'} and a start)`;
    this.script.push(`# ${how}`);
    if (status !== null) return this.#differ({ args: [how] }, ['exit code 0', String(status)]);
    await this.#compareKeyspaces(true);
  }

  async #compareKeyspaces(isLoaded = false) {
    for (const database of DATABASES) {
      for await (const step of keyspaceSteps(this.session, CHECKER, database, isLoaded)) {
        await this.#playTogether([step]);
        if (this.difference) return;
      }
    }
  }
}

async function readAll(client, count) {
  const replies = [];
  for (let i = 0; i < count; i++) replies.push(await client.read());
  return replies;
}

function tellAll(replies) {
  return replies.length === 0 ? '(nothing arrived)' : replies.map((reply) => visible(reply.raw)).join(' then ');
}

/* One call of a SCAN says little: pages are each server's own. */
function waySingly(step) {
  return step.way === 'scan' ? 'any' : step.way;
}
