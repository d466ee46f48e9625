// SPDX-License-Identifier: MIT
/*
 * Allocations that fail, those of the libraries too (memory.c). The n-th fails, alone or with all after it: of a server that
 * starts on nothing, is loaded, saves, reads what has left its memory and stops; of one that recovers; of the commands on data folders; of a
 * program on the library (library.c).
 *
 * A program that has no memory may refuse and may end, with a line that says why, and not by a signal. What it acknowledged is there afterwards,
 * whole, and what a command left half done it takes up again when it is given once more.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { Client } from '../protocol/lib/client.mjs';
import { dump, readLog, rng, Writer } from '../support/history.mjs';
import { plainEnvironment } from '../support/environment.mjs';
import { freePort } from '../support/port.mjs';
import { OXQ, sleep, Victim } from '../support/victim.mjs';
import { CONNECTIONS, countOf, depthOf, faultAfterwards, imagesFolder, readFolder, SMALL } from './lib/kit.mjs';
import { writeImage } from './lib/disk.mjs';
import { buildShims, Control, LIBRARY, memoryEnv } from './lib/trace.mjs';
import { faultOfWide, makeWide } from './lib/wide.mjs';

const SAYS_WHY = /memory|cannot allocate/i;
/* So that values leave memory as soon as a checkpoint has them. */
const COLD = { ...SMALL, 'memory-target': '1mb' };
const COOL_MS = 30;
const FAULTS_MAX = 10;
/* Runs of a sweep side by side: they wait more than they work. */
const LANES = 4;
const SAID_FROM = 1000;
const COMMAND_MS = 60_000;

/* ---- programs that lack memory ---- */

/** Why an end is none that a program without memory may come to; null: it is one. */
function faultOfEnd(status, said) {
  if (typeof status === 'string') return `it ended with ${status}: ${lastOf(said)}`;
  if (status !== 0 && !SAYS_WHY.test(said)) return `it ended with ${status} and did not say why: ${lastOf(said)}`;
  return null;
}

const lastOf = (said) => said.trim().split('\n').slice(-3).join(' | ');

/** A sweep's common part: programs under memory.c in a folder of their own. There is one in each lane. */
class Sweep {
  constructor(options, lane) {
    Object.assign(this, options, lane);
  }

  get where() {
    return `${this.images}/${this.name}${this.number}`;
  }

  get dir() {
    return `${this.where}/data`;
  }

  get log() {
    return `${this.where}/log`;
  }

  victim(control) {
    const { dir, log, port } = this;
    return new Victim({ kind: 'oxq', dir, log, port, env: control ? memoryEnv(control) : {}, small: COLD });
  }

  /** { count, wasMet, fault }: of one run in which the n-th allocation fails; n undefined: none does. */
  async run(n, lasts) {
    rmSync(this.where, { recursive: true, force: true });
    mkdirSync(this.where, { recursive: true });
    const control = new Control(`${this.where}/control`);
    if (n) control.fail('memory', n, constants.errno.ENOMEM, lasts);
    try {
      const fault = await this.once(control);
      return { count: control.count('memory'), wasMet: control.failures > 0, fault };
    } finally {
      control.close();
    }
  }

  async after(acked, writers) {
    const victim = this.victim();
    return faultAfterwards(victim, { replay: this.replay, seed: this.seed, writers, more: (client) => faultOfWide(client, acked) });
  }
}

/* A server from its first start to its end. */
class Life extends Sweep {
  name = 'life';

  async once(control) {
    const victim = this.victim(control);
    this.failure = null;
    victim.spawn();
    const work = { acked: [], writers: [] };
    try {
      if (await victim.isReady()) await this.#load(victim, work);
      if (victim.isRunning) await victim.stop();
    } finally {
      await victim.kill();
    }
    return this.failure ?? faultOfEnd(victim.status, victim.said) ?? (await this.after(work.acked, work.writers));
  }

  async #load(victim, work) {
    await this.#ask(async (client) => (work.acked = await makeWide(client)));
    work.writers = Array.from({ length: CONNECTIONS }, (_, c) => new Writer({ port: this.port, seed: this.seed, c, depth: depthOf(c), isOver: () => !victim.isRunning, onError: (text) => (this.failure ??= text) }));
    await this.#write(work.writers, this.steps / 2);
    await this.#ask((client) => client.call('SAVE'));
    await sleep(COOL_MS);
    await this.#ask(async (client) => {
      await dump(client).catch(() => {});
      await faultOfWide(client, []);
    });
    await this.#write(work.writers, this.steps);
  }

  async #ask(what) {
    const client = await Client.open(this.port).catch(() => null);
    if (client) await what(client);
    client?.destroy();
  }

  async #write(writers, steps) {
    const has = async (client, writer) => countOf(await readLog(client).catch(() => []), writer.c);
    for (const writer of writers) writer.limit = steps / CONNECTIONS;
    await Promise.all(writers.map((writer) => writer.run(has)));
  }
}

/* A start on what a killed server left. */
class Recovery extends Sweep {
  name = 'recovery';

  async once(control) {
    writeImage(this.left.files, this.dir);
    const victim = this.victim(control);
    victim.spawn();
    try {
      if (await victim.isReady()) {
        const client = await Client.open(this.port).catch(() => null);
        await (client && dump(client).catch(() => {}));
        client?.destroy();
        if (victim.isRunning) await victim.stop();
      }
    } finally {
      await victim.kill();
    }
    return faultOfEnd(victim.status, victim.said) ?? (await this.after(this.left.acked, this.left.writers));
  }
}

/* A command; its subclass says which, and what must hold when it says that it did it. */
class Command extends Sweep {
  async once(control) {
    await this.prepare();
    const first = await this.command(this.args(), memoryEnv(control));
    const fault = faultOfEnd(first.status, first.said) ?? (first.status === 0 ? await this.faultOfDone() : null);
    if (fault || first.status === 0) return fault;
    // once more, with memory
    const second = await this.command(this.args(true), {});
    return second.status === 0 ? this.faultOfDone() : `after "${lastOf(first.said)}" the same command ends with ${second.status}: ${lastOf(second.said)}`;
  }

  async prepare() {
    writeImage(this.left.files, this.dir);
  }

  /** { status, said, out } */
  command(args, env, program = OXQ) {
    return new Promise((resolve) => {
      const child = spawn(program, args.map(String), { env: plainEnvironment(env), stdio: ['ignore', 'pipe', 'pipe'], timeout: COMMAND_MS });
      let out = '';
      let said = '';
      child.stdout.on('data', (text) => (out += text));
      child.stderr.on('data', (text) => (said += text));
      child.once('close', (code, signal) => resolve({ status: signal ?? code, out: (this.out = out), said }));
    });
  }

  async isSound(dir) {
    const { status, out, said } = await this.command(['check', '--quiet', dir], {});
    return status === 0 ? null : `oxq check: ${lastOf(out + said)}`;
  }
}

class Check extends Command {
  name = 'check';
  args = () => ['check', '--quiet', this.dir];
  faultOfDone = async () => (/^sound$/m.test(this.out) ? null : `it says nothing: ${this.out}`);
}

class Backup extends Command {
  name = 'backup';
  args = () => ['backup', '--quiet', this.served.dir, `${this.where}/target`];
  prepare = async () => {};
  faultOfDone = () => this.isSound(`${this.where}/target`);
}

class Restore extends Command {
  name = 'restore';
  args = () => ['restore', '--quiet', this.target, `${this.where}/restored`];
  prepare = async () => {};
  faultOfDone = () => this.isSound(`${this.where}/restored`);
}

class Dump extends Command {
  name = 'dump';
  args = () => ['dump', '--quiet', '--json', '--db', 5, '--port', this.served.port];
  prepare = async () => {};
  // a hash's fields come in no order
  faultOfDone = async () => (this.out.length === this.dumped.length ? null : `it wrote ${this.out.length} characters of ${this.dumped.length} and ended with 0`);
}

class Load extends Command {
  name = 'load';
  args = (isAgain) => ['load', '--quiet', '--db', 5, '--port', this.sink.port, ...(isAgain ? ['--replace'] : []), this.file];

  prepare = async () => {
    this.client ??= await Client.open(this.sink.port);
    await this.client.call('FLUSHALL');
  };

  faultOfDone = () => faultOfWide(this.client, this.left.acked);
}

/* A program on the library, which hosts a folder itself, and what is left of it. */
class Library extends Command {
  name = 'library';

  async once(control) {
    const notes = `${this.where}/notes`;
    const live = await this.command(['live', this.dir, notes], memoryEnv(control), LIBRARY);
    const fault = faultOfEnd(live.status, live.said);
    if (fault) return fault;
    if (!existsSync(notes)) return live.status === 0 ? 'it did nothing' : null;
    const left = await this.command(['verify', this.dir, notes], {}, LIBRARY);
    return left.status === 0 ? this.isSound(this.dir) : lastOf(left.said);
  }
}

/* ---- the sweeps ---- */

/** The folder that a killed server left, with what it had acknowledged. */
async function makeLeft(options, lane) {
  const life = new Life(options, lane);
  rmSync(life.where, { recursive: true, force: true });
  mkdirSync(life.where, { recursive: true });
  const victim = life.victim();
  await victim.start();
  const client = await Client.open(lane.port);
  const acked = await makeWide(client);
  const writers = Array.from({ length: CONNECTIONS }, (_, c) => new Writer({ port: lane.port, seed: options.seed, c, depth: depthOf(c), limit: options.steps / 2 / CONNECTIONS }));
  const write = () => Promise.all(writers.map((writer) => writer.run(async () => writer.acked)));
  await write();
  await client.call('SAVE');
  for (const writer of writers) writer.limit = options.steps / CONNECTIONS;
  await write();
  client.destroy();
  await victim.kill();
  return { files: readFolder(life.dir), acked, writers };
}

/** All of them, or about so many, spread evenly; or from the first to the last of `at`. */
function choose(count, tries, random, at) {
  if (at) return Array.from({ length: at.at(-1) - at[0] + 1 }, (_, i) => at[0] + i);
  if (tries >= count) return Array.from({ length: count }, (_, i) => i + 1);
  return Array.from({ length: tries }, (_, i) => 1 + Math.floor(((i + random()) * count) / tries));
}

/** What each lane has for itself. `replay` is a client of a server on which histories are done again, `sink` is loaded into. */
async function makeLane(folder, images, number) {
  const other = await Victim.make({ kind: 'redis-forgets', dir: `${folder}/replay${number}`, log: `${folder}/replay${number}.log` });
  const sink = await Victim.make({ kind: 'oxq', dir: `${images}/sink${number}`, log: `${images}/sink${number}.log`, small: SMALL });
  await other.start();
  await sink.start();
  return { number, port: await freePort(), replay: await Client.open(other.port), sink, victims: [other, sink] };
}

/** @returns { name, faults, note } */
export async function run({ kind, folder, seed, steps, tries, triesWanted = tries, only, at }) {
  if (kind !== 'oxq') throw new Error('the part memory is for oxq alone');
  buildShims();
  const images = imagesFolder(folder);
  const served = await Victim.make({ kind, dir: `${images}/served`, log: `${images}/served.log`, small: SMALL });
  const random = rng(seed + 5);
  const lanes = [];
  const faults = [];
  const notes = [];
  try {
    for (let number = 0; number < LANES; number++) lanes.push(await makeLane(folder, images, number));
    const options = { images, seed, steps, served, target: `${images}/target`, file: `${images}/dumped` };
    options.left = await makeLeft(options, lanes[0]);
    writeImage(options.left.files, served.dir);
    await served.start();
    const helper = new Command(options);
    await helper.command(['backup', '--quiet', served.dir, options.target], {});
    options.dumped = (await helper.command(['dump', '--quiet', '--json', '--db', 5, '--port', served.port], {})).out;
    writeFileSync(options.file, options.dumped);
    if (!existsSync(options.target) || readFileSync(options.file, 'utf8').length < 1000) throw new Error('no backup and no dump to begin with');
    for (const Kind of [Life, Recovery, Check, Backup, Restore, Dump, Load, Library]) {
      const sweeps = lanes.map((lane) => new Kind(options, lane));
      if (only && !only.includes(sweeps[0].name)) continue;
      await doSweep(sweeps, { tries: triesWanted, random, at, faults, notes });
    }
  } finally {
    for (const victim of [...lanes.flatMap(({ victims }) => victims), served]) await (victim.pid && victim.kill());
    rmSync(images, { recursive: true, force: true });
  }
  return { name: 'allocations that fail', faults, note: notes.join(', ') };
}

async function doSweep(sweeps, { tries, random, at, faults, notes }) {
  const [{ name }] = sweeps;
  const { count, fault } = await sweeps[0].run();
  if (fault) return void faults.push(`${name}: nothing failed: ${fault}`);
  if (count === 0) return void faults.push(`${name}: no allocation was seen (a sanitizer build has an allocator of its own)`);
  const chosen = choose(count, tries, random, at);
  const rest = chosen.values();
  let met = 0;
  const sweepRest = async (sweep) => {
    for (const n of rest) {
      if (faults.length >= FAULTS_MAX) break;
      const lasts = n % 2 === 0;
      const outcome = await sweep.run(n, lasts);
      met += outcome.wasMet;
      if (outcome.fault) faults.push(`${name}: allocation ${n} of ${count}${lasts ? ' and all after it' : ''}: ${outcome.fault}`);
    }
  };
  await Promise.all(sweeps.map(sweepRest));
  if (met < chosen.length / 2) faults.push(`${name}: only ${met} of ${chosen.length} were met`);
  notes.push(`${name}: ${met} of ${count}`);
  // a whole sweep takes minutes
  if (chosen.length > SAID_FROM) console.log(`     ${notes.at(-1)} allocations`);
}
