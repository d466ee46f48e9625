// SPDX-License-Identifier: MIT
/*
 * The kit for tests of BullMQ: the release and the Redis driver under test come from the variant, and a scope makes
 * BullMQ's objects on them. `test` here is kit.mjs's with such a scope.
 */
import { pause, test as plainTest, Scope, URL, until } from './kit.mjs';
import { currentVariant } from './variants.mjs';
import { createClient } from 'redis';

export * from './kit.mjs';
export const variant = currentVariant('bullmq-6');
export const bull = await import(variant.module);

export function test(name, body) {
  plainTest(name, body, (label) => new BullScope(label));
}

export class BullScope extends Scope {
  #names = 0;
  #clients = new Map();
  url = URL;

  /** What `connection` is for the variant: options with the URL for ioredis, one client for node-redis. */
  connection() {
    if (variant.driver === 'ioredis') return { url: this.url, ...this.ioredisOptions };
    if (!this.#clients.has(this.url)) {
      const client = this.watch(createClient({ url: this.url, ...this.nodeRedisOptions }));
      this.#clients.set(this.url, client);
      this.defer(() => client.isOpen && client.destroy());
    }
    return this.#clients.get(this.url);
  }

  /** A queue name that nobody else uses. */
  name(label = 'q') {
    return `${this.label}-${label}-${++this.#names}`;
  }

  queue(name = this.name(), options = {}) {
    const queue = this.watch(new bull.Queue(name, { connection: this.connection(), ...options }));
    this.defer(() => queue.close());
    return queue;
  }

  worker(name, handler, options = {}) {
    const worker = this.watch(new bull.Worker(name, handler, { connection: this.connection(), ...options }));
    this.defer(() => worker.close(true));
    return worker;
  }

  /** QueueEvents that reads the stream from its beginning, so that no event is missed. */
  async events(name, options = {}) {
    const all = { connection: this.connection(), lastEventId: '0', ...options };
    const events = this.watch(new bull.QueueEvents(name, all));
    this.defer(() => events.close());
    await events.waitUntilReady();
    return events;
  }

  flow(options = {}) {
    const flow = this.watch(new bull.FlowProducer({ connection: this.connection(), ...options }));
    this.defer(() => flow.close());
    return flow;
  }
}

/** Waits until the queue's counts are as given, such as { completed: 3, failed: 0 }. */
export function counts(queue, expected, ms) {
  const types = Object.keys(expected);
  return until(`counts ${JSON.stringify(expected)}`, async () => {
    const found = await queue.getJobCounts(...types);
    return types.every((type) => found[type] === expected[type]);
  }, ms);
}

/** When the jobs of a queue became active, in ms of the server's clock: a slow client does not blur them. */
export async function activations(scope, queue) {
  const events = await scope.redis().xrange(queue.toKey('events'), '-', '+');
  return events.filter(([, fields]) => fields[fields.indexOf('event') + 1] === 'active').map(([id]) => Number.parseInt(id, 10));
}

/** A handler that tells how many of it run at a time: each waits until `wanted()` have run together, once. */
export function crowd(wanted) {
  let running = 0;
  const out = {
    most: 0,
    handler: async () => {
      out.most = Math.max(out.most, ++running);
      await until('the others', () => out.most >= wanted());
      await pause(10);
      running--;
    },
  };
  return out;
}

/** Waits until the job is in that state, and gives the job as it is then. */
export async function state(queue, id, expected, ms) {
  await until(`job ${id} to be ${expected}`, async () => (await queue.getJobState(id)) === expected, ms);
  return queue.getJob(id);
}
