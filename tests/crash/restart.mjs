// SPDX-License-Identifier: MIT
/*
 * Restarts under workers that know nothing of it, of several releases of BullMQ with their own settings. BullMQ 6.0.7 to 6.2.0
 * on ioredis stops its workers for good after six seconds without a server: a restart must be well below that. After each one every
 * worker does new jobs.
 */
import { rng } from '../support/history.mjs';
import { sleep, Victim } from '../support/victim.mjs';
import { Child, clients } from './lib/clients.mjs';

const WORKERS = [
  { label: 'BullMQ 6', module: 'bullmq' },
  { label: 'BullMQ 6 on node-redis', module: 'bullmq', driver: 'redis' },
  { label: 'BullMQ 6.2.0', module: 'bullmq62' },
  { label: 'BullMQ 5', module: 'bullmq5' },
];
const JOBS = 20;
const WORK_MS = 20_000;

/** @returns { name, faults, note } */
export async function run({ kind, folder, seed, rounds, outageMs }) {
  const random = rng(seed + 2);
  const victim = await Victim.make({ kind, dir: `${folder}/restart`, log: `${folder}/restart.log` });
  await victim.start();
  const faults = [];
  const teams = WORKERS.map((worker, i) => ({ ...worker, queue: `restart${i}`, done: 0 }));
  for (const team of teams) {
    const { queue, module, driver } = team;
    const take = ({ what }) => what === 'completed' && team.done++;
    team.child = new Child('worker.mjs', { port: victim.port, queue, module, driver, isPlain: true }, take);
    team.source = new (clients('bullmq').Queue)(queue, { connection: { host: '127.0.0.1', port: victim.port } });
    team.source.on('error', () => {});
  }
  try {
    await Promise.all(teams.map((team) => team.child.ready));
    for (let round = 0; round <= rounds && faults.length === 0; round++) {
      if (round > 0) await restart(victim, round, random() * outageMs, faults);
      await Promise.all(teams.map((team) => work(team, (round + 1) * JOBS, round, faults)));
    }
  } catch (error) {
    faults.push(error.stack);
  } finally {
    await Promise.all(teams.flatMap((team) => [team.child.stop(), team.source.close().catch(() => {})]));
    await victim.kill();
  }
  return { name: 'workers of several releases after restarts', faults, note: `${rounds} restarts, ${teams.map((team) => `${team.label}: ${team.done}`).join(', ')}` };
}

/* Every other one is a polite end. */
async function restart(victim, round, outageMs, faults) {
  if (round % 2) await victim.kill();
  else if ((await victim.stop()) !== 0) faults.push(`it ended with ${victim.status} on SIGTERM`);
  await sleep(outageMs);
  await victim.start();
}

async function work(team, total, round, faults) {
  await team.source.addBulk(Array.from({ length: JOBS }, (_, i) => ({ name: 'ok', data: { kind: 'ok', i } })));
  for (const deadline = Date.now() + WORK_MS; team.done < total; await sleep(20)) {
    if (Date.now() > deadline) return faults.push(`${team.label}: ${team.done} of ${total} jobs are done after restart ${round}`);
  }
}
