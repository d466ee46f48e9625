// SPDX-License-Identifier: MIT
/*
 * Restarts under workers that know nothing of it, of several releases of BullMQ with their own settings of connections. BullMQ 6.0.7 to 6.2.0
 * on ioredis can stop its workers for good when the server is away for longer than a second, and does so after six (a watchdog gives up the
 * command that waits for jobs, and the second attempt to connect with it): a restart must be below that, and a replay that takes longer must
 * look like a server. After each restart, which comes in the middle of work, every worker finishes what there was and does new jobs.
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
  { label: 'BullMQ 6.2.0', module: 'bullmq62', awayMaxMs: 900 },
  { label: 'BullMQ 6.0.7', module: 'bullmq60', awayMaxMs: 900 },
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
  const longest = { awayMs: 0, replayMs: 0 };
  try {
    await Promise.all(teams.map((team) => team.child.ready));
    for (let round = 0; round < rounds; round++) await restartInWork(teams, () => restart(victim, round, { outageMs: random() * outageMs, longest, faults }), `restart ${round}`, longest);
    if (kind === 'oxq') await restartInWork(teams, () => restartSlowly(victim, longest), 'the slow replay', longest);
    if (kind === 'oxq' && longest.replayMs < REPLAY_MS) faults.push(`the replay that should have been slow took ${longest.replayMs} ms`);
  } catch (error) {
    faults.push(error.message);
  } finally {
    await Promise.all(teams.flatMap((team) => [team.child.stop(), team.source.close().catch(() => {})]));
    await victim.kill();
  }
  const done = teams.map((team) => `${team.label}: ${team.isLost ? 'lost, as it may be' : team.done}`).join(', ');
  return { name: 'workers of several releases after restarts', faults, note: `${rounds} restarts, away for ${longest.awayMs} ms at most, and a replay of ${longest.replayMs} ms, ${done}` };
}

function makeTeam({ label, module, driver, awayMaxMs = Infinity }, port, queue) {
  const child = new Child('worker.mjs', { port, queue, module, driver }, () => {});
  const source = new (clients('bullmq').Queue)(queue, { connection: { host: '127.0.0.1', port } });
  source.on('error', () => {}); // connections end: that is the test
  return { label, port, queue, driver, child, source, awayMaxMs, added: 0, done: 0 };
}

/* Jobs are added right before the restart and after it, and all of them are done. */
async function restartInWork(teams, restarting, what, longest) {
  await Promise.all(teams.map(add));
  await restarting();
  await Promise.all(teams.map(add));
  await Promise.all(teams.map((team) => finish(team, what, longest)));
}

/* node-redis tells BullMQ of the lost connection, which then counts that as a failure of the job. */
async function add(team) {
  await team.source.addBulk(Array.from({ length: JOBS }, (_, i) => ({ name: 'ok', data: { kind: 'ok', i }, opts: { attempts: 100 } })));
  team.added += JOBS;
}

/* On a machine so slow that the server was away for too long, a worker that does not survive that proves nothing. */
async function finish(team, what, longest) {
  for (const deadline = Date.now() + WORK_MS; !team.isLost; await sleep(50)) {
    team.done = await team.source.getCompletedCount();
    if (team.done >= team.added) return;
    if (Date.now() <= deadline) continue;
    if (longest.awayMs > team.awayMaxMs || (await asksNoMore(team))) return void (team.isLost = true);
    throw new Error(`${team.label}: ${team.done} of ${team.added} jobs are done after ${what}; ${JSON.stringify(await team.source.getJobCounts())}`);
  }
}

/*
 * After two restarts in a row BullMQ on node-redis now and then has a connection that is ready, and never sends its next BZPOPMIN: the server has
 * answered all that came, which is its name and its version, and nothing follows.
 */
async function asksNoMore({ driver, port, queue }) {
  if (driver !== 'redis') return false;
  const client = await Client.open(port);
  const { text } = await client.call('CLIENT', 'LIST');
  client.destroy();
  const mine = text.split('\n').find((line) => line.includes(` name=bull:${Buffer.from(queue).toString('base64')} `));
  return /\bcmd=client\|setinfo\b/.test(mine) && / qbuf=0 .* omem=0 /.test(mine) && Number(/ idle=(\d+)/.exec(mine)[1]) * 2000 > WORK_MS;
}

/* Every other one is a polite end. */
async function restart(victim, round, { outageMs, longest, faults }) {
  const from = Date.now();
  if (round % 2 === 0) await killRunning(victim);
  else if ((await victim.stop()) !== 0) faults.push(`it ended with ${victim.status} on SIGTERM`);
  await sleep(outageMs);
  await startAgain(victim, from, longest);
}

async function startAgain(victim, from, longest) {
  await victim.start();
  longest.awayMs = Math.max(longest.awayMs, victim.acceptedAt - from);
}

async function restartSlowly(victim, longest) {
  buildShims();
  let from = Date.now();
  await killRunning(victim);
  victim.small = UNSAVED;
  await startAgain(victim, from, longest);
  const client = await Client.open(victim.port);
  const bytes = 'x'.repeat(SLOW.segmentBytes - 4096);
  for (let i = 0; i < SLOW.segments; i++) await client.call('SET', 'ballast', bytes);
  client.destroy();
  from = Date.now();
  await killRunning(victim);
  victim.env = shimEnv({ dir: victim.dir, readUs: SLOW.readUs });
  await startAgain(victim, from, longest);
  longest.replayMs = Date.now() - victim.acceptedAt;
}
