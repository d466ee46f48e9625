// SPDX-License-Identifier: MIT
/*
 * A first checkpoint is committed in parts, and what a kill leaves of it is none: the journal has all. It is killed as soon as a part is on the
 * disk, after databases were emptied and swapped (which gives them other numbers there); what is loaded afterwards, and what the next checkpoint
 * makes of it, must be what was acknowledged.
 */
import { rmSync, statSync } from 'node:fs';
import { Client } from '../protocol/lib/client.mjs';
import { encode } from '../protocol/lib/resp.mjs';
import { sleep, Victim } from '../support/victim.mjs';
import { killRunning } from './lib/killer.mjs';

/* Three parts of 32 MB, in values that LMDB keeps in pages of their own. */
const VALUE = 'v'.repeat(60_000);
const VALUES = 1200;
const PART_BYTES = 32 * 1024 * 1024;
const PATIENCE_MS = 60_000;
const DATABASES = [0, 1, 2];
/* How many keys, and how long their values are. */
const SUM = `local n, bytes = 0, 0
for _, key in ipairs(redis.call('KEYS', '*')) do n = n + 1 bytes = bytes + redis.call('STRLEN', key) end
return n .. ' keys, ' .. bytes .. ' bytes'`;

async function all(client, requests) {
  client.write(requests.map(encode).join(''));
  for (const request of requests) {
    const reply = await client.read(PATIENCE_MS);
    if (reply.type === '-' || reply.type === 'closed') throw new Error(`${request.slice(0, 2).join(' ')}: ${reply.text}`);
  }
}

const fill = (client, database, from, to) =>
  all(client, [['SELECT', String(database)], ...Array.from({ length: to - from }, (_, i) => ['SET', `${database}:${from + i}`, VALUE])]);

/* One database has what another had, one was emptied and filled again, and one is empty. */
async function write(client) {
  await fill(client, 0, 0, 20);
  await fill(client, 1, 0, 30);
  await all(client, [['FLUSHDB'], ['SELECT', '0'], ['FLUSHDB'], ['SWAPDB', '0', '2']]);
  await fill(client, 1, 100, 110);
  for (let from = 0; from < VALUES; from += 100) await fill(client, 2, from, from + 100);
  await all(client, [['SELECT', '0'], ['FLUSHDB'], ['SWAPDB', '1', '2']]);
}

async function sums(port) {
  const client = await Client.open(port);
  const found = [];
  for (const database of DATABASES) {
    await all(client, [['SELECT', String(database)]]);
    found.push(`database ${database}: ${(await client.call('EVAL', SUM, 0)).text}`);
  }
  client.destroy();
  return found.join('; ');
}

function bytesOf(path) {
  try {
    return statSync(path).size;
  } catch {
    return 0;
  }
}

/** @returns { name, faults, note } */
export async function run({ kind, folder, rounds }) {
  const small = { 'checkpoint-journal-size': '1gb', 'checkpoint-interval': '0' };
  const faults = [];
  let partsSeen = 0;
  for (let round = 0; round < rounds && faults.length === 0; round++) {
    const victim = await Victim.make({ kind, dir: `${folder}/first-${round}`, log: `${folder}/first-${round}.log`, small });
    const expect = async (expected, when) => {
      const found = await sums(victim.port);
      if (found !== expected) faults.push(`${when}: expected ${expected}, found ${found}`);
    };
    await victim.start();
    try {
      const client = await Client.open(victim.port);
      await write(client);
      const before = await sums(victim.port);
      client.send(['BGSAVE']);
      const parts = 1 + (round % 2);
      for (const deadline = Date.now() + PATIENCE_MS; bytesOf(`${victim.dir}/checkpoint/data.mdb`) < parts * PART_BYTES; await sleep(1)) {
        if (Date.now() > deadline || !kind.startsWith('oxq')) break;
      }
      if (!/ checkpoint seq=/.test(victim.said)) partsSeen++;
      await killRunning(victim);
      client.destroy();
      await victim.start();
      await expect(before, 'after the kill in the first checkpoint');
      const other = await Client.open(victim.port);
      await all(other, [['SAVE']]);
      other.destroy();
      await killRunning(victim);
      await victim.start();
      await expect(before, 'loaded from the checkpoint after it');
    } catch (error) {
      faults.push(error.stack);
    } finally {
      await victim.kill();
    }
    const unsound = victim.faultOfFolder();
    if (unsound) faults.push(unsound);
    if (faults.length === 0) rmSync(victim.dir, { recursive: true });
  }
  return { name: 'a kill in the first checkpoint', faults, note: `${partsSeen} of ${rounds} kills left a part of it` };
}
