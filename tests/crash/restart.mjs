// SPDX-License-Identifier: MIT
/*
 * Restarts under workers that know nothing of it, of several releases of BullMQ with their own settings of connections. BullMQ 6.0.7 to 6.2.0
 * on ioredis stops its workers for good after six seconds without a server: a restart must be well below that, and a replay that
 * takes longer must look like a server. After each restart, which comes in the middle of work, every worker finishes what there was and does new jobs.
 */
import { buildShims, shimEnv } from '../fault/lib/trace.mjs';
import { Client } from '../protocol/lib/client.mjs';
import { rng } from '../support/history.mjs';
import { sleep, Victim } from '../support/victim.mjs';
import { Child, clients } from './lib/clients.mjs';
import { killRunning } from './lib/killer.mjs';

const WORKERS = [
  { label: 'BullMQ 6', module: 'bullmq' },
  { label: 'BullMQ 6 on node-redis', module: 'bullmq', driver: 'redis' },
  { label: 'BullMQ 6.2.0', module: 'bullmq62' },
  { label: 'BullMQ 6.0.7', module: 'bullmq60' },
  { label: 'BullMQ 5', module: 'bullmq5' },
];
const JOBS = 50;
const WORK_MS = 60_000;
/* Longer than those workers would wait for a server; each read of the journal takes this long, one for each segment. */
const REPLAY_MS = 6000;
const SLOW = { readUs: 120_000, segments: 60, segmentBytes: 64 * 1024 };
/* All of the journal is there to be replayed. */
const UNSAVED = { 'journal-segment-size': '64kb', 'checkpoint-journal-size': '1gb', 'checkpoint-interval': '0' };

/** @returns { name, faults, note } */
export async function run({ kind, folder, seed, rounds, outageMs }) {
  const random = rng(seed + 2);
  const victim = await Victim.make({ kind, dir: `${folder}/restart`, log: `${folder}/restart.log` });
  await victim.start();
  const faults = [];
  const teams = WORKERS.map((worker, i) => makeTeam(worker, victim.port, `restart${i}`));
  let replayMs = 0;
  try {
    await Promise.all(teams.map((team) => team.child.ready));
    for (let round = 0; round < rounds; round++) await restartInWork(teams, () => restart(victim, round, random() * outageMs, faults), `restart ${round}`);
    if (kind === 'oxq') await restartInWork(teams, async () => (replayMs = await restartSlowly(victim)), 'the slow replay');
    if (kind === 'oxq' && replayMs < REPLAY_MS) faults.push(`the replay that should have been slow took ${replayMs} ms`);
  } catch (error) {
    faults.push(error.message);
  } finally {
    await Promise.all(teams.flatMap((team) => [team.child.stop(), team.source.close().catch(() => {})]));
    await victim.kill();
  }
  const done = teams.map((team) => `${team.label}: ${team.done}`).join(', ');
  return { name: 'workers of several releases after restarts', faults, note: `${rounds} restarts and a replay of ${replayMs} ms, ${done}` };
}

function makeTeam({ label, module, driver }, port, queue) {
  const child = new Child('worker.mjs', { port, queue, module, driver }, () => {});
  const source = new (clients('bullmq').Queue)(queue, { connection: { host: '127.0.0.1', port } });
  source.on('error', () => {}); // connections end: that is the test
  return { label, child, source, added: 0, done: 0 };
}

/* Jobs are added right before the restart and after it, and all of them are done. */
async function restartInWork(teams, restarting, what) {
  await Promise.all(teams.map(add));
  await restarting();
  await Promise.all(teams.map(add));
  await Promise.all(teams.map((team) => finish(team, what)));
}

/* node-redis tells BullMQ of the lost connection, which then counts that as a failure of the job. */
async function add(team) {
  await team.source.addBulk(Array.from({ length: JOBS }, (_, i) => ({ name: 'ok', data: { kind: 'ok', i }, opts: { attempts: 100 } })));
  team.added += JOBS;
}

async function finish(team, what) {
  for (const deadline = Date.now() + WORK_MS; ; await sleep(50)) {
    team.done = await team.source.getCompletedCount();
    if (team.done >= team.added) return;
    if (Date.now() > deadline) throw new Error(`${team.label}: ${team.done} of ${team.added} jobs are done after ${what}; ${JSON.stringify(await team.source.getJobCounts())}`);
  }
}

/* Every other one is a polite end. */
async function restart(victim, round, outageMs, faults) {
  if (round % 2 === 0) await killRunning(victim);
  else if ((await victim.stop()) !== 0) faults.push(`it ended with ${victim.status} on SIGTERM`);
  await sleep(outageMs);
  await victim.start();
}

/* How long the replay took. */
async function restartSlowly(victim) {
  buildShims();
  await victim.kill();
  victim.small = UNSAVED;
  await victim.start();
  const client = await Client.open(victim.port);
  const bytes = 'x'.repeat(SLOW.segmentBytes - 4096);
  for (let i = 0; i < SLOW.segments; i++) await client.call('SET', 'ballast', bytes);
  client.destroy();
  await victim.kill();
  victim.env = shimEnv({ dir: victim.dir, readUs: SLOW.readUs });
  const from = Date.now();
  await victim.start();
  return Date.now() - from;
}
