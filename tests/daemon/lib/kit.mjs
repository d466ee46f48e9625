// SPDX-License-Identifier: MIT
/*
 * A test is a function that gets a scope: a folder of its own, ways to start oxq and to talk to it, and at its end
 * everything it started is gone.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { fileURLToPath } from 'node:url';
import { Client } from '../../protocol/lib/client.mjs';
import { plainEnvironment } from '../../support/environment.mjs';
import { freePort } from '../../support/port.mjs';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
const OXQ = path.resolve(process.env.OXQ_BIN ?? path.join(ROOT, 'build/release/oxq'));
/* The thread sanitizer holds signals back while a script loops, and a script's time limit is one: such tests are left out. */
const HOLDS_SIGNALS = OXQ.includes('/tsan/');
/* For anything that should happen at once; sanitizers and a busy machine are slow. */
const SOON_MS = 45_000;
const TEST_MS = 180_000;
const tests = [];
const running = new Set();

process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));

export function whyMissing() {
  return existsSync(OXQ) ? null : `${OXQ} is missing: build it, or set OXQ_BIN`;
}

export function test(name, body, limitMs = TEST_MS) {
  tests.push({ name, body, limitMs });
}

/** A test in which a script runs past its time. */
export function testOfLateScript(name, body) {
  if (!HOLDS_SIGNALS) test(name, body);
}

/** What the caller of a check wanted, in its words. */
export function check(holds, text, ...seen) {
  if (!holds) throw new Error([text, ...seen.map((value) => (typeof value === 'string' ? value : JSON.stringify(value)))].join('\n  '));
}

export function equal(got, want, text = 'not equal') {
  check(JSON.stringify(got) === JSON.stringify(want), text, `got:  ${JSON.stringify(got)}`, `want: ${JSON.stringify(want)}`);
}

export function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits until the condition gives something true, and gives that. The day's clock may be set meanwhile. */
export async function until(what, condition, ms = SOON_MS) {
  const deadline = performance.now() + ms;
  for (;;) {
    const value = await condition();
    if (value) return value;
    check(performance.now() < deadline, `not within ${ms} ms: ${what}`);
    await sleep(10);
  }
}

/** The program has logged one line with this text, and no second one: it may come here a moment after what a socket shows. */
export async function loggedOnce(program, text) {
  await until(`a line with "${text}"`, () => program.logged(text).length > 0);
  equal(program.logged(text).length, 1);
}

/** One run of the program. */
class Program {
  stdout = '';
  stderr = '';

  constructor(args, folder, env, file = OXQ) {
    this.child = spawn(file, args.map(String), { cwd: folder, env: plainEnvironment(env), stdio: ['ignore', 'pipe', 'pipe'] });
    running.add(this.child);
    this.child.stdout.setEncoding('utf8').on('data', (text) => (this.stdout += text));
    this.child.stderr.setEncoding('utf8').on('data', (text) => (this.stderr += text));
    this.ended = new Promise((resolve) =>
      this.child.once('close', (code, signal) => {
        running.delete(this.child);
        this.status = signal ?? code;
        resolve(this.status);
      }),
    );
  }

  get lines() {
    return this.stderr.split('\n').filter((line) => line);
  }

  /** The log lines that contain a text. */
  logged(text) {
    return this.lines.filter((line) => line.includes(text));
  }

  kill(signal = 'SIGKILL') {
    this.child.kill(signal);
  }

  async stop(signal = 'SIGTERM') {
    this.kill(signal);
    const late = setTimeout(() => this.kill(), SOON_MS);
    const status = await this.ended;
    clearTimeout(late);
    return status;
  }
}

export class Scope {
  #programs = [];
  #clients = [];

  constructor() {
    this.folder = mkdtempSync(path.join(os.tmpdir(), 'oxq-daemon-test-'));
  }

  path(name) {
    return path.join(this.folder, name);
  }

  write(name, text) {
    writeFileSync(this.path(name), text);
    return this.path(name);
  }

  read(name) {
    return readFileSync(this.path(name), 'utf8');
  }

  spawn(args, env = {}) {
    const program = new Program(args, this.folder, env);
    this.#programs.push(program);
    return program;
  }

  /** Any program, which goes with the test. */
  start(file, args, env = {}) {
    const program = new Program(args, this.folder, env, file);
    this.#programs.push(program);
    return program;
  }

  /** A redis-server on a free port, once it answers. */
  async redis(flags = []) {
    const port = await freePort();
    const args = ['--port', port, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', this.folder, ...flags];
    const server = new Program(args, this.folder, {}, 'redis-server');
    server.port = port;
    this.#programs.push(server);
    server.child.once('error', (error) => (server.status = error.message));
    await until('redis-server is ready', () => server.status !== undefined || server.stdout.includes('Ready to accept'));
    check(server.status === undefined, `redis-server ended with ${server.status}`, server.stdout + server.stderr);
    return server;
  }

  /** Runs a line of the shell to its end, in which "$OXQ" is the program. */
  async shell(line, env = {}) {
    const program = new Program(['-c', line], this.folder, { ...env, OXQ }, 'sh');
    this.#programs.push(program);
    await program.ended;
    return program;
  }

  /** Runs `oxq <args>` to its end: { status, stdout, stderr, lines }. */
  async oxq(args, env = {}) {
    const program = this.spawn(args, env);
    const late = setTimeout(() => program.kill(), SOON_MS);
    await program.ended;
    clearTimeout(late);
    return program;
  }

  /** The same, for a run that must be refused with one line that contains each text, and exit code 2. */
  async refused(args, texts, env = {}) {
    const run = await this.oxq(args, env);
    check(run.status === 2, `exit code ${run.status}, wanted 2: oxq ${args.join(' ')}`, run.stderr);
    const said = run.lines.filter((line) => !/^\d{4}-/.test(line));
    check(said.length === 1 && said[0].startsWith('oxq: '), `one line that says what is wrong: oxq ${args.join(' ')}`, run.stderr);
    for (const text of texts) check(said[0].includes(text), `the line names ${text}`, said[0]);
    return said[0];
  }

  /** `oxq serve` on a free port, once it is ready. */
  async serve(flags = [], env = {}) {
    const port = flags.includes('--port') ? flags[flags.indexOf('--port') + 1] : await freePort();
    const given = flags.includes('--port') ? flags : ['--port', port, ...flags];
    const server = this.spawn(['serve', '--http-port', 0, '--dir', this.path('data'), ...given], env);
    server.port = port;
    await until('the server is ready', () => server.status !== undefined || server.logged(' ready').length || server.logged('"ready"').length);
    check(server.status === undefined, `the server ended with ${server.status}`, server.stderr);
    return server;
  }

  #keep(client) {
    this.#clients.push(client);
    return client;
  }

  async connect(server, host = '127.0.0.1') {
    const socket = net.connect({ port: server.port ?? server, host, noDelay: true });
    await opened(socket, 'connect');
    return this.#keep(new Client(socket));
  }

  async connectUnix(file) {
    const socket = net.connect(file);
    await opened(socket, 'connect');
    return this.#keep(new Client(socket));
  }

  async connectTls(port, options) {
    const socket = tls.connect({ port, host: '127.0.0.1', ...options });
    await opened(socket, 'secureConnect');
    return this.#keep(new Client(socket));
  }

  /** What the programs said last: for a test that failed. */
  get said() {
    const one = (program) => `${program.child.spawnargs.slice(1).join(' ')}: ${program.status ?? 'runs'}\n${program.stdout.slice(-500)}${program.stderr.slice(-3000)}`;
    return this.#programs.map(one).join('');
  }

  async close() {
    for (const client of this.#clients) client.destroy();
    for (const program of this.#programs) if (program.status === undefined) program.kill();
    await Promise.all(this.#programs.map((program) => program.ended));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function opened(socket, event) {
  return new Promise((resolve, reject) => {
    socket.once(event, resolve);
    socket.once('error', reject);
  });
}

/** The value of a call that must not fail. */
export async function ask(client, ...args) {
  const reply = await client.call(...args);
  check(!['-', 'closed', 'silent', 'broken'].includes(reply.type), `${args.join(' ')} failed`, reply.raw ?? reply.text);
  return reply;
}

/** Waits until the server has closed the connection. */
export async function closed(client) {
  await until('the server closes the connection', () => client.isClosed);
}

async function runTest({ name, body, limitMs }) {
  const scope = new Scope();
  let late;
  try {
    const limit = new Promise((_, reject) => (late = setTimeout(() => reject(new Error(`it took longer than ${limitMs} ms`)), limitMs)));
    await Promise.race([body(scope), limit]);
    return true;
  } catch (error) {
    console.log(`FAIL ${name}: ${error.message}\n${scope.said.replace(/^/gm, '    ')}`);
    return false;
  } finally {
    clearTimeout(late);
    await scope.close();
  }
}

export async function runTests(patterns) {
  let passed = 0;
  let failed = 0;
  for (const one of tests) {
    if (patterns.length > 0 && !patterns.some((pattern) => one.name.includes(pattern))) continue;
    const from = Date.now();
    if (await runTest(one)) passed++;
    else failed++;
    if (Date.now() - from > 5000) console.log(`slow (${Date.now() - from} ms): ${one.name}`);
  }
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 && passed > 0 ? 0 : 1;
}
