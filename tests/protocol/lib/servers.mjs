// SPDX-License-Identifier: MIT
/*
 * A redis-server and an oxq on free loopback ports, in folders of their own, on a clock that the test steers
 * (tests/support/steered_clock.c). Every server started here ends with this process, by its pid.
 */
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, fstatSync, ftruncateSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from './client.mjs';
import { plainEnvironment } from '../../support/environment.mjs';
import { freePort } from '../../support/port.mjs';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
const CLOCK_SOURCE = path.join(ROOT, 'tests/support/steered_clock.c');
const CLOCK_LIBRARY = path.join(ROOT, 'build/tests/steered_clock.so');
const START_MS = 60_000;
const EXIT_MS = 50;
const TICK_MS = 50;
const LOG_TAIL_LINES = 30;
const running = new Set();

process.on('exit', () => {
  for (const server of running) server.kill();
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));

export function oxqBinary() {
  return path.resolve(process.env.OXQ_BIN ?? path.join(ROOT, 'build/release/oxq'));
}

/** A sentence that says why a server of this kind cannot be started, or null. */
export function whyMissing(kind) {
  if (kind === 'oxq') return existsSync(oxqBinary()) ? null : `${oxqBinary()} is missing: build it, or set OXQ_BIN`;
  const found = (process.env.PATH ?? '').split(':').some((folder) => existsSync(path.join(folder, 'redis-server')));
  return found ? null : 'redis-server is missing: install the Debian package redis-server';
}

/** The time of the servers that were given it; it only goes forward. */
export class Clock {
  #file;
  #frozenUs;
  #offsetUs = 0n;

  /** startMs: the wall time at which it stands still; undefined: it flows with the real time. */
  constructor(folder, startMs) {
    this.path = path.join(folder, 'clock');
    this.#file = openSync(this.path, 'w+');
    ftruncateSync(this.#file, 16);
    this.#frozenUs = BigInt(startMs ?? 0) * 1000n;
    this.#write();
  }

  get nowMs() {
    return this.#frozenUs > 0n ? Number(this.#frozenUs / 1000n) : Date.now() + Number(this.#offsetUs / 1000n);
  }

  advance(ms) {
    const us = BigInt(Math.round(ms * 1000));
    if (this.#frozenUs > 0n) this.#frozenUs += us;
    else this.#offsetUs += us;
    this.#write();
  }

  close() {
    closeSync(this.#file);
  }

  #write() {
    const bytes = Buffer.alloc(16);
    bytes.writeBigInt64LE(this.#frozenUs, 0);
    bytes.writeBigInt64LE(this.#offsetUs, 8);
    writeSync(this.#file, bytes, 0, 16, 0);
  }
}

function buildClock() {
  if (existsSync(CLOCK_LIBRARY) && statSync(CLOCK_LIBRARY).mtimeMs > statSync(CLOCK_SOURCE).mtimeMs) return;
  mkdirSync(path.dirname(CLOCK_LIBRARY), { recursive: true });
  const args = ['-O2', '-Wall', '-Wextra', '-Werror', '-D_GNU_SOURCE', '-shared', '-fPIC', CLOCK_SOURCE, '-o', CLOCK_LIBRARY];
  const done = spawnSync('gcc', args, { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`gcc cannot build ${CLOCK_SOURCE}: ${done.stderr || done.error}`);
}

function commandLine(kind, port, dir) {
  if (kind === 'oxq') return [oxqBinary(), ['serve', '--port', port, '--http-port', 0, '--dir', path.join(dir, 'data')]];
  const args = ['--port', port, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--daemonize', 'no', '--dir', dir];
  return ['redis-server', args];
}

/** A server that can be started again where it was. */
export class Server {
  #child;
  #dir;
  #log;
  #logStart = 0;

  constructor(kind, folder, clock) {
    this.kind = kind;
    this.clock = clock;
    this.#dir = mkdtempSync(path.join(folder, `${kind}-`));
    this.#log = path.join(this.#dir, 'log');
  }

  /** Does it have its keyspace again after a restart? */
  get keeps() {
    return this.kind === 'oxq';
  }

  get isRunning() {
    return this.#child?.exitCode === null && this.#child.signalCode === null;
  }

  /** Why it ended. */
  get status() {
    return this.#child.signalCode ?? `exit code ${this.#child.exitCode}`;
  }

  /** The last lines of what it wrote since its last start. */
  get log() {
    return readFileSync(this.#log, 'latin1').slice(this.#logStart).split('\n').slice(-LOG_TAIL_LINES).join('\n');
  }

  async start() {
    const missing = whyMissing(this.kind);
    if (missing) throw new Error(missing);
    this.port = await freePort();
    const [program, args] = commandLine(this.kind, this.port, this.#dir);
    const env = plainEnvironment({ LD_PRELOAD: CLOCK_LIBRARY, STEERED_CLOCK: this.clock.path });
    const log = openSync(this.#log, 'a');
    this.#logStart = fstatSync(log).size;
    this.#child = spawn(program, args.map(String), { stdio: ['ignore', log, log], env });
    closeSync(log);
    this.#child.once('error', () => {});
    running.add(this);
    await this.#answers();
  }

  kill() {
    running.delete(this);
    if (this.isRunning) this.#child.kill('SIGKILL');
  }

  /** Ends it, politely or not, and starts it again on the same folder. Its status if it was not the end that was asked for, or null. */
  async restart(isPolite) {
    if (isPolite) {
      const status = await this.stop();
      if (status !== 0) return status;
    } else {
      const ended = new Promise((resolve) => this.#child.once('close', resolve));
      this.kill();
      await ended;
    }
    await this.start();
    return null;
  }

  /** Ends it with SIGTERM and gives its status: 0 is well. */
  async stop() {
    const ended = new Promise((resolve) => this.#child.once('close', (code, signal) => resolve(signal ?? code)));
    if (!this.isRunning) return this.status;
    this.#child.kill('SIGTERM');
    // a server may need the time to go on to see the signal
    const ticking = setInterval(() => this.clock.advance(TICK_MS), TICK_MS);
    const late = setTimeout(() => this.#child.kill('SIGKILL'), START_MS);
    const status = await ended;
    clearTimeout(late);
    clearInterval(ticking);
    running.delete(this);
    return status;
  }

  async #answers() {
    const deadline = performance.now() + START_MS;
    while (this.isRunning && performance.now() < deadline) {
      const client = await Client.open(this.port).catch(() => null);
      const reply = await client?.call('PING');
      client?.destroy();
      if (reply?.text === 'PONG') return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const why = this.isRunning ? `no answer to PING within ${START_MS} ms` : `it ended with ${this.status}`;
    throw new Error(`${this.kind} did not start: ${why}\n${this.log}`);
  }
}

/** Somebody else's server: it cannot be started again, and its clock is the real one. */
class Remote {
  kind = 'other';
  isRunning = true;
  status = 'it runs elsewhere';
  log = '';

  constructor(url) {
    this.port = Number(new URL(url).port || 6379);
  }

  async start() {}
  async stop() {
    return 0;
  }
}

/**
 * The two servers that are compared: left is the original, right is under test.
 * options.frozenAtMs  the clock stands still and starts there
 * options.right       'oxq', 'redis' (the original twice, which checks the tests), or the URL of a running server
 */
export class Pair {
  static async start(options = {}) {
    const pair = new Pair();
    buildClock();
    pair.folder = mkdtempSync(path.join(os.tmpdir(), 'oxq-compare-'));
    process.on('exit', () => rmSync(pair.folder, { recursive: true, force: true }));
    pair.clock = new Clock(pair.folder, options.frozenAtMs);
    const right = options.right ?? 'oxq';
    pair.isSteered = !right.includes('://');
    pair.left = new Server('redis', pair.folder, pair.clock);
    pair.right = pair.isSteered ? new Server(right, pair.folder, pair.clock) : new Remote(right);
    await Promise.all(pair.both.map((server) => server.start()));
    return pair;
  }

  get both() {
    return [this.left, this.right];
  }

  /** Time goes on by ms, for both. */
  async advance(ms) {
    if (this.isSteered) this.clock.advance(ms);
    else await new Promise((resolve) => setTimeout(resolve, ms));
  }

  /** What a server that ended left behind as a text, or null; it is started again. */
  async revive() {
    // the end of a connection is known before the end of its server
    await new Promise((resolve) => setTimeout(resolve, EXIT_MS));
    let text = null;
    for (const server of this.both) {
      if (server.isRunning) continue;
      text = `${server.kind} ended: ${server.status}\n${server.log}`;
      await server.start();
    }
    return text;
  }

  /** Texts about servers that did not end well. */
  async stop() {
    const texts = [];
    for (const server of this.both) {
      const status = await server.stop();
      if (status !== 0) texts.push(`${server.kind} ended with ${status} on SIGTERM\n${server.log}`);
    }
    this.clock.close();
    return texts;
  }
}
