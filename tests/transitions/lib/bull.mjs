// SPDX-License-Identifier: MIT
/** BullMQ on one database, with queues, workers and a flow producer that live as long as the run. */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const require = createRequire(fileURLToPath(new URL('../../e2e/package.json', import.meta.url)));
const { Redis } = require('ioredis');

/** What both sides take for now. BullMQ asks Date. */
export const clock = { ms: 0 };

export function stopTheClock() {
  const RealDate = Date;
  globalThis.Date = class extends RealDate {
    constructor(...args) {
      if (args.length === 0) super(clock.ms);
      else super(...args);
    }

    static now() {
      return clock.ms;
    }
  };
}

export class Bull {
  constructor(packageName, port, db) {
    this.lib = require(packageName);
    this.client = new Redis({ host: '127.0.0.1', port, db, maxRetriesPerRequest: null });
    this.queues = new Map();
    this.workers = new Map();
  }

  queue(name) {
    return this.#get(this.queues, name, () => new this.lib.Queue(name, { connection: this.client, skipMetasUpdate: true }));
  }

  /** One that takes jobs only when it is asked to. */
  worker(name) {
    return this.#get(this.workers, name, () => this.#newWorker(name));
  }

  /** One that operations of schedulers have for themselves; unless it makes next runs, these are left to us. */
  runner(name, makesRuns) {
    return this.#get(this.workers, `${makesRuns}:${name}`, () => {
      const worker = this.#newWorker(name);
      if (makesRuns) return worker;
      Object.defineProperty(worker, 'jobScheduler', { get: async () => ({ upsertJobScheduler: async () => {}, isJobScheduler: async () => true }) });
      return worker;
    });
  }

  #newWorker(name) {
    const worker = new this.lib.Worker(name, null, { connection: this.client, autorun: false, skipStalledCheck: true, skipLockRenewal: true });
    worker.on('error', (error) => (worker.lastError = error));
    return worker;
  }

  get flow() {
    this.flowProducer ??= new this.lib.FlowProducer({ connection: this.client });
    return this.flowProducer;
  }

  #get(map, name, make) {
    let one = map.get(name);
    if (!one) map.set(name, (one = make()));
    return one;
  }

  async close() {
    for (const worker of this.workers.values()) await worker.close();
    for (const queue of this.queues.values()) await queue.close();
    await this.flowProducer?.close();
    this.client.disconnect();
  }
}
