// SPDX-License-Identifier: MIT
/*
 * redis-server and oxq as if they were one server. Whatever a client sends to the port of this goes to both; the replies must be the same, and the
 * client gets Redis's. One request is on its way at a time, over all connections, so that both see them in one order.
 *
 * After each call of a script oxq is asked whether a twin ran it. All requests since the last begin() are kept: they are the case.
 */
import net from 'node:net';

import { CLOSED, Client, SILENT } from '../../protocol/lib/client.mjs';
import { ReplyReader, visible } from '../../protocol/lib/resp.mjs';
import { Pair } from '../../protocol/lib/servers.mjs';
import { isAlike } from './alike.mjs';
import { scripts, sha1 } from './scripts.mjs';

/* Long, since the machine may be busy; a server that is silent is a failure in any case. */
const REPLY_MS = 120_000;
/* They tell about the server, or the connection. */
const OWN = new Set(['info', 'hello', 'client', 'command', 'config', 'cluster']);

export class Both {
  calls = new Map(); // script => { calls, twins }
  samples = new Map(); // script => the last calls of it in this case
  theme = ''; // of the case: calls are counted by it
  log = []; // of this case: its requests, and how time went on
  difference = null; // the first in this case
  #lose;
  lost = new Promise((_, reject) => (this.#lose = reject)); // rejected when a server has ended or is silent: nothing can be played any more
  #turn = Promise.resolve();
  #twins = 0;
  #links = [];

  static async start(startMs) {
    const both = new Both();
    both.lost.catch(() => {});
    both.pair = await Pair.start({ frozenAtMs: startMs });
    both.control = await both.#connect();
    both.links = { plain: await both.#connect(), resp3: await both.#connect(), multi: await both.#connect() };
    await both.call(['HELLO', '3'], both.links.resp3);
    for (const server of both.control.ends) await server.call('CONFIG', 'SET', 'save', '');
    await both.control.ends[1].call('CONFIG', 'SET', 'durability', 'off');
    await both.#listen();
    both.begin();
    return both;
  }

  get ports() {
    return this.pair.both.map((server) => server.port);
  }

  /** A case begins. */
  begin() {
    this.log = [];
    this.difference = null;
    this.samples.clear();
  }

  async advance(ms) {
    if (ms > 0) this.log.push({ does: 'wait', ms });
    await this.pair.advance(ms);
  }

  /** A new connection of our own, for call(). */
  async #connect() {
    return { number: this.#links.push(null), ends: await Promise.all(this.pair.both.map((server) => Client.open(server.port))), queued: null };
  }

  /** One request on both; Redis's reply. */
  async call(args, link = this.control) {
    const before = this.#turn;
    let release;
    this.#turn = new Promise((resolve) => (release = resolve));
    await before;
    try {
      return await this.#exchange(link, args.map(String));
    } finally {
      release();
    }
  }

  async #exchange(link, args) {
    for (const end of link.ends) end.send(args);
    const [left, right] = await Promise.all(link.ends.map((end) => end.read(REPLY_MS)));
    const step = { does: 'call', on: link.number, args };
    this.log.push(step);
    if (!OWN.has(args[0].toLowerCase()) && !isAlike(args, left, right)) this.difference ??= { step, left: visible(left.raw ?? ''), right: visible(right.raw ?? '') };
    if ([left, right].some((reply) => reply === SILENT || reply === CLOSED)) await this.#tellLoss(args);
    await this.#count(link, args, left);
    return left;
  }

  async #tellLoss(args) {
    const error = new Error(`no reply to ${args.slice(0, 2).map(visible).join(' ').slice(0, 200)}\n${(await this.pair.revive()) ?? 'both servers run'}`);
    this.#lose(error);
    throw error;
  }

  /* What runs in a transaction is counted when it has run. */
  async #count(link, args, reply) {
    const word = args[0].toLowerCase();
    const script = nameOf(word, args);
    if (reply.text === 'QUEUED') return void (script && link.queued.push(script));
    const ran = word === 'exec' && reply.items ? link.queued.map((name) => `${name} in MULTI`) : script && reply.text?.startsWith('NOSCRIPT') !== true ? [script] : [];
    if (word === 'multi' || word === 'exec' || word === 'discard') link.queued = [];
    if (script) this.#keepSample(script, args);
    if (ran.length === 0) return;
    const twins = await this.#readTwins();
    for (const name of ran) {
      const key = `${name} ${this.theme}`;
      const row = this.calls.get(key) ?? { calls: 0, twins: 0 };
      row.calls++;
      row.twins += (twins - this.#twins) / ran.length;
      this.calls.set(key, row);
    }
    this.#twins = twins;
  }

  #keepSample(script, args) {
    const list = this.samples.get(script) ?? [];
    const bySha = args[0].toLowerCase() === 'eval' ? ['evalsha', sha1(args[1]), ...args.slice(2)] : args;
    if (list.push(bySha) > 8) list.shift();
    this.samples.set(script, list);
  }

  async #readTwins() {
    const info = await this.control.ends[1].call('INFO', 'memory');
    return Number(/native_script_calls:(\d+)/.exec(info.text)[1]);
  }

  async #listen() {
    this.server = net.createServer((socket) => this.#serve(socket));
    await new Promise((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    this.port = this.server.address().port;
  }

  #serve(socket) {
    const requests = new ReplyReader();
    let [link, work] = [null, Promise.resolve()];
    const answer = async (request) => {
      link ??= await this.#connect();
      const reply = await this.call(request.items.map((item) => item.text), link);
      socket.write(reply.raw, 'latin1');
    };
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('close', () => work.then(() => link?.ends.forEach((end) => end.destroy())));
    socket.on('data', (chunk) => {
      requests.push(chunk);
      for (let next = requests.next(); next; next = requests.next()) {
        const request = next;
        work = work.then(() => answer(request)).catch(() => socket.destroy());
      }
    });
  }

  /** Plays the requests of a log again, on connections of their own; the first difference, or null. */
  async replay(steps) {
    this.begin();
    const links = new Map();
    await this.call(['FLUSHALL']);
    for (const step of steps) {
      if (step.does === 'wait') {
        await this.advance(step.ms);
      } else {
        if (!links.has(step.on)) links.set(step.on, await this.#connect());
        await this.call(step.args, links.get(step.on));
      }
      if (this.difference) break;
    }
    for (const link of links.values()) link.ends.forEach((end) => end.destroy());
    return this.difference;
  }

  async stop() {
    this.server.close();
    return this.pair.stop();
  }
}

/** The script that a request calls, or undefined; those that BullMQ does not have are called by their SHA-1. */
function nameOf(word, args) {
  if (word !== 'evalsha' && word !== 'eval') return undefined;
  const sha = word === 'eval' ? sha1(args[1]) : args[1].toLowerCase();
  return scripts.get(sha) ?? sha;
}
