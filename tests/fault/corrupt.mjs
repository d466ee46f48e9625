// SPDX-License-Identifier: MIT
/*
 * Damaged files. A folder with a history is damaged in one place, a bit turned over or a file cut short, and a server starts on it. It
 * refuses, or it has everything, or it says that the end of the journal was torn: after a bit turned over it may then lack no more than the
 * steps that were under way at once. `oxq check` must not call a folder sound on which the server does not start.
 */
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { Client } from '../protocol/lib/client.mjs';
import { readLog, Replay, rng } from '../support/history.mjs';
import { OXQ, Victim } from '../support/victim.mjs';
import { CONNECTIONS, depthOf, digestsOf, imagesFolder, readFolder, Recoverer, SMALL, write } from './lib/kit.mjs';
import { writeImage } from './lib/disk.mjs';

const LIKE_A_LOCK = /lock/i;
const UNDER_WAY = Array.from({ length: CONNECTIONS }, (_, c) => depthOf(c)).reduce((a, b) => a + b);
const SAYS_TORN = /torn|dropped/i;

/** The history written, and the folder after SIGKILL and after SIGTERM. */
async function prepare({ kind, folder, seed, steps }) {
  const images = [];
  let log = [];
  for (const signal of ['SIGKILL', 'SIGTERM']) {
    const victim = await Victim.make({ kind, dir: `${folder}/data`, log: `${folder}/log`, small: SMALL });
    await victim.start();
    await write(victim, seed, Math.ceil((steps * (images.length + 1)) / 2 / CONNECTIONS), log);
    const client = await Client.open(victim.port);
    log = await readLog(client);
    client.destroy();
    await victim.kill(signal);
    images.push({ signal, files: readFolder(victim.dir), length: log.length });
  }
  return { images, log };
}

/** One damage: a file with one bit turned over, or cut short; more often than not where there is something. */
function damage(files, random) {
  const names = Object.keys(files).filter((name) => files[name]?.length > 0 && !LIKE_A_LOCK.test(name));
  const name = names[Math.floor(random() * names.length)];
  const bytes = Buffer.from(files[name]);
  let at = Math.floor(random() * bytes.length);
  for (let tries = 0; tries < 20 && bytes[at] === 0; tries++) at = Math.floor(random() * bytes.length);
  if (random() < 0.2) return { files: { ...files, [name]: bytes.subarray(0, at) }, text: `${name} cut at ${at}` };
  const bit = Math.floor(random() * 8);
  bytes[at] ^= 1 << bit;
  return { files: { ...files, [name]: bytes }, text: `${name} bit ${bit} of byte ${at}` };
}

/** @returns { name, faults, note } */
export async function run({ kind, folder, seed, steps, tries: given, triesWanted: tries = given }) {
  const { images, log } = await prepare({ kind, folder, seed, steps });
  const other = await Victim.make({ kind: 'redis-forgets', dir: `${folder}/replay`, log: `${folder}/replay.log` });
  await other.start();
  const digests = await digestsOf(log, seed, await Replay.open(other, seed)).finally(() => other.kill());
  const where = imagesFolder(folder);
  const recoverer = new Recoverer(kind, where, 0);
  const checker = hasCheck(kind) ? `${where}/check` : null;
  const random = rng(seed);
  const faults = [];
  const counts = { refused: 0, unharmed: 0, torn: 0 };
  for (const { signal, files, length } of images) {
    const sound = await recoverer.recover(files);
    if (sound.digest !== digests[length]) faults.push(`after ${signal} alone: ${sound.failure ?? 'the keyspace is another one'}`);
    if (checker && !isSound(files, checker)) faults.push(`after ${signal} alone: oxq check finds damage`);
  }
  for (let i = 0; i < tries && faults.length < 10; i++) {
    const { signal, files, length } = images[i % images.length];
    const damaged = damage(files, random);
    const outcome = await recoverer.recover(damaged.files);
    const verdict = judge(outcome, digests, length);
    if (counts[verdict] !== undefined) counts[verdict]++;
    else faults.push(`after ${signal}, ${damaged.text}: ${verdict}`);
    if (verdict === 'refused' && checker && isSound(damaged.files, checker)) faults.push(`after ${signal}, ${damaged.text}: the server refuses, oxq check finds nothing`);
  }
  rmSync(where, { recursive: true, force: true });
  if (counts.refused === 0) faults.push('no damage was ever refused');
  const note = `${tries} damages: ${counts.refused} refused, ${counts.unharmed} did no harm, ${counts.torn} told as a torn end; oxq check ${checker ? 'agrees' : 'is not there'}`;
  return { name: 'damaged files', faults, note };
}

function judge({ failure, log, digest, said }, digests, length) {
  if (failure) return /(did not start|could not be read) \([1-9]\d*\)/.test(failure) ? 'refused' : failure;
  if (digest === digests[length]) return 'unharmed';
  if (digest !== digests[log.length]) return `served: after ${log.length} of ${length} steps, a keyspace that never was`;
  if (!SAYS_TORN.test(said)) return `served: ${length - log.length} of ${length} steps are gone, and nothing was said`;
  if (length - log.length > UNDER_WAY) return `served: ${length - log.length} of ${length} steps are gone, told as a torn end`;
  return 'torn';
}

function hasCheck(kind) {
  return kind === 'oxq' && / check/.test(spawnSync(OXQ, ['--help'], { encoding: 'utf8' }).stdout ?? '');
}

function isSound(files, dir) {
  rmSync(dir, { recursive: true, force: true });
  writeImage(files, dir);
  return spawnSync(OXQ, ['check', dir], { encoding: 'utf8' }).status === 0;
}
