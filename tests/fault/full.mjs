// SPDX-License-Identifier: MIT
/*
 * A full disk. While a history is written the disk has no room any more: what needs more fails with ENOSPC. Writes are then refused
 * with an error that names the disk, and reads go on; with room again, writes are accepted. In the end, after SIGKILL, everything acknowledged
 * is there and nothing is half done.
 */
import { mkdirSync } from 'node:fs';
import { Client } from '../protocol/lib/client.mjs';
import { differenceOf, dump, faultOfLog, readLog, Replay, Writer } from '../support/history.mjs';
import { sleep, Victim } from '../support/victim.mjs';
import { CONNECTIONS, countOf, faultOfAcked, SMALL } from './lib/kit.mjs';
import { buildShims, Control, shimEnv } from './lib/trace.mjs';

const BEFORE = 200;
const MORE = 20_000;
const AFTER = 100;
const ROOM_MS = 60_000;
const ROUNDS = 3;
/* A connection waits for each answer: of two steps on their way, the first may be refused and the second be done, when room comes between. */
const DEPTH = 1;

/** @returns { name, faults, note } */
export async function run({ kind, folder, seed }) {
  buildShims();
  mkdirSync(`${folder}/data`, { recursive: true });
  const control = new Control(`${folder}/control`);
  const dir = `${folder}/data`;
  const victim = await Victim.make({ kind, dir, log: `${folder}/log`, small: SMALL, env: shimEnv({ dir, control }) });
  await victim.start();
  const story = new Story(victim, control, seed);
  try {
    for (let round = 0; round < ROUNDS && story.faults.length === 0; round++) await story.round();
    if (story.faults.length === 0) await story.end(folder);
  } finally {
    await victim.kill();
    control.close();
  }
  const note = `${ROUNDS} times full, ${story.acked.reduce((a, b) => a + b)} steps acknowledged, ${story.refusal ?? 'nothing refused'}`;
  return { name: 'a full disk', faults: story.faults, note };
}

class Story {
  faults = [];
  acked = Array(CONNECTIONS).fill(0);
  #errors = [];

  constructor(victim, control, seed) {
    Object.assign(this, { victim, control, seed });
  }

  async round() {
    const before = await this.#write(BEFORE);
    if (!this.victim.isRunning) return this.#fault(`it ended with ${this.victim.status}`);
    if (before.length) return this.#fault(`refused with room on the disk: ${before[0]}`);
    this.control.isFull = true;
    const refused = await this.#write(MORE);
    if (!this.victim.isRunning) return this.#fault(`it ended with ${this.victim.status}:\n${this.victim.said}`);
    if (refused.length === 0) return this.#fault(`a full disk, and ${MORE} steps were accepted`);
    this.refusal = refused[0];
    if (!refused.every((text) => /disk|space/i.test(text))) this.#fault(`the error does not name the disk: ${refused[0]}`);
    await this.#reads();
    this.control.isFull = false;
    await this.#comesBack();
  }

  async #reads() {
    const client = await Client.open(this.victim.port);
    const log = await readLog(client);
    client.destroy();
    const fault = faultOfAcked(log, this.acked.entries());
    if (fault) this.#fault(`while the disk is full: ${fault}`);
  }

  async #comesBack() {
    for (const deadline = Date.now() + ROOM_MS; ; await sleep(50)) {
      const refused = await this.#write(AFTER);
      if (refused.length === 0) return;
      if (Date.now() > deadline) return this.#fault(`with room again it still refuses: ${refused[0]}`);
    }
  }

  /** Each connection writes so many steps more, or until it is refused. The refusals. */
  async #write(steps) {
    const client = await Client.open(this.victim.port);
    const log = await readLog(client);
    client.destroy();
    const writers = this.acked.map((_, c) => {
      const has = countOf(log, c);
      const writer = new Writer({ port: this.victim.port, seed: this.seed, c, depth: DEPTH, limit: has + Math.ceil(steps / CONNECTIONS), isBrief: true, isOver: () => !this.victim.isRunning, onError: (text) => this.#fault(text) });
      writer.acked = has;
      return writer;
    });
    await Promise.all(writers.map((writer) => writer.run(async () => writer.acked)));
    writers.forEach((writer, c) => (this.acked[c] = writer.acked));
    return writers.flatMap((writer) => writer.refused);
  }

  async end(folder) {
    await this.victim.kill();
    await this.victim.start();
    const client = await Client.open(this.victim.port);
    const log = await readLog(client);
    const found = await dump(client);
    client.destroy();
    const other = await Victim.make({ kind: 'redis-forgets', dir: `${folder}/replay`, log: `${folder}/replay.log` });
    await other.start();
    const expected = await (await Replay.open(other, this.seed)).dumpAt(log, log.length);
    await other.kill();
    const difference = differenceOf(expected, found);
    const fault = faultOfLog(log) ?? faultOfAcked(log, this.acked.entries()) ?? (difference && `the keyspace is not what its log makes:\n    ${difference}`);
    if (fault) this.#fault(fault);
  }

  #fault(text) {
    this.faults.push(text);
  }
}
