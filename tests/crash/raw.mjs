// SPDX-License-Identifier: MIT
/*
 * Raw pipelined connections write a history (tests/support/history.mjs) while the server is killed. After each kill every
 * connection reads how far the server came: at least to what was acknowledged, at most to what was sent, no gaps, and what
 * was once read stays. In the end the keyspace must equal what its own log makes on another server.
 */
import { Client } from '../protocol/lib/client.mjs';
import { differenceOf, dump, faultOfLog, readLog, Replay, rng, Writer } from '../support/history.mjs';
import { sleep, Victim } from '../support/victim.mjs';
import { killAgainAndAgain } from './lib/killer.mjs';

const CONNECTIONS = 6;

class Ledger {
  log = []; /* as far as anybody has read it */
  faults = [];
  #counts = new Map(); /* connection -> its steps in the log */
  #turn = Promise.resolve();

  /** Reads on, checks, and tells how many steps of the writer's are there; null: ask again. One at a time. */
  resume = (client, writer) => {
    const mine = this.#turn.then(() => this.#read(client, writer));
    this.#turn = mine.catch(() => {});
    return mine;
  };

  async #read(client, writer) {
    const length = await client.call('LLEN', 'h:log');
    if (length.type !== ':') return null;
    if (Number(length.text) < this.log.length) {
      this.#fault(writer, `${this.log.length - Number(length.text)} steps that were read are gone`);
      return null;
    }
    const more = await readLog(client, this.log.length).catch(() => null);
    if (!more) return null;
    for (const entry of more) this.#append(writer, entry);
    const has = this.#counts.get(writer.c) ?? 0;
    if (has < writer.acked) this.#fault(writer, `connection ${writer.c}: step ${writer.acked - 1} was acknowledged, the server has ${has} steps`);
    if (has > writer.sent) this.#fault(writer, `connection ${writer.c}: ${writer.sent} steps were sent, the server has ${has}`);
    return writer.failure ? null : has;
  }

  /* Each connection's numbers count up from 0 without a gap. */
  #append(writer, entry) {
    const [c, i] = entry.split(':').map(Number);
    const next = this.#counts.get(c) ?? 0;
    if (i !== next) this.#fault(writer, `entry ${this.log.length} of the log is ${entry}, connection ${c} was at ${next}`);
    this.#counts.set(c, i + 1);
    this.log.push(entry);
  }

  #fault(writer, text) {
    writer.failure = text;
    this.faults.push(text);
  }
}

/** @returns { name, faults, note } */
export async function run({ kind, folder, seed, kills, killsWanted, between }) {
  const victim = await Victim.make({ kind, dir: `${folder}/raw`, log: `${folder}/raw.log` });
  await victim.start();
  const ledger = new Ledger();
  const onError = (text) => ledger.faults.push(text);
  const writers = Array.from({ length: CONNECTIONS }, (_, c) => new Writer({ port: victim.port, seed, c, depth: 1 + 6 * c, onError }));
  const running = writers.map((writer) => writer.run(ledger.resume));
  try {
    await killAgainAndAgain(victim, { random: rng(seed), kills: killsWanted ?? kills, between });
    await sleep(200);
    for (const writer of writers) writer.isStopped = true;
    await Promise.all(running);
    const found = ledger.faults.length > 0 ? null : await finalFault(victim, writers, seed, folder);
    if (found) ledger.faults.push(found);
  } finally {
    for (const writer of writers) writer.isStopped = true;
    await victim.kill();
  }
  const unsound = victim.faultOfFolder();
  if (unsound) ledger.faults.push(unsound);
  for (const writer of writers) ledger.faults.push(...writer.refused.slice(0, 3).map((text) => `connection ${writer.c} was refused: ${text}`));
  const acked = writers.reduce((sum, writer) => sum + writer.acked, 0);
  return { name: 'raw pipelined clients', faults: ledger.faults, note: `${acked} steps acknowledged, ${victim.starts} starts` };
}

async function finalFault(victim, writers, seed, folder) {
  const client = await Client.open(victim.port);
  const log = await readLog(client);
  const broken = faultOfLog(log);
  if (broken) return broken;
  for (const { c, acked } of writers) {
    const has = log.reduce((count, entry) => count + entry.startsWith(`${c}:`), 0);
    if (has < acked) return `connection ${c}: ${acked} steps were acknowledged, ${has} are there at the end`;
  }
  const found = await dump(client);
  client.destroy();
  const other = await Victim.make({ kind: 'redis-forgets', dir: `${folder}/replay`, log: `${folder}/replay.log` });
  await other.start();
  const replay = await Replay.open(other, seed);
  const expected = await replay.dumpAt(log, log.length);
  await other.kill();
  const difference = differenceOf(expected, found);
  return difference && `the keyspace is not what its log of ${log.length} steps makes:\n    ${difference}`;
}
