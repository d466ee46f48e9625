// SPDX-License-Identifier: MIT
/*
 * Starts a server under test: a real redis-server or oxq, on a free loopback port, with its data in a temporary
 * directory. Every server started here is ended with this process, by its pid.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, createWriteStream, existsSync, readFileSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { fileURLToPath } from 'node:url';
import { plainEnvironment } from '../../support/environment.mjs';
import { freePort } from '../../support/port.mjs';

const REPOSITORY = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
const START_MS = 60_000;
const STOP_MS = 60_000;
const running = new Set();

process.on('exit', () => {
  for (const server of running) server.kill();
});

export function oxqBinary() {
  return path.resolve(process.env.OXQ_BIN ?? path.join(REPOSITORY, 'build/release/oxq'));
}

/** A sentence that says why this kind of server cannot be started, or null. */
export function whyMissing(kind) {
  if (kind === 'oxq') return existsSync(oxqBinary()) ? null : `${oxqBinary()} is missing; build it first or set OXQ_BIN`;
  const found = (process.env.PATH ?? '').split(':').some((folder) => existsSync(path.join(folder, 'redis-server')));
  return found ? null : 'redis-server is missing (Debian package redis-server)';
}

/*
 * options.port      fixed port, for a server that comes back where it was; else a free one
 * options.password  AUTH needs it
 * options.tls       { cert, key, ca } paths: the port then speaks TLS only
 */
function commandLine(kind, port, dir, { password, tls: pair }) {
  if (kind === 'oxq') {
    const args = ['serve', '--port', port, '--http-port', 0, '--dir', dir];
    if (password) args.push('--password', password);
    if (pair) args.push('--tls-cert', pair.cert, '--tls-key', pair.key);
    return [oxqBinary(), args];
  }
  const args = ['--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--daemonize', 'no', '--dir', dir];
  if (password) args.push('--requirepass', password);
  if (pair) {
    args.push('--port', 0, '--tls-port', port, '--tls-auth-clients', 'no');
    args.push('--tls-cert-file', pair.cert, '--tls-key-file', pair.key, '--tls-ca-cert-file', pair.ca);
  } else {
    args.push('--port', port);
  }
  return ['redis-server', args];
}

export async function startServer(kind, options = {}) {
  const missing = whyMissing(kind);
  if (missing) throw new Error(missing);
  const port = options.port ?? (await freePort());
  const dir = mkdtempSync(path.join(os.tmpdir(), `e2e-${kind}-`));
  const logFile = path.join(dir, 'server.log');
  const [program, args] = commandLine(kind, port, dir, options);
  const child = spawn(program, args.map(String), { env: plainEnvironment(), stdio: ['ignore', 'pipe', 'pipe'] });
  const log = createWriteStream(logFile);
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  const ended = new Promise((resolve) => child.once('close', (code, signal) => resolve(signal ?? code)));
  child.once('error', () => {});

  const server = {
    kind,
    port,
    pid: child.pid,
    url: `${options.tls ? 'rediss' : 'redis'}://${options.password ? `:${options.password}@` : ''}127.0.0.1:${port}`,
    ended,
    log: () => readFileSync(logFile, 'utf8'),
    kill() {
      running.delete(server);
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      rmSync(dir, { recursive: true, force: true });
    },
    /** Ends it with SIGTERM; the exit code, or the signal's name when it had to be killed. */
    async stop() {
      child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
      const status = await ended;
      clearTimeout(late);
      server.kill();
      return status;
    },
  };
  running.add(server);
  try {
    await answers(server, Boolean(options.tls));
  } catch (error) {
    const text = server.log();
    server.kill();
    throw new Error(`${kind} did not start: ${error.message}\n${text}`);
  }
  return server;
}

async function answers(server, overTls) {
  let status;
  server.ended.then((value) => (status = value));
  const deadline = performance.now() + START_MS;
  while (performance.now() < deadline) {
    if (status !== undefined) throw new Error(`it ended with ${status}`);
    const reply = await ping(server.port, overTls).catch(() => '');
    if (reply.startsWith('+PONG') || reply.startsWith('-NOAUTH')) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`no answer to PING within ${START_MS} ms`);
}

function ping(port, overTls) {
  return new Promise((resolve, reject) => {
    const open = overTls ? tls.connect : net.connect;
    const socket = open({ port, host: '127.0.0.1', rejectUnauthorized: false });
    socket.setTimeout(1000, () => socket.destroy(new Error('no answer')));
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('closed')));
    socket.once(overTls ? 'secureConnect' : 'connect', () => socket.write('PING\r\n'));
    socket.once('data', (reply) => {
      resolve(String(reply));
      socket.destroy();
    });
  });
}
