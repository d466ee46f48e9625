// SPDX-License-Identifier: MIT
/*
 * Many jobs added by an unmodified producer while the server is killed and started again every second. Not one that was
 * acknowledged may be missing, and the worker finishes all of them without help. A command that the client sends again after a lost
 * connection may have made a second job with the same number: that is the client's doing, and it is finished as well.
 */
import { sleep, Victim } from '../support/victim.mjs';
import { Child, clients } from './lib/clients.mjs';
import { killRunning } from './lib/killer.mjs';

const QUEUE = 'volume';
const EVERY_MS = 1000;
const FINISH_MS = 120_000;

/** @returns { name, faults, note } */
export async function run({ kind, folder, jobs }) {
  const victim = await Victim.make({ kind, dir: `${folder}/volume`, log: `${folder}/volume.log` });
  await victim.start();
  const acked = new Map();
  let isIdle = false;
  const take = (report) => {
    if (report.what === 'added') acked.set(report.id, report.n);
    if (report.what === 'idle') isIdle = true;
  };
  const common = { port: victim.port, queue: QUEUE };
  const adder = new Child('adder.mjs', { ...common, jobs }, take);
  const worker = new Child('worker.mjs', { ...common, concurrency: 50 }, () => {});
  const faults = [];
  try {
    await Promise.all([adder.ready, worker.ready]);
    const limit = Date.now() + jobs * 10 + 60_000;
    while (!isIdle) {
      await sleep(EVERY_MS);
      await killRunning(victim);
      await victim.start();
      if (Date.now() > limit) throw new Error(`the producer added ${acked.size} of ${jobs} jobs and came no further`);
    }
    faults.push(...(await faultsOf(victim, acked, jobs)));
  } catch (error) {
    faults.push(error.stack);
  } finally {
    await Promise.all([adder.stop(), worker.stop()]);
    await victim.kill();
  }
  const unsound = victim.faultOfFolder();
  if (unsound) faults.push(unsound);
  return { name: 'jobs added while the server is killed every second', faults, note: `${acked.size} jobs, ${victim.starts - 1} kills` };
}

async function faultsOf(victim, acked, jobs) {
  const redis = new (clients('ioredis').Redis)(victim.port, { maxRetriesPerRequest: null });
  redis.on('error', () => {});
  try {
    const key = (name) => `bull:${QUEUE}:${name}`;
    for (const deadline = Date.now() + FINISH_MS; ; await sleep(100)) {
      const [wait, active] = [await redis.llen(key('wait')), await redis.llen(key('active'))];
      if (wait + active === 0) break;
      if (Date.now() > deadline) return [`the worker did not finish: ${wait} wait, ${active} are active`];
    }
    const completed = new Set(await redis.zrange(key('completed'), 0, -1));
    const faults = [...acked.keys()].filter((id) => !completed.has(id)).map((id) => `job ${id} was acknowledged and is missing`);
    if (new Set(acked.values()).size !== jobs) faults.push(`${acked.size} of ${jobs} jobs were acknowledged`);
    return faults;
  } finally {
    redis.disconnect();
  }
}
