// SPDX-License-Identifier: MIT
/*
 * BullMQ under kills: a producer process adds jobs of every kind, two worker processes work on them, and this process keeps
 * what they were answered (the ledger). When the killing ends the workers finish alone, and the data must agree with the ledger:
 * nothing acknowledged is lost, nothing ran after its acknowledged end, every job is in exactly one state.
 */
import { rng } from '../support/history.mjs';
import { sleep, Victim } from '../support/victim.mjs';
import { Child, clients } from './lib/clients.mjs';
import { killAgainAndAgain } from './lib/killer.mjs';

const QUEUE = 'crash';
const FINISH_MS = 120_000;
const LISTS = ['wait', 'active', 'paused'];
const SORTED = ['delayed', 'prioritized', 'completed', 'failed', 'waiting-children'];

class Ledger {
  faults = [];
  refusals = [];
  counts = {};
  parents = new Map();
  #jobs = new Map();

  job(id) {
    if (!this.#jobs.has(id)) this.#jobs.set(id, { id, progress: 0, attempts: 0 });
    return this.#jobs.get(id);
  }

  get jobs() {
    return [...this.#jobs.values()];
  }

  take = (report) => {
    this.counts[report.what] = (this.counts[report.what] ?? 0) + (report.ids?.length ?? 1);
    this[`on_${report.what}`]?.(report);
  };

  on_added({ ids, parent, children }) {
    for (const id of ids) this.job(id).isAdded = true;
    if (parent) this.parents.set(parent, children);
  }

  on_adding({ ids }) {
    for (const id of ids) this.job(id);
  }

  on_removing({ id }) {
    this.job(id).isRemoving = true;
  }

  on_removed({ id }) {
    this.job(id).isRemoved = true;
  }

  on_start({ id, fetchedOn, stalled }) {
    const job = this.job(id);
    job.fetches = [...(job.fetches ?? []), { fetchedOn, stalled }];
  }

  on_progress({ id, step }) {
    this.job(id).progress = Math.max(this.job(id).progress, step);
  }

  on_completed(report) {
    this.#end(report, 'completed');
  }

  on_failed(report) {
    this.#end(report, 'failed');
    this.on_retried(report);
  }

  on_retried({ id, attempts }) {
    this.job(id).attempts = Math.max(this.job(id).attempts, attempts);
  }

  on_refused({ text }) {
    this.refusals.push(text);
  }

  #end({ id, finishedOn, toldOn }, state) {
    const job = this.job(id);
    if (job.state) this.faults.push(`job ${id} was acknowledged as ${job.state} and then as ${state}`);
    Object.assign(job, { state, finishedOn, toldOn });
  }
}

/** @returns { name, faults, note } */
export async function run({ kind, folder, seed, kills, killsWanted, between }) {
  const victim = await Victim.make({ kind, dir: `${folder}/bull`, log: `${folder}/bull.log` });
  await victim.start();
  const ledger = new Ledger();
  const common = { port: victim.port, queue: QUEUE };
  const producer = new Child('producer.mjs', { ...common, seed }, ledger.take);
  const workers = [1, 2].map(() => new Child('worker.mjs', { ...common, retryMs: 30 }, ledger.take));
  const redis = new (clients('ioredis').Redis)(victim.port, { maxRetriesPerRequest: null });
  redis.on('error', () => {});
  try {
    await Promise.all([producer, ...workers].map((child) => child.ready));
    await killAgainAndAgain(victim, { random: rng(seed + 1), kills: killsWanted ?? kills, between });
    await heardAll(ledger);
    await producer.stop();
    await finished(redis);
    await Promise.all(workers.map((worker) => worker.stop()));
    await compare(redis, ledger);
  } catch (error) {
    ledger.faults.push(error.stack);
  } finally {
    redis.disconnect();
    await Promise.all([producer, ...workers].map((child) => child.stop()));
    await victim.kill();
  }
  const unsound = victim.faultOfFolder();
  if (unsound) ledger.faults.push(unsound);
  const { added = 0, completed = 0, failed = 0, removed = 0, retried = 0, progress = 0 } = ledger.counts;
  const note = `acknowledged: ${added} added, ${completed} completed, ${failed} failed, ${retried} retries, ${progress} progress, ${removed} removed; ${victim.starts} starts, ${ledger.refusals.length} refusals`;
  return { name: 'BullMQ clients', faults: ledger.faults, note };
}

/** Until each kind of answer has come: on a slow machine that may be after the last kill. */
async function heardAll({ counts }) {
  const kinds = ['completed', 'failed', 'removed', 'progress'];
  for (const deadline = Date.now() + FINISH_MS; !kinds.every((kind) => counts[kind] > 0); await sleep(50)) {
    if (Date.now() > deadline) throw new Error(`a kind of answer never came: the load did nothing: ${JSON.stringify(counts)}`);
  }
}

const key = (rest) => `bull:${QUEUE}:${rest}`;

/** Until nothing waits but what is delayed for an hour. */
async function finished(redis) {
  const deadline = Date.now() + FINISH_MS;
  for (;;) {
    const soon = `(${(Date.now() + 1_800_000) * 4096}`;
    const counts = await Promise.all([
      ...LISTS.map((name) => redis.llen(key(name))),
      redis.zcard(key('prioritized')),
      redis.zcard(key('waiting-children')),
      redis.zcount(key('delayed'), '-inf', soon),
    ]);
    if (counts.every((count) => count === 0)) return;
    if (Date.now() > deadline) throw new Error(`the workers did not finish: wait, active, paused, prioritized, waiting-children, delayed: ${counts}`);
    await sleep(50);
  }
}

/** Each job's state: { id: [states] }. */
async function readStates(redis) {
  const states = new Map();
  const put = (name) => (id) => states.set(id, [...(states.get(id) ?? []), name]);
  for (const name of LISTS) (await redis.lrange(key(name), 0, -1)).filter((id) => !id.startsWith('0:')).forEach(put(name));
  for (const name of SORTED) (await redis.zrange(key(name), 0, -1)).forEach(put(name));
  return states;
}

async function compare(redis, ledger) {
  const states = await readStates(redis);
  const fault = (text) => ledger.faults.push(text);
  for (const job of ledger.jobs) {
    const hash = await redis.hgetall(key(job.id));
    const where = states.get(job.id) ?? [];
    const exists = Object.keys(hash).length > 0;
    for (const text of faultsOf(job, hash, where, exists)) fault(text);
  }
  const known = new Set(ledger.jobs.map((job) => job.id));
  for (const id of states.keys()) if (!known.has(id)) fault(`job ${id} is in the data and nobody added it`);
  for (const [parent, children] of ledger.parents) {
    const processed = await redis.hkeys(key(`${parent}:processed`));
    const missing = children.filter((id) => !processed.includes(key(id)));
    if (missing.length) fault(`parent ${parent} has not the results of ${missing}`);
    if ((await redis.scard(key(`${parent}:dependencies`))) > 0) fault(`parent ${parent} still waits for children`);
  }
}

function* faultsOf(job, hash, where, exists) {
  const { id } = job;
  if (job.isRemoved && (exists || where.length)) yield `job ${id}: its removal was acknowledged, and it is there (${where})`;
  if (job.isAdded && !job.isRemoving && !exists) yield `job ${id}: its add was acknowledged, and it is not there`;
  if (exists && where.length !== 1) yield `job ${id} is in ${where.length} states: ${where}`;
  if (!exists && where.length) yield `job ${id} has no data and is in ${where}`;
  if (job.state && where[0] !== job.state) yield `job ${id} was acknowledged as ${job.state} and is ${where[0]}`;
  // a worker may begin late with what it fetched, and somebody else have ended it: the lock was lost, and its own end will be refused
  const again = job.state && job.fetches?.find(({ fetchedOn }) => fetchedOn > job.toldOn);
  if (again) yield `job ${id} was fetched again after it was acknowledged as ${job.state}: ${JSON.stringify(job)}`;
  if (job.state && exists && Number(hash.finishedOn) !== job.finishedOn) yield `job ${id} was acknowledged as ${job.state} at ${job.finishedOn}, in the data that is at ${hash.finishedOn}: ${JSON.stringify(job)}`;
  if (!exists) return;
  const state = where[0];
  const right = { bad: 'failed', gone: 'delayed' }[hash.name] ?? 'completed';
  if (state !== right) yield `job ${id} (${hash.name}) is ${state}`;
  if (state === 'completed' && hash.returnvalue !== JSON.stringify(`did ${id}`)) yield `job ${id} returned ${hash.returnvalue}`;
  if (state === 'failed' && hash.failedReason !== `no luck with ${id}`) yield `job ${id} failed with ${hash.failedReason}`;
  if (right !== 'delayed' && !hash.finishedOn) yield `job ${id} is ${state} and has no finishedOn`;
  if (Number(hash.progress ?? 0) < job.progress) yield `job ${id}: progress ${job.progress} was acknowledged, it has ${hash.progress}`;
  if (Number(hash.atm ?? hash.attemptsMade ?? 0) < job.attempts) yield `job ${id}: ${job.attempts} failures were acknowledged, it has ${hash.atm}`;
}
