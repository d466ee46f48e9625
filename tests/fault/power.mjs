// SPDX-License-Identifier: MIT
/*
 * Power loss. A server writes a history (tests/support/history.mjs) with the shim under it, through two lives: its calls and
 * the replies that it sent are recorded in one order. Then, at each call, a disk (lib/disk.mjs) makes folders as a power cut
 * could leave them, and a server starts on each: its keyspace must be what a prefix of the history makes, and the prefix must
 * have every step whose acknowledgement was sent before that call.
 */
import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { Client } from '../protocol/lib/client.mjs';
import { readLog, Replay, rng } from '../support/history.mjs';
import { Victim } from '../support/victim.mjs';
import { Acks } from './lib/acks.mjs';
import { digestOf, Disk, MODES } from './lib/disk.mjs';
import { CONNECTIONS, digestsOf, faultOfAcked, imagesFolder, Recoverer, SMALL, write, writeUntilKilled } from './lib/kit.mjs';
import { buildShims, readTrace, shimEnv } from './lib/trace.mjs';

/* Of the first life so long that it is killed before a sync has ended. */
const SYNC_US = [5000, 300];
/* The second life does not begin with a checkpoint, which would make durable what the first one left. */
const RARELY = { ...SMALL, 'checkpoint-journal-size': '4mb' };
const FIRST_SAVE_MS = 100;
const SLOTS = 2;
const FAULTS_MAX = 10;

/** The history in two lives, the second after SIGKILL in the midst of work: { base, traces, log }. */
async function record({ kind, folder, seed, steps }) {
  const base = `${folder}/base`;
  const dir = `${folder}/data`;
  mkdirSync(dir, { recursive: true });
  // redis-server writes its first files by ways that the shim does not see
  if (kind.startsWith('redis')) {
    const first = await Victim.make({ kind, dir, log: `${folder}/record.log` });
    await first.start();
    await first.stop();
  }
  cpSync(dir, base, { recursive: true });
  const traces = [`${folder}/trace1`, `${folder}/trace2`];
  const live = async (life) => {
    const flags = kind.startsWith('redis') ? ['--auto-aof-rewrite-percentage', '0'] : [];
    const env = shimEnv({ dir, trace: traces[life], syncUs: SYNC_US[life] });
    const victim = await Victim.make({ kind, dir, log: `${folder}/record.log`, flags, env, small: RARELY });
    await victim.start();
    return victim;
  };
  const limit = Math.ceil(steps / CONNECTIONS);
  await writeUntilKilled(await live(0), seed, limit, steps / 2);
  const victim = await live(1);
  const client = await Client.open(victim.port);
  await write(victim, seed, limit, await readLog(client), FIRST_SAVE_MS);
  const log = await readLog(client);
  client.destroy();
  await victim.stop();
  return { base, dir, traces, log };
}

/** @returns { name, faults, note } */
export async function run({ kind, folder, seed, steps, images: given, triesWanted: images = given, seeds, modes = MODES }) {
  buildShims();
  const recorded = await record({ kind, folder, seed, steps });
  const other = await Victim.make({ kind: 'redis-forgets', dir: `${folder}/replay`, log: `${folder}/replay.log` });
  await other.start();
  const digests = await digestsOf(recorded.log, seed, await Replay.open(other, seed)).finally(() => other.kill());
  const cutter = new Cutter({ kind, folder, seed, recorded, digests, modes });
  for (let round = 0; round < seeds && !cutter.isOver; round++) await cutter.cut(seed + round, images / seeds);
  rmSync(cutter.images, { recursive: true, force: true });
  const { faults, tried } = cutter;
  if (tried.starts < 20) faults.push('too few different images: the model sees nothing');
  const note = `${recorded.log.length} steps, ${cutter.opsCount} calls, ${tried.cuts} power cuts, ${tried.images} images, ${tried.starts} different ones started`;
  return { name: 'power loss', faults, note };
}

/** Cuts the power of a recorded history and judges what comes back. */
class Cutter {
  faults = [];
  tried = { cuts: 0, images: 0, starts: 0 };
  #outcomes = new Map(); // digest of an image -> promise of what recovery made of it
  #busy = new Set();

  constructor(options) {
    Object.assign(this, options);
    this.images = imagesFolder(this.folder);
    this.lives = this.recorded.traces.map(readTrace);
    this.opsCount = this.lives.reduce((sum, ops) => sum + ops.length, 0);
    this.slots = Array.from({ length: SLOTS }, (_, i) => new Recoverer(this.kind, this.images, i));
  }

  get isOver() {
    return this.faults.length >= FAULTS_MAX;
  }

  /** Once through the record; about so many images, or all. */
  async cut(seed, wanted) {
    const { dir, base } = this.recorded;
    rmSync(dir, { recursive: true, force: true });
    cpSync(base, dir, { recursive: true });
    const disk = new Disk(dir);
    const acks = new Acks(this.seed);
    const random = rng(seed + 9);
    const share = wanted / (this.opsCount * this.modes.length);
    let at = 0;
    for (const ops of this.lives) {
      for (const op of ops) {
        disk.do(op);
        acks.do(op);
        at++;
        const modes = this.modes.filter(() => random() < share);
        if (modes.length && !this.isOver) this.tried.cuts++;
        for (const mode of modes) {
          if (this.isOver) break;
          const image = disk.image(mode, rng(seed * 31 + at));
          await this.#try(image, new Map(acks.steps), `call ${at} (${op.kind}), ${mode}, seed ${seed}`);
        }
      }
      disk.endProcess();
      acks.endProcess();
    }
    await Promise.all(this.#busy);
  }

  /** Starts a server on the image, unless an equal one was started before; returns when the next may come. */
  async #try(image, acked, where) {
    this.tried.images++;
    const digest = digestOf(image);
    if (!this.#outcomes.has(digest)) {
      this.tried.starts++;
      while (this.slots.length === 0) await Promise.race(this.#busy);
      const slot = this.slots.pop();
      this.#outcomes.set(digest, slot.recover(image).finally(() => this.slots.push(slot)));
    }
    const work = this.#outcomes.get(digest).then((outcome) => {
      const fault = this.#faultOf(outcome, acked);
      if (fault) this.faults.push(`${where}: ${fault}`);
      this.#busy.delete(work);
    });
    this.#busy.add(work);
  }

  #faultOf({ failure, log, digest, lines }, acked) {
    if (failure) return failure;
    const differs = log.findIndex((entry, i) => entry !== this.recorded.log[i]);
    if (differs >= 0) return `step ${differs} is ${log[differs]}, it was ${this.recorded.log[differs]}: not a prefix`;
    const lost = faultOfAcked(log, acked);
    if (lost) return lost;
    if (digest !== this.digests[log.length]) return `after ${log.length} steps the keyspace is another one, of ${lines.length} keys`;
    return null;
  }
}
