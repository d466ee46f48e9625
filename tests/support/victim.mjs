// SPDX-License-Identifier: MIT
/*
 * A server that a test kills and starts again on the same folder and port: oxq, or redis-server as the one to compare with.
 * Every server started here ends with this process, by its pid.
 *
 *   oxq            --durability always, small segments and frequent checkpoints
 *   oxq-forgets    --durability off on a folder that is emptied at each start: it loses what it was told
 *   redis          appendonly, appendfsync always
 *   redis-lazy     appendonly, never synced: what it said is in the system's cache, and a power cut takes it
 *   redis-forgets  appendonly no
 *
 * A check that holds on oxq and redis must fail on the ones that forget: `--on redis-forgets` shows that it can.
 */
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from '../protocol/lib/client.mjs';
import { plainEnvironment } from './environment.mjs';
import { freePort } from './port.mjs';

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
export const OXQ = path.resolve(process.env.OXQ_BIN ?? path.join(ROOT, 'build/release/oxq'));
export const KINDS = ['oxq', 'oxq-forgets', 'redis', 'redis-lazy', 'redis-forgets'];
/* So that a few seconds of load fill segments and start checkpoints; passed where this oxq knows them. */
const SMALL = { 'journal-segment-size': '256kb', 'checkpoint-journal-size': '512kb', 'checkpoint-interval': '2' };
const START_MS = 60_000;
const running = new Set();
let known;

process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Says why a server of this kind cannot be started, or null. */
export function whyMissing(kind) {
  if (kind.startsWith('oxq')) return existsSync(OXQ) ? null : `${OXQ} is missing: build it, or set OXQ_BIN`;
  const found = (process.env.PATH ?? '').split(':').some((folder) => existsSync(path.join(folder, 'redis-server')));
  return found ? null : 'redis-server is missing: install the Debian package redis-server';
}

/** --name value ..., of the parameters that this oxq knows. */
export function flagsKnown(values) {
  known ??= spawnSync(OXQ, ['serve', '--help'], { encoding: 'utf8' }).stdout ?? '';
  return Object.entries(values).flatMap(([name, value]) => (known.includes(`--${name} `) ? [`--${name}`, value] : []));
}

export class Victim {
  #child;
  #ended;

  /** options: kind, dir (its data), log (a file), port, env, small (values in place of SMALL's), flags (more). */
  constructor(options) {
    Object.assign(this, { env: {}, flags: [], small: SMALL, starts: 0, ...options });
  }

  static async make(options) {
    return new Victim({ port: await freePort(), ...options });
  }

  get pid() {
    return this.#child?.pid;
  }

  get isRunning() {
    return Boolean(this.#child) && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Its exit code, or the signal that ended it. */
  get status() {
    return this.#child.signalCode ?? this.#child.exitCode;
  }

  /** The end of its log, without what jemalloc repeats by the hundred where it gets no thread. */
  get said() {
    return existsSync(this.log) ? readFileSync(this.log, 'utf8').replace(/^<jemalloc>: .*\n/gm, '').slice(-3000) : '';
  }

  #commandLine() {
    const { kind, port, dir } = this;
    if (kind.startsWith('oxq')) {
      const durability = kind === 'oxq' ? 'always' : 'off';
      const args = ['serve', '--port', port, '--http-port', 0, '--dir', dir, '--durability', durability];
      return [OXQ, [...args, ...flagsKnown(this.small), ...this.flags]];
    }
    const keeps = kind === 'redis-forgets' ? 'no' : 'yes';
    const sync = kind === 'redis-lazy' ? 'no' : 'always';
    const args = ['--bind', '127.0.0.1', '--port', port, '--daemonize', 'no', '--dir', dir, '--save', ''];
    return ['redis-server', [...args, '--appendonly', keeps, '--appendfsync', sync, ...this.flags]];
  }

  /** Starts it and waits for nothing. */
  spawn() {
    if (this.kind.endsWith('-forgets')) rmSync(this.dir, { recursive: true, force: true });
    mkdirSync(this.dir, { recursive: true });
    const [program, args] = this.#commandLine();
    const log = openSync(this.log, 'a');
    const child = spawn(program, args.map(String), { stdio: ['ignore', log, log], env: plainEnvironment(this.env) });
    closeSync(log);
    running.add(child);
    this.#child = child;
    this.starts++;
    this.acceptedAt = undefined; // when it was first seen to accept connections, since this start
    this.#ended = new Promise((resolve) => {
      child.once('error', resolve);
      child.once('close', () => resolve(running.delete(child)));
    });
  }

  /** Waits until it answers and has loaded its data; false: it ended, or its time is over. Another server on its port does not count. */
  async isReady(ms = START_MS) {
    for (const deadline = performance.now() + ms; this.isRunning && performance.now() < deadline; await sleep(5)) {
      const client = await Client.open(this.port).catch(() => null);
      if (client) this.acceptedAt ??= Date.now();
      const isReady = (await client?.call('PING'))?.text === 'PONG';
      const isOurs = isReady && (await client.call('INFO', 'server')).text?.includes(`process_id:${this.pid}\r\n`);
      client?.destroy();
      if (isOurs) return true;
    }
    return false;
  }

  async start() {
    this.spawn();
    if (!(await this.isReady())) throw new Error(`${this.kind} did not start (${this.status ?? 'it runs'}):\n${this.said}`);
  }

  /** It has ended, or does so soon: an end is known to its clients before it is to us. */
  async endsSoon() {
    for (const deadline = performance.now() + START_MS; this.isRunning && performance.now() < deadline; ) await sleep(10);
    return !this.isRunning;
  }

  /** SIGKILL, and waits until it is gone. */
  async kill(signal = 'SIGKILL') {
    if (this.isRunning) this.#child.kill(signal);
    await this.#ended;
  }

  /** Of one that has ended: why `oxq check` does not call its folder sound, or null; it cannot tell of a redis-server's. */
  faultOfFolder() {
    if (!this.kind.startsWith('oxq')) return null;
    const { status, signal, stdout, stderr } = spawnSync(OXQ, ['check', '--quiet', this.dir], { encoding: 'utf8' });
    return status === 0 ? null : `oxq check (${signal ?? status}): ${(stdout + stderr).trim().split('\n').slice(0, 5).join(' | ')}`;
  }

  /** SIGTERM; its exit code. */
  async stop() {
    const late = setTimeout(() => this.#child.kill('SIGKILL'), START_MS);
    await this.kill('SIGTERM');
    clearTimeout(late);
    return this.status;
  }
}
