// SPDX-License-Identifier: MIT
/*
 * Ports for servers that a test kills and starts again on the same port. While such a server is away its port is free, and the kernel would
 * give it to the next connection that goes out: so they come from below the range of those.
 */
import { readFileSync } from 'node:fs';
import net from 'node:net';

const FROM = 10_000;
const TRIES_MAX = 1000;
const given = new Set();

/** The first port that the kernel gives to connections. */
function rangeEnd() {
  try {
    const first = Number(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s/)[0]);
    return first > FROM + 10 * TRIES_MAX ? first : 32_768;
  } catch {
    return 32_768;
  }
}

const END = rangeEnd();

function isFree(port) {
  return new Promise((resolve) => {
    const probe = net.createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}

/** A port of 127.0.0.1 that was free a moment ago, and that this process has not given out before. */
export async function freePort() {
  for (let i = 0; i < TRIES_MAX; i++) {
    const port = FROM + Math.floor(Math.random() * (END - FROM));
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
  throw new Error(`no port of ${FROM} to ${END - 1} is free`);
}
