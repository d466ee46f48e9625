// SPDX-License-Identifier: MIT
/*
 * What is asked of the machine: which core a process may use, the CPU time it has used, its memory.
 *
 * In the group speed the server runs on the first core that this process may use, the load on the last. With one core there is
 * nothing to choose. In the group durability nobody is pinned (README.md says why). CPU time comes from the scheduler, in nanoseconds; /proc/PID/stat counts ticks of 10 ms, too coarse for runs of
 * some hundred milliseconds, and serves where the kernel keeps no such account.
 */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import os from 'node:os';

const TICKS_PER_SECOND = 100;

function allowedCores() {
  const list = /^Cpus_allowed_list:\s*(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8'))[1];
  return list.split(',').flatMap((range) => {
    const [first, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}

const cores = allowedCores();
const serverCore = cores[0];
const loadCore = cores.at(-1);
let isPinned = cores.length > 1;

/** From now on the system chooses the cores. */
export function unpin() {
  isPinned = false;
}

const pinned = (core, program, args) => ['taskset', ['-c', String(core), program, ...args]];
/** A program and its arguments, as they start it on a core. */
const onCore = (core, program, args) => (isPinned ? pinned(core, program, args) : [program, args]);
export const onServerCore = (program, args) => onCore(serverCore, program, args);

/** Starts a load on its core: `end()` sends it SIGTERM, `result` is the JSON that it prints at its end. */
export function startLoad(program, args) {
  const child = spawn(...onCore(loadCore, program, args.map(String)), { stdio: ['ignore', 'pipe', 'inherit'] });
  return { result: readResult(program, child), end: () => child.kill('SIGTERM') };
}

/** Runs a load to its end. */
export const runLoad = (program, args) => startLoad(program, args).result;

async function readResult(program, child) {
  let output = '';
  child.stdout.on('data', (bytes) => (output += bytes));
  const status = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(signal ?? code));
  });
  if (!output) throw new Error(`${program} ended with ${status}`);
  return JSON.parse(output);
}

/* Looks at the clock for so many ms, and prints those in gaps between two looks of so many ms or more. Its first second is its own start's: compiling. */
const LOOK = `
  const [ms, gap] = process.argv.slice(1).map(Number);
  const look = (until) => {
    let away = 0, last = performance.now();
    while (last < until) {
      const now = performance.now();
      if (now - last >= gap) away += now - last;
      last = now;
    }
    return away;
  };
  look(performance.now() + 1000);
  console.log(JSON.stringify({ away: look(performance.now() + ms) }));
`;

/** How much of a time the cores were away, for the kernel's or a host's own work, from who does nothing but read the clock: of all cores, added up. */
export async function measureAway(seconds, gap_ms) {
  const ms = seconds * 1000;
  const look = (core) => spawn(...pinned(core, process.execPath, ['-e', LOOK, ms, gap_ms].map(String)), { stdio: ['ignore', 'pipe', 'inherit'] });
  const found = await Promise.all(cores.map((core) => readResult('node', look(core))));
  return found.reduce((sum, { away }) => sum + away, 0) / ms;
}

/** CPU time of all threads of a process so far, in seconds. */
export function cpuSeconds(pid) {
  try {
    const tasks = readdirSync(`/proc/${pid}/task`);
    const spent = tasks.map((task) => Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]));
    return spent.reduce((sum, ns) => sum + ns, 0) / 1e9;
  } catch {
    const [, , ...fields] = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/\(.*\)/, 'name').split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  }
}

/** Resident bytes of a process: all, of its own memory, and of files that it has mapped (programs, libraries, data). */
export function residentParts(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const of = (name) => Number(new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(status)[1]) * 1024;
  return { all: of('VmRSS'), anon: of('RssAnon'), file: of('RssFile') };
}

export const residentBytes = (pid) => residentParts(pid).all;

/** The most that is resident until `end()`, which tells its parts. */
export function watchResident(pid) {
  let most = residentParts(pid);
  const look = () => {
    const now = residentParts(pid);
    if (now.all > most.all) most = now;
  };
  const timer = setInterval(look, 20);
  return {
    end() {
      clearInterval(timer);
      look();
      return most;
    },
  };
}

export function describeMachine() {
  return {
    cpu: os.cpus()[0].model.trim(),
    cores: cores.length,
    memory_gb: Math.round(os.totalmem() / 2 ** 30),
    kernel: os.release(),
    pinned: isPinned ? { server: serverCore, load: loadCore } : false,
    load_average: os.loadavg()[0],
  };
}
