// SPDX-License-Identifier: MIT
/** Cases written by hand, for what chance brings too seldom. They are played before the others. */

const START = Date.UTC(2026, 0, 1);

const job = (jobId, opts = {}) => ({ name: 'n', data: {}, opts: { ...(jobId && { jobId }), ...opts } });
const add = (queue, ...jobs) => ({ op: 'add', args: { queue, jobs } });
const fetch = (queue) => ({ op: 'bullmq:fetch', args: { queue } });
const finish = (queue, id) => ({ op: 'bullmq:finish', args: { queue, id, ok: true, value: 1 } });
const child = (jobId) => ({ queueName: 'a', name: 'child', data: {}, opts: { jobId } });
const flow = (jobId, children) => ({ op: 'flow', args: { queue: 'a', flows: [{ queueName: 'b', name: 'root', data: {}, opts: { jobId }, children }] } });
const de = (more) => ({ deduplication: { id: 'd1', ...more } });

const slot = (n) => `repeat:s:${START + 1000 * n}`;
const upsert = (every) => ({ op: 'upsert_scheduler', args: { queue: 'a', id: 's', repeat: { every }, template: {} } });
const begin = { op: 'begin_run', args: { queue: 'a' } };
const take = (queue, token) => ({ op: 'fetch', args: { queue, token, lock: 30_000, count: 1 } });
const fail = (queue, token, id) => ({
  op: 'finish',
  args: { queue, token, lock: 30_000, count: 0, job: { id, token, opts: {}, stacktrace: '[]', attemptsMade: 0, failed: true, error: 'no', stack: 'Error: no\n    at somewhere', isFinal: true, backoff: 0 } },
});
const sweep = (queue) => ({ op: 'sweep', args: { queue, interval: 30_000, max: 0 } });
const sweepAgain = (queue) => ({ op: 'sweep:again', args: { queue } });
const loseLock = (queue, id) => ({ op: 'lock:lose', args: { queue, id } });
const failing = (jobId, mode) => ({ ...child(jobId), opts: { jobId, [mode]: true } });

const scenarios = {
  'a run that is there already is not added': [upsert(4000), add('a', job(slot(4), { delay: 9000 })), begin],
  'a scheduler passes over times that are taken': [add('a', ...[0, 1, 2, 3].map((n) => job(slot(n)))), upsert(1000), begin],
  'a scheduler gives up when all its next times are taken': [add('a', ...Array.from({ length: 40 }, (_, n) => job(slot(n)))), upsert(1000)],
  'a pattern whose next time is taken is refused': [
    add('a', job(slot(60))), { op: 'upsert_scheduler', args: { queue: 'a', id: 's', repeat: { pattern: '* * * * *' }, template: {} } },
  ],

  'a flow whose only child has completed runs': [add('a', job('z')), fetch('a'), finish('a', 'z'), flow('f1', [child('z')])],
  'a flow with a child that has another parent does not run': [
    add('a', job('z')), fetch('a'), finish('a', 'z'),
    add('a', job('p1')), add('a', job('y', { parent: { id: 'p1', queue: 'bull:a' } })),
    flow('f1', [child('y'), child('z')]),
  ],
  'a child that waits is not enough, whatever has completed': [
    add('a', job('z')), fetch('a'), finish('a', 'z'), flow('f1', [child('z'), child('new')]),
  ],
  'a child whose parent is gone gets another': [
    add('a', job('p1')), add('a', job('y', { parent: { id: 'p1', queue: 'bull:a' } })), { op: 'lose', args: { queue: 'a', id: 'p1' } },
    add('a', job('p2')), add('a', job('y', { parent: { id: 'p2', queue: 'bull:a' } })),
  ],
  'draining frees the parents of delayed jobs before those of prioritized ones': [
    { op: 'flow', args: { queue: 'a', flows: [
      { queueName: 'b', name: 'root', data: {}, opts: { jobId: 'f1' }, children: [{ ...child('f2'), opts: { jobId: 'f2', priority: 1 } }] },
      { queueName: 'b', name: 'root', data: {}, opts: { jobId: 'f3' }, children: [{ ...child('f4'), opts: { jobId: 'f4', delay: 5000 } }] },
    ] } },
    { op: 'drain', args: { queue: 'a', delayed: true } },
  ],
  'a job that is replaced takes with it what waited for it': [
    add('a', job('', de({ keepLastIfActive: true }))), fetch('a'), add('a', job('', de({ keepLastIfActive: true }))),
    { op: 'bullmq:delay', args: { queue: 'a', id: '1' } }, add('a', job('', { ...de({ replace: true }), delay: 5000 })),
  ],
  'a failure goes up a tree as far as it is told to': [
    { op: 'flow', args: { queue: 'a', flows: [{ queueName: 'a', name: 'top', data: {}, opts: { jobId: 'f1' }, children: [
      { ...failing('f2', 'failParentOnFailure'), children: [failing('f3', 'failParentOnFailure')] }, child('f4'),
    ] }] } },
    take('a', 't'), take('a', 't'), fail('a', 't', 'f3'), fail('a', 't', 'f4'), take('a', 't'), fail('a', 't', 'f2'), take('a', 't'), fail('a', 't', 'f1'),
  ],
  'a job that stalls too often is failed by who takes it': [
    add('a', job('z')), take('a', 't'), sweep('a'), loseLock('a', 'z'), sweepAgain('a'), sweep('a'), take('a', 't'), fail('a', 't', 'z'),
  ],
};

export const cases = Object.entries(scenarios).map(([name, steps]) => ({
  name,
  steps: steps.map((step, i) => ({ ...step, now: START + 1000 * i })),
}));
