// SPDX-License-Identifier: MIT
/*
 * Many processes on one folder. Whoever hosts it is killed each second, be it a worker or the producer, while jobs are added: each job that was
 * acknowledged must be completed, none may fail, and none may come from nowhere.
 */
import { ask, check, equal, sleep, test, until } from '../daemon/lib/kit.mjs';
import { BULLS, Node, startPeer } from './lib/sides.mjs';

const isLong = Boolean(process.env.OXQ_INTEROP_LONG);
const JOBS = isLong ? 100_000 : 1_000_000;
const SPAN_MS = isLong ? 3_600_000 : 8_000;
const END_MS = isLong ? 600_000 : 100_000;
const ACKED_MIN = 100;
const KILL_EVERY_MS = 1000;
/* So long a host serves in any case, however long it loaded. */
const SERVES_MIN_MS = 500;
const WORKERS = 4;

/** The process that serves the folder, once there is one that has loaded it. */
async function findHost(t, socket) {
  return until('somebody hosts the folder', async () => {
    const client = await t.connectUnix(socket).catch(() => null);
    const info = await client?.call('INFO').catch(() => null);
    client?.destroy();
    /* INFO is answered while the data are loaded: a host that is killed in the middle of that again and again gets nowhere. There is
     * async_loading too. */
    return /^loading:0/m.test(info?.text ?? '') && Number(/process_id:(\d+)/.exec(info.text)?.[1]);
  });
}

/** A producer that is started anew where it was when it is killed. */
class Feed {
  acked = 0;

  constructor(t, url) {
    Object.assign(this, { t, url });
    this.start();
  }

  start() {
    this.peer = startPeer(this.t, this.url, 'feed', 'q', this.acked + 1, JOBS);
  }

  /** What was acknowledged so far; in order, so that the last one tells. */
  count() {
    const whole = this.peer.stdout.slice(0, this.peer.stdout.lastIndexOf('\n') + 1);
    const last = whole.trimEnd().split('\n').at(-1);
    if (last) this.acked = Math.max(this.acked, Number(last.slice('j-'.length)));
    return this.acked;
  }
}

test(`${WORKERS} processes work on a folder whose host is killed each second: no acknowledged job is lost`, async (t) => {
  const url = `file:${t.path('jobs')}`;
  const socket = t.path('jobs/oxq.sock');
  const startWorker = () => startPeer(t, url, 'work', 'q', 2);
  const workers = Array.from({ length: WORKERS }, startWorker);
  const feed = new Feed(t, url);
  const from = Date.now();
  const killed = { workers: 0, producers: 0 };
  let killedAt = from;
  /* Where the disk is slow, longer. */
  const isEnough = () => killed.workers >= 1 && feed.count() >= ACKED_MIN && Date.now() - from >= SPAN_MS;
  while (!isEnough() && feed.count() < JOBS) {
    await findHost(t, socket);
    await sleep(Math.max(SERVES_MIN_MS, killedAt + KILL_EVERY_MS - Date.now()));
    const host = await findHost(t, socket);
    const at = workers.findIndex((worker) => worker.child.pid === host);
    const victim = at >= 0 ? workers[at] : feed.peer;
    check(victim.child.pid === host, 'the host is one of ours', host);
    if (victim.status !== undefined) continue;
    killedAt = Date.now();
    victim.kill();
    await victim.ended;
    killed[at >= 0 ? 'workers' : 'producers']++;
    if (at >= 0) {
      workers[at] = startWorker();
    } else if (feed.count() < JOBS) {
      /* So that a worker is the next host. */
      await findHost(t, socket);
      feed.start();
    }
  }
  feed.peer.kill();
  await feed.peer.ended;
  const acked = feed.count();
  const node = new Node(BULLS['BullMQ 6'], { path: socket });
  try {
    await findHost(t, socket);
    const queue = node.queue('q');
    const counts = () => queue.getJobCounts('completed', 'failed', 'active', 'waiting', 'delayed');
    const idle = async () => {
      const now = await counts().catch(() => ({ waiting: 1 }));
      return now.active + now.waiting + now.delayed === 0 && now;
    };
    const end = await until('all jobs have ended', idle, END_MS).catch(async (error) => check(false, error.message, acked, await counts()));
    equal(end.failed, 0, 'none failed');
    check(end.completed === acked || end.completed === acked + 1, 'the acknowledged ones are completed, and at most the one under way', acked, end);
    const reply = await ask(await t.connectUnix(socket), 'ZRANGE', queue.toKey('completed'), 0, -1);
    const ids = new Set(reply.items.map((item) => item.text));
    for (let i = 1; i <= acked; i++) check(ids.has(`j-${i}`), `j-${i} is completed`);
    check(killed.workers >= 1 && acked >= ACKED_MIN, 'it was a load, and hosts were killed', killed, acked);
    console.log(`${acked} jobs in ${((Date.now() - from) / 1000).toFixed(0)} s; hosts killed: ${killed.workers} workers, ${killed.producers} producers`);
  } finally {
    await node.close();
  }
  for (const worker of workers) equal(await worker.stop(), 0, 'a worker ends when told to');
}, isLong ? 4_200_000 : undefined);
