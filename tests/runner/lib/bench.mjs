// SPDX-License-Identifier: MIT
/* What a test of `oxq work` stands on: a server, BullMQ's queue `q` on it, and workers that go with the test. */
import http from 'node:http';
import https from 'node:https';
import { spawnSync } from 'node:child_process';
import { createReadStream, readFileSync } from 'node:fs';
import { check, test, until } from '../../daemon/lib/kit.mjs';
import { BULLS, Node } from '../../interop/lib/sides.mjs';

/* Pushes go to this machine, whatever proxy it has. */
const NO_PROXY = { no_proxy: '*', NO_PROXY: '*' };

export const STORES = {
  'oxq serve': async (t) => byServer(await t.serve()),
  'redis-server': async (t) => byServer(await t.redis()),
};

function byServer(server) {
  return { server, url: `redis://127.0.0.1:${server.port}`, connection: { host: '127.0.0.1', port: server.port } };
}

class Bench {
  #closing = [];

  constructor(t, place) {
    Object.assign(this, { t, ...place });
    this.node = new Node(BULLS['BullMQ 6'], place.connection);
    this.queue = this.node.queue('q');
  }

  add(data = {}, options = {}, name = 'job') {
    return this.queue.add(name, data, options);
  }

  /** Starts `oxq work q` with these flags. */
  work(flags, env = {}) {
    return this.t.spawn(['work', 'q', '--url', this.url, ...flags], { ...NO_PROXY, ...env });
  }

  /** Lets it work until nothing waits. */
  async drain(flags, env = {}) {
    const worker = this.work(['--drain', ...flags], env);
    const status = await worker.ended;
    check(status === 0, `oxq work ended with ${status}`, worker.stderr);
    return worker;
  }

  /** A job as it is now: { state, result, reason, attempts, stack }. */
  async see(job) {
    /* The state first: what the job has is then at least as new. */
    const state = await job.getState();
    const now = await this.queue.getJob(job.id);
    return {
      state,
      result: now.returnvalue,
      reason: now.failedReason,
      attempts: now.attemptsMade,
      stack: now.stacktrace,
      processedOn: now.processedOn,
      progress: now.progress,
    };
  }

  /** Waits until it is in that state, and gives what it is then. */
  async reaches(job, state) {
    return until(`job ${job.id} is ${state}`, async () => {
      const seen = await this.see(job);
      return seen.state === state && seen;
    });
  }

  /** A fifo below the test's folder. */
  fifo(name) {
    const path = this.t.path(name);
    const { status, stderr } = spawnSync('mkfifo', [path], { encoding: 'utf8' });
    check(status === 0, 'mkfifo', stderr);
    return path;
  }

  /** Everything that is written to a fifo, once all that had it open are gone. */
  wholeOf(fifo) {
    return new Promise((resolve, reject) => {
      let text = '';
      const stream = createReadStream(fifo, 'utf8');
      this.#closing.push(() => stream.destroy());
      stream.on('data', (part) => (text += part)).on('end', () => resolve(text)).on('error', reject);
    });
  }

  /** An HTTP server whose answers are made by answer(request, body, response), in order of requests: { url, seen }. */
  async receiver(answer, { tls, path = '/jobs' } = {}) {
    const seen = [];
    const take = (request, response) => {
      const parts = [];
      request.on('data', (part) => parts.push(part)).on('end', () => {
        const one = { headers: request.headers, raw: request.rawHeaders, method: request.method, url: request.url, at: Date.now(), body: Buffer.concat(parts) };
        seen.push(one);
        answer(response, seen.length, one);
        one.answeredAt = Date.now();
      });
    };
    const server = tls ? https.createServer({ cert: readFileSync(tls.cert), key: readFileSync(tls.key) }, take) : http.createServer(take);
    server.keepAliveTimeout = 0;
    let connections = 0;
    server.on('connection', () => connections++).on(tls ? 'tlsClientError' : 'clientError', () => {});
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.#closing.push(() => server.close(), () => server.closeAllConnections());
    return { url: `${tls ? 'https' : 'http'}://127.0.0.1:${server.address().port}${path}`, seen, connections: () => connections };
  }

  async close() {
    for (const close of this.#closing) close();
    await this.node.close();
  }
}

/** A test with a bench on `oxq serve`, or on another of STORES. */
export function benchTest(name, body, { store = 'oxq serve', limitMs } = {}) {
  const run = async (t) => {
    const bench = new Bench(t, await STORES[store](t));
    try {
      await body(bench, t);
    } finally {
      await bench.close();
    }
  };
  if (limitMs) test(name, run, limitMs);
  else test(name, run);
}
