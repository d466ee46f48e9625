// SPDX-License-Identifier: MIT
/* Kills a server at seeded random moments, under load, in checkpoints and while it starts, and starts it again. */
import { Client } from '../../protocol/lib/client.mjs';
import { sleep } from '../../support/victim.mjs';

/** options: random, kills, between: [ms, ms] of serving between two kills. */
export async function killAgainAndAgain(victim, { random, kills, between }) {
  const within = ([from, to]) => from + random() * (to - from);
  for (let done = 0; done < kills; ) {
    await sleep(within(between));
    if (random() < 0.3) await askForCheckpoint(victim.port, within([0, 40]));
    await killRunning(victim);
    done++;
    await sleep(random() < 0.5 ? 0 : within([0, 150]));
    victim.spawn();
    while (done < kills && random() < 0.3) {
      await sleep(within([1, 60]));
      await killRunning(victim);
      done++;
      victim.spawn();
    }
    if (!(await victim.isReady())) throw new Error(`it did not come back (${victim.status ?? 'it runs'}):\n${victim.said}`);
  }
}

/** SIGKILL to one that must be at work. */
export async function killRunning(victim) {
  if (!victim.isRunning) throw new Error(`it ended by itself (${victim.status}):\n${victim.said}`);
  await victim.kill();
}

async function askForCheckpoint(port, ms) {
  const client = await Client.open(port).catch(() => null);
  client?.send(['BGSAVE']);
  await sleep(ms);
  client?.destroy();
}
