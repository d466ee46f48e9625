// SPDX-License-Identifier: MIT
/* Loads on a server, and checks of what they left behind. */
import path from 'node:path';
import { ROOT } from './clients.mjs';
import { cpuSeconds, startLoad } from './machine.mjs';

const LOAD = path.join(ROOT, 'build/bench/load');
/* So many that the server never waits for its next request: with 100 the one core that the load has leaves oxq idle for an eighth of the time. */
const DEPTH = 1000;

/** Runs a load of so many operations: { per_second, cpu_us, p50_us, p99_us }, cpu_us of the server for each of them. */
export async function sample(server, operations, load) {
  const before = cpuSeconds(server.pid);
  const { seconds, p50_us, p99_us } = await load();
  const cpu_us = ((cpuSeconds(server.pid) - before) * 1e6) / operations;
  return { per_second: operations / seconds, cpu_us, p50_us, p99_us };
}

/** Starts sending a file of requests: `result`, and `end()` to stop it early. A wrong reply ends the whole run, for then the times mean nothing. */
export function startSending(server, requests, { count, depth = DEPTH, connections = 1, rate = 0, reply, firstId }) {
  const args = ['--port', server.port, '--requests', requests, '--count', count, '--depth', depth];
  args.push('--connections', connections, '--rate', rate);
  if (reply !== undefined) args.push('--reply', reply);
  if (firstId !== undefined) args.push('--first-id', firstId);
  const { result, end } = startLoad(LOAD, args);
  const check = (got) => {
    if (got.wrong > 0) throw new Error(`${server.kind}: ${got.wrong} wrong replies to ${path.basename(requests)}, first: ${got.first_wrong}`);
    return got;
  };
  const fail = (error) => Promise.reject(new Error(`${server.kind} ${server.promise}, ${path.basename(requests)}: ${error.message}`));
  return { result: result.then(check, fail), end };
}

export const send = (server, requests, options) => startSending(server, requests, options).result;

export async function expect(server, command, wanted) {
  const got = await server.admin.call(...command);
  if (got !== wanted) throw new Error(`${server.kind} ${server.promise}: ${command.join(' ')} is ${got}, not ${wanted}`);
}
