// SPDX-License-Identifier: MIT
/*
 * What the tests share: a `test` that hands each test a scope, and ways to wait for something with a time-out.
 *
 * A scope makes queues, workers and connections with names of their own and closes them when the test ends, passed or
 * failed, so a file may run beside others on one server. An 'error' event of anything it made fails the test, unless the
 * test says that it expects errors.
 */
import nodeTest, { after } from 'node:test';
import assert from 'node:assert/strict';
import path from 'node:path';
import IORedis from 'ioredis';

export { assert };
export const URL = process.env.E2E_REDIS_URL ?? 'redis://127.0.0.1:6379';
export const KIND = process.env.E2E_SERVER ?? 'redis';
// Long enough for a machine that does something else beside: a test that passes does not wait.
export const TEST_MS = 120_000;
export const WAIT_MS = 45_000;
const FILE = path.basename(process.argv[1], '.test.mjs');

let testsCount = 0;

// what a failed test could not close must not keep the file from ending
after(() => setTimeout(() => process.exit(), 2000).unref());

/** node:test's `test`, with a scope: test('a job runs', async (scope) => { ... }). */
export function test(name, body, makeScope = (label) => new Scope(label)) {
  nodeTest(name, { timeout: TEST_MS }, async () => {
    const scope = makeScope(`${FILE}-${process.pid}-${++testsCount}`);
    try {
      await body(scope);
      if (!scope.expectsErrors) assert.deepEqual(scope.errors.map(String), [], 'error events');
    } catch (error) {
      await scope.close().catch(() => {}); // what made the test fail is the news
      throw error;
    }
    await scope.close();
  });
}

export class Scope {
  #closers = [];
  expectsErrors = false;
  errors = [];

  constructor(label) {
    this.label = label;
  }

  /** Runs fn when the test ends; the last registered first. */
  defer(fn) {
    this.#closers.push(fn);
  }

  watch(emitter) {
    emitter.on('error', (error) => this.errors.push(error));
    return emitter;
  }

  /** An ioredis connection of its own, beside the library under test. */
  redis(options = {}) {
    const client = this.watch(new IORedis(URL, { maxRetriesPerRequest: null, ...options }));
    this.defer(() => client.disconnect());
    return client;
  }

  /** Closes everything, and then throws the first error that closing gave. */
  async close() {
    const errors = [];
    for (const closer of this.#closers.reverse()) await Promise.resolve().then(closer).catch((error) => errors.push(error));
    this.#closers = [];
    if (errors.length) throw errors[0];
  }
}

/** The first true value of check(), asked again and again; throws when there is none in time. */
export async function until(what, check, ms = WAIT_MS) {
  const deadline = performance.now() + ms;
  for (;;) {
    const value = await check();
    if (value) return value;
    if (performance.now() > deadline) throw new Error(`waited ${ms} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** The arguments of the first `event` for which accept(...args) holds. */
export function eventOf(emitter, event, accept = () => true, ms = WAIT_MS) {
  const found = new Promise((resolve, reject) => {
    const listen = (...args) => {
      if (accept(...args)) settle(() => resolve(args));
    };
    const late = setTimeout(() => settle(() => reject(new Error(`waited ${ms} ms for the event '${event}'`))), ms);
    const settle = (how) => {
      clearTimeout(late);
      emitter.off(event, listen);
      how();
    };
    emitter.on(event, listen);
  });
  found.catch(() => {}); // a test that failed before it awaits this has its own error to tell
  return found;
}

/** A promise with its own settling functions. */
export function gate() {
  const out = {};
  out.opened = new Promise((resolve, reject) => Object.assign(out, { open: resolve, fail: reject }));
  return out;
}

/** A repeatable source of numbers in [0, 1) (mulberry32). */
export function rng(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export function range(count) {
  return Array.from({ length: count }, (_, i) => i);
}

/** Waits as part of what is tested (a handler that takes its time), never for something to happen. */
export function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
