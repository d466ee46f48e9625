// SPDX-License-Identifier: MIT
/*
 * Calls that fail. While a history is written, one call of one kind fails, once or from then on. The server may refuse to
 * start, and it may refuse to write, with an error; it may not crash, nor acknowledge what is then lost: after a start without the fault,
 * everything acknowledged is there and the keyspace is what its own log makes.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { constants } from 'node:os';
import { Client } from '../protocol/lib/client.mjs';
import { rng, Writer } from '../support/history.mjs';
import { freePort } from '../support/port.mjs';
import { Victim } from '../support/victim.mjs';
import { CONNECTIONS, depthOf, faultAfterwards, imagesFolder, SMALL } from './lib/kit.mjs';
import { buildShims, Control, shimEnv } from './lib/trace.mjs';

const { EIO, ENOSPC, EDQUOT, ENOMEM } = constants.errno;
const SHORT_WRITE = 0;
/* What each kind of call may fail with. */
const ERRORS = {
  write: [EIO, ENOSPC, SHORT_WRITE],
  syncBegin: [EIO, ENOSPC],
  allocate: [ENOSPC, EDQUOT],
  open: [EIO, EDQUOT],
  truncate: [EIO],
  rename: [EIO],
  unlink: [EIO],
  mkdir: [ENOSPC],
  map: [ENOMEM],
};
const nameOf = (errno) => Object.keys(constants.errno).find((name) => constants.errno[name] === errno) ?? 'a short write';

class Trial {
  constructor(options) {
    Object.assign(this, options);
    this.dir = `${this.where}/data`;
    this.log = `${this.where}/log`;
  }

  victim(env = {}) {
    const { kind, dir, log, port } = this;
    return new Victim({ kind, dir, log, port, env, small: SMALL });
  }

  /** A fault of the server's, or null. fail: { kind, n, errno, lasts }; undefined: nothing fails. Gives the counts of calls. */
  async run(fail) {
    this.failure = null;
    rmSync(this.where, { recursive: true, force: true });
    mkdirSync(this.dir, { recursive: true });
    const control = new Control(`${this.where}/control`);
    if (fail) control.fail(fail.kind, fail.n, fail.errno, fail.lasts);
    const victim = this.victim(shimEnv({ dir: this.dir, control }));
    try {
      victim.spawn();
      const writers = await this.#load(victim, fail);
      const counts = Object.fromEntries(Object.keys(ERRORS).map((kind) => [kind, control.count(kind)]));
      const wasReached = control.failures > 0;
      return { counts, wasReached, fault: await this.#faultOf(victim, writers) };
    } finally {
      await victim.kill();
      control.close();
    }
  }

  /** Null: it did not start. */
  async #load(victim, fail) {
    if (!(await victim.isReady())) return null;
    const writers = Array.from({ length: CONNECTIONS }, (_, c) => new Writer({ port: this.port, seed: this.seed, c, depth: depthOf(c), limit: this.steps / CONNECTIONS, isBrief: true, isOver: () => !victim.isRunning, onError: (text) => (this.failure ??= text) }));
    const work = Promise.all(writers.map((writer) => writer.run(async () => writer.acked)));
    if (!this.kind.startsWith('redis')) await ask(this.port, 'BGSAVE');
    await work;
    if (fail?.lasts) await ask(this.port, 'BGSAVE');
    return writers;
  }

  async #faultOf(victim, writers) {
    if (this.failure) return this.failure;
    // it gives up at once when it cannot write, and says so with its exit code
    const mayEnd = this.kind.startsWith('redis') || !writers;
    if (!victim.isRunning && !(mayEnd && typeof victim.status === 'number')) return `it ended with ${victim.status}:\n${victim.said}`;
    if (!victim.isRunning && victim.status === 0) return `it ended with 0 and did not say why:\n${victim.said}`;
    if (victim.isRunning && writers && (await ask(this.port, 'LLEN', 'h:log')).type !== ':') return 'reads do not go on';
    if (victim.isRunning) await victim.kill(this.isPolite ? 'SIGTERM' : 'SIGKILL');
    if (typeof victim.status === 'string' && victim.status !== 'SIGKILL') return `it ended with ${victim.status}:\n${victim.said}`;
    return faultAfterwards(this.victim(), { ...this, writers: writers ?? [] });
  }
}

async function ask(port, ...args) {
  const client = await Client.open(port).catch(() => null);
  const reply = (await client?.call(...args)) ?? { type: 'closed' };
  client?.destroy();
  return reply;
}

/** All faults that the counts allow, or about so many of them, each kind with a share. */
function chooseFaults(counts, seed, tries) {
  const random = rng(seed);
  const kinds = Object.keys(ERRORS).filter((kind) => counts[kind] > 0);
  return kinds.flatMap((kind) => {
    const all = ERRORS[kind].flatMap((errno) => Array.from({ length: counts[kind] }, (_, i) => ({ kind, n: i + 1, errno, lasts: i % 2 === 0 })));
    const share = Math.max(2, Math.ceil(tries / kinds.length));
    return all.length <= share ? all : Array.from({ length: share }, () => all[Math.floor(random() * all.length)]);
  });
}

/** @returns { name, faults, note } */
export async function run({ kind, folder, seed, steps, tries }) {
  buildShims();
  const other = await Victim.make({ kind: 'redis-forgets', dir: `${folder}/replay`, log: `${folder}/replay.log` });
  await other.start();
  const where = imagesFolder(folder);
  const trial = new Trial({ kind, where, seed, steps, port: await freePort(), replay: await Client.open(other.port) });
  const faults = [];
  let reached = 0;
  try {
    const { counts, fault } = await trial.run();
    if (fault) faults.push(`nothing failed: ${fault}`);
    const chosen = chooseFaults(counts, seed, tries);
    for (const [i, fail] of chosen.entries()) {
      if (faults.length >= 10) break;
      trial.isPolite = i % 2 === 0;
      const outcome = await trial.run(fail);
      reached += outcome.wasReached;
      const found = outcome.fault;
      if (found) faults.push(`${fail.kind} number ${fail.n}${fail.lasts ? ' and all after it' : ''}: ${nameOf(fail.errno)}: ${found}`);
    }
    if (reached < chosen.length / 2) faults.push(`only ${reached} of ${chosen.length} faults were met`);
    const calls = Object.entries(counts).map(([name, count]) => `${count} ${name}`).join(', ');
    return { name: 'calls that fail', faults, note: `${chosen.length} faults, ${reached} met, in ${calls}` };
  } finally {
    trial.replay.destroy();
    await other.kill();
    rmSync(where, { recursive: true, force: true });
  }
}
