// SPDX-License-Identifier: MIT
/* The two sides of a test: peer.c, and BullMQ with all its objects closed at the test's end. */
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { check, until } from '../../daemon/lib/kit.mjs';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const PEER = path.resolve(process.env.OXQ_PEER ?? path.join(HERE, '../../../build/tests/interop'));
const load = createRequire(path.resolve(HERE, '../../e2e/package.json'));

/** What makes connections to a server, and to a cluster. */
export const { Cluster, Redis } = load('ioredis');
export const BULLS = { 'BullMQ 6': load('bullmq'), 'BullMQ 5': load('bullmq5') };

/** Where a peer is: a URL, and what its environment has beside. */
const envOf = (at) => (typeof at === 'string' ? {} : at.env);
const urlOf = (at) => (typeof at === 'string' ? at : at.url);

/** Where queues can be: what C calls it, and what Node does. */
export const STORES = {
  'redis-server': async (t) => byPort((await t.redis()).port),
  'oxq serve': async (t) => byPort((await t.serve()).port),
  'a folder': async (t) => {
    const url = `file:${t.path('jobs')}`;
    await running(t, url, 'host');
    return { url, connection: { path: t.path('jobs/oxq.sock') } };
  },
};

function byPort(port) {
  return { url: `redis://127.0.0.1:${port}`, connection: { host: '127.0.0.1', port } };
}

/** A peer that goes on until the test ends, once it is ready. `at`: a URL, or { url, env }. */
export async function running(t, at, ...words) {
  const peer = startPeer(t, at, ...words);
  await until('the peer is ready', () => peer.status !== undefined || peer.stdout.includes('ready\n'));
  check(peer.status === undefined, `peer ${words.join(' ')} ended with ${peer.status}`, peer.stdout + peer.stderr);
  return peer;
}

/** What a peer that ends by itself prints. */
export async function told(t, at, ...words) {
  const peer = startPeer(t, at, ...words);
  const status = await peer.ended;
  check(status === 0, `peer ${words.join(' ')} ended with ${status}`, peer.stdout + peer.stderr);
  return peer.stdout.trim();
}

/** One that the caller watches and kills. */
export function startPeer(t, at, ...words) {
  return t.start(PEER, [urlOf(at), ...words], envOf(at));
}

/** The fields that `peer get` prints; of a name that comes twice, the last. */
export async function seenByC(t, at, queue, id) {
  const text = await told(t, at, 'get', queue, id);
  return Object.fromEntries(text.split('\n').map((line) => [line.split(' ')[0], line.slice(line.indexOf(' ') + 1)]));
}

/** BullMQ's classes on a connection: its options, or one to a cluster. */
export class Node {
  #open = [];

  constructor(bull, connection, prefix = 'bull', more = {}) {
    const isMade = connection instanceof Cluster;
    Object.assign(this, { bull, options: { connection: isMade ? connection : { ...connection, maxRetriesPerRequest: null }, prefix, ...more } });
  }

  #keep(object) {
    object.on('error', () => {});
    this.#open.push(object);
    return object;
  }

  queue(name) {
    return this.#keep(new this.bull.Queue(name, this.options));
  }

  worker(name, handler, options = {}) {
    return this.#keep(new this.bull.Worker(name, handler, { ...this.options, ...options }));
  }

  flow() {
    return this.#keep(new this.bull.FlowProducer(this.options));
  }

  events(name) {
    return this.#keep(new this.bull.QueueEvents(name, { ...this.options, lastEventId: '0' }));
  }

  async close() {
    await Promise.all(this.#open.map((object) => object.close(true)));
  }
}
