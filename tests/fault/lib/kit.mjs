// SPDX-License-Identifier: MIT
/* What the parts share: the load, servers started on folders, and what they hold. */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import path from 'node:path';
import { Client } from '../../protocol/lib/client.mjs';
import { differenceOf, dump, faultOfLog, readLog, Replay, Writer } from '../../support/history.mjs';
import { freePort } from '../../support/port.mjs';
import { sleep, Victim } from '../../support/victim.mjs';
import { writeImage } from './disk.mjs';

export const CONNECTIONS = 3;
const IMAGES_BYTES = 2 ** 30;
/* Steps that may be under way at once. */
export const depthOf = (c) => 1 + 2 * c;
/* So that a few hundred steps fill segments and start checkpoints. */
export const SMALL = { 'journal-segment-size': '64kb', 'checkpoint-journal-size': '64kb' };

export const countOf = (log, c) => log.reduce((count, entry) => count + entry.startsWith(`${c}:`), 0);

/** Why a log is not one that continues what was acknowledged (connection -> steps), or null. */
export function faultOfAcked(log, acked) {
  for (const [c, steps] of acked) {
    const has = countOf(log, c);
    if (has < steps) return `connection ${c}: ${steps} steps were acknowledged, ${has} are there`;
  }
  return null;
}

const makeWriters = (victim, options) => Array.from({ length: CONNECTIONS }, (_, c) => new Writer({ port: victim.port, c, depth: depthOf(c), isBrief: true, isOver: () => !victim.isRunning, ...options }));

/** Writers, each up to its limit, and a checkpoint asked for now and then, not before firstMs. */
export async function write(victim, seed, limit, log, firstMs) {
  const faults = [];
  const writers = makeWriters(victim, { seed, limit, onError: (text) => faults.push(text) });
  let isDone = false;
  const saving = victim.kind.startsWith('redis') ? null : saveAgainAndAgain(victim, () => isDone, firstMs);
  await Promise.all(writers.map((writer) => writer.run(async () => Math.max(countOf(log, writer.c), writer.acked))));
  isDone = true;
  await saving;
  for (const writer of writers) faults.push(...writer.refused);
  if (faults.length) throw new Error(`while recording: ${faults[0]}\n${victim.said}`);
}

/** Writers, none of which has reached its limit when the server is killed: as soon as they have done so many steps together. */
export async function writeUntilKilled(victim, seed, limit, steps) {
  const writers = makeWriters(victim, { seed, limit: limit - 1, onError: () => {} });
  const runs = writers.map((writer) => writer.run(async () => 0));
  let isDone = false;
  const saving = victim.kind.startsWith('redis') ? null : saveAgainAndAgain(victim, () => isDone);
  const isFaulty = () => !victim.isRunning || writers.some((writer) => writer.refused.length);
  while (writers.reduce((sum, writer) => sum + writer.acked, 0) < steps && !isFaulty()) await sleep(1);
  if (isFaulty()) throw new Error(`while recording: ${writers.flatMap((writer) => writer.refused)[0] ?? victim.status}\n${victim.said}`);
  isDone = true;
  await saving;
  await victim.kill();
  await Promise.all(runs);
}

async function saveAgainAndAgain(victim, isDone, firstMs = 0) {
  const client = await Client.open(victim.port);
  await sleep(firstMs);
  while (!isDone()) {
    await client.call('BGSAVE');
    await sleep(100);
  }
  client.destroy();
}

/**
 * Starts a server on what another left, and says why it is not what it must be, or null: it starts, everything that the writers had acknowledged is
 * there and no more than they sent, and the keyspace is what its own log makes. `replay` is a connection to a server that keeps
 * nothing; more(client), if given, looks at more.
 */
export async function faultAfterwards(victim, { replay, seed, writers, more }) {
  victim.spawn();
  try {
    if (!(await victim.isReady())) return `afterwards it does not start (${victim.status}):\n${victim.said}`;
    const client = await Client.open(victim.port);
    const log = await readLog(client);
    const found = await dump(client);
    const other = await more?.(client);
    client.destroy();
    const fault = other ?? faultOfLog(log) ?? faultOfAcked(log, writers.map((writer) => [writer.c, writer.acked]));
    if (fault) return fault;
    const beyond = writers.find((writer) => countOf(log, writer.c) > writer.sent);
    if (beyond) return `connection ${beyond.c} sent ${beyond.sent} steps, ${countOf(log, beyond.c)} are there`;
    await replay.call('FLUSHALL');
    const difference = differenceOf(await new Replay(replay, seed).dumpAt(log, log.length), found);
    if (difference) return `the keyspace is not what its log of ${log.length} steps makes:\n    ${difference}`;
    await victim.kill();
    return victim.faultOfFolder();
  } finally {
    await victim.kill();
  }
}

/** Digests of the keyspace after each number of steps. */
export async function digestsOf(log, seed, replay) {
  const digests = [];
  for (let length = 0; length <= log.length; length++) digests.push(digestLines(await replay.dumpAt(log, length)));
  return digests;
}

export function digestLines(lines) {
  return createHash('sha1').update(lines.join('\n')).digest('hex');
}

/** Starts a server on images, one after the other. */
export class Recoverer {
  constructor(kind, folder, number) {
    Object.assign(this, { kind, dir: `${folder}/image${number}`, log: `${folder}/image${number}.log` });
  }

  /** { log, digest, lines, said } or { failure }. */
  async recover(image) {
    rmSync(this.dir, { recursive: true, force: true });
    rmSync(this.log, { force: true });
    writeImage(image, this.dir);
    this.port ??= await freePort();
    const victim = new Victim({ kind: this.kind, dir: this.dir, log: this.log, port: this.port, small: SMALL });
    victim.spawn();
    if (!(await victim.isReady())) {
      const failure = `it did not start (${victim.status}): ${victim.said.trim().split('\n').slice(-3).join(' | ')}`;
      await victim.kill();
      return { failure };
    }
    const client = await Client.open(this.port);
    try {
      const log = await readLog(client);
      const lines = await dump(client);
      return { log, lines, digest: digestLines(lines), said: victim.said };
    } catch (error) {
      const ended = (await victim.endsSoon()) ? victim.status : 'it runs';
      return { failure: `it could not be read (${ended}): ${error.message}: ${victim.said.trim().split('\n').slice(-2).join(' | ')}` };
    } finally {
      client.destroy();
      await victim.kill();
    }
  }
}

function hasRoom(folder) {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize >= IMAGES_BYTES;
  } catch {
    return false;
  }
}

/* In memory where there is such a folder and it is no small one: a start syncs, and the real disk has no part in this. */
export function imagesFolder(folder) {
  const shared = '/dev/shm';
  const where = hasRoom(shared) ? `${shared}/${folder.split('/').slice(-2).join('-')}` : `${folder}/images`;
  mkdirSync(where, { recursive: true });
  process.on('exit', () => rmSync(where, { recursive: true, force: true }));
  return where;
}

/** A folder's files: { path: Buffer, or null for a folder }. */
export function readFolder(root, folder = root, out = {}) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const name = path.join(folder, entry.name);
    if (entry.isDirectory()) out[path.relative(root, name)] = null;
    if (entry.isDirectory()) readFolder(root, name, out);
    else if (entry.isFile()) out[path.relative(root, name)] = readFileSync(name);
  }
  return out;
}
