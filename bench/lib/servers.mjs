// SPDX-License-Identifier: MIT
/*
 * The servers that are compared: each promise (what a reply means after a power cut) in the words of both. Their data lie in
 * build/bench, on the disk of the sources, since /tmp may be memory, where a sync costs nothing.
 */
import { spawn } from 'node:child_process';
import { createWriteStream, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { oxqBinary } from '../../tests/e2e/lib/server.mjs';
import { freePort } from '../../tests/support/port.mjs';
import { connect, ROOT } from './clients.mjs';
import { onServerCore } from './machine.mjs';

const START_MS = 300_000;
const STOP_MS = 30_000;
const POLL_MS = 2;

/* No RDB by time, and the log is not rewritten by itself: like oxq's checkpoints (below), that happens when a measure says so. */
const REDIS = ['--bind', '127.0.0.1', '--save', '', '--daemonize', 'no', '--auto-aof-rewrite-percentage', 0];
const OXQ = ['serve', '--http-port', 0, '--checkpoint-interval', 0, '--checkpoint-journal-size', '100gb'];

/* oxq under `none` writes its journal all the same, and only does not wait for the disk. */
export const PROMISES = {
  memory: { redis: ['--appendonly', 'no'], oxq: ['--durability', 'none'] },
  none: { redis: ['--appendonly', 'no'], oxq: ['--durability', 'off'], beanstalkd: [] },
  second: { redis: ['--appendonly', 'yes', '--appendfsync', 'everysec'], oxq: ['--durability', 'interval:1000'] },
  always: { redis: ['--appendonly', 'yes', '--appendfsync', 'always'], oxq: ['--durability', 'always'], beanstalkd: ['-f', 0] },
};

/* How each is started, but for its promise, and what it answers to PING when it is ready. */
const KINDS = {
  redis: { program: () => 'redis-server', args: (port, dir) => [...REDIS, '--port', port, '--dir', dir], ready: '+PONG' },
  oxq: { program: oxqBinary, args: (port, dir) => [...OXQ, '--port', port, '--dir', dir], ready: '+PONG' },
  beanstalkd: {
    program: () => 'beanstalkd',
    args: (port, dir, promise) => ['-l', '127.0.0.1', '-p', port, ...(promise === 'none' ? [] : ['-b', dir])],
    ready: 'UNKNOWN_COMMAND',
  },
};

export const DATA = path.join(ROOT, 'build/bench/data');
const running = new Set();

process.on('exit', () => {
  for (const server of running) server.discard();
});
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

export function makeFolder(name) {
  mkdirSync(DATA, { recursive: true });
  return mkdtempSync(path.join(DATA, `${name}-`));
}

/* What the server answers to a first PING, or '' when it does not yet. */
function ping(port) {
  return new Promise((resolve) => {
    const socket = net.connect({ port, host: '127.0.0.1' }, () => socket.write('PING\r\n'));
    socket.setTimeout(1000, () => socket.destroy());
    socket.once('error', () => {});
    socket.once('close', () => resolve(''));
    socket.once('data', (reply) => {
      resolve(String(reply));
      socket.destroy();
    });
  });
}

async function waitFor(server, isThere) {
  const deadline = Date.now() + START_MS;
  while (!isThere(await ping(server.port))) {
    if (server.status !== undefined) throw new Error(`${server.kind} ended with ${server.status}\n${server.log()}`);
    if (Date.now() > deadline) throw new Error(`${server.kind} does not answer\n${server.log()}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/**
 * Starts a server that keeps a promise, with more arguments of its own, and waits until its data are loaded. Its `started`
 * says how many seconds it took until anything was answered (also that it is loading), and until all was loaded.
 */
export async function start(kind, promise = 'memory', { dir = makeFolder(kind), more = [] } = {}) {
  const port = await freePort();
  const { program, args, ready } = KINDS[kind];
  const all = [...args(port, dir, promise), ...PROMISES[promise][kind], ...more].map(String);
  const began = process.hrtime.bigint();
  const seconds = () => Number(process.hrtime.bigint() - began) / 1e9;
  const child = spawn(...onServerCore(program(), all), { stdio: ['ignore', 'pipe', 'pipe'] });
  const logFile = path.join(dir, 'server.log');
  const log = createWriteStream(logFile, { flags: 'a' });
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });

  const server = { kind, promise, port, dir, pid: child.pid, log: () => readFileSync(logFile, 'utf8') };
  const ended = new Promise((resolve) => child.once('close', (code, signal) => resolve((server.status = signal ?? code))));
  child.once('error', () => {});
  server.end = async (signal) => {
    server.admin?.disconnect();
    child.kill(signal);
    const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await ended;
    clearTimeout(late);
    running.delete(server);
  };
  server.discard = () => {
    if (server.status === undefined) child.kill('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  };
  server.stop = async () => {
    await server.end('SIGKILL');
    server.discard();
  };
  running.add(server);
  await waitFor(server, (reply) => reply !== '');
  const answered = seconds();
  await waitFor(server, (reply) => reply.startsWith(ready));
  server.started = { answered, loaded: seconds() };
  if (kind !== 'beanstalkd') server.admin = connect(port);
  return server;
}

/** Kills it and starts it again on the same data. */
export async function restart(server, promise, more) {
  await server.end('SIGKILL');
  return start(server.kind, promise ?? server.promise, { dir: server.dir, more });
}

/** A field of INFO, as a number. */
export async function info(server, section, field) {
  const text = await server.admin.info(section);
  const found = new RegExp(`^${field}:(.*?)\r?$`, 'm').exec(text);
  if (!found) throw new Error(`${server.kind}: INFO ${section} has no ${field}`);
  return Number(found[1]);
}
