// SPDX-License-Identifier: MIT
/* One queue, C on one side and BullMQ in Node on the other, in all directions. */
import { check, equal, test, until } from '../daemon/lib/kit.mjs';
import { BULLS, Node, Redis, STORES, running, seenByC, told } from './lib/sides.mjs';

const TESTS = {
  'a C producer and a Node worker': async (t, { url, node }) => {
    const seen = [];
    const add = (...words) => told(t, url, 'add', 'q', ...words);
    const ids = [await add('hello', '{"to":"Zoë","n":[1,2.5,null]}'), await add('later', '{}', 'delay=300'), await add('low', '{}', 'priority=9')];
    ids.push(await add('high', '{}', 'priority=1'), await add('again', '{}', 'attempts=3', 'backoff=10'), await add('named', '{}', 'id=mine'));
    equal(ids.at(-1), 'mine');
    node.worker('q', async (job) => {
      seen.push(job.name);
      if (job.name === 'hello') equal(job.data, { to: 'Zoë', n: [1, 2.5, null] });
      if (job.name === 'again' && job.attemptsMade < 2) throw new Error(`attempt ${job.attemptsMade} of Node`);
      await job.log('a line of Node');
      await job.updateProgress(42);
      return { by: 'Node' };
    });
    for (const id of ids) equal(await told(t, url, 'wait', 'q', id), 'completed {"by":"Node"}');
    check(seen.indexOf('high') < seen.indexOf('low'), 'priority 1 comes before 9', seen);
    const again = await seenByC(t, url, 'q', ids[4]);
    equal([again.state, again.attempts, again.failure, again.log, again.progress], ['completed', '3', 'attempt 1 of Node', 'a line of Node', '42']);
  },

  'a Node producer and a C worker': async (t, { url, node }) => {
    const queue = node.queue('q');
    const added = Date.now();
    const jobs = {
      hello: await queue.add('hello', { to: 'Zoë', n: [1, 2.5, null] }),
      later: await queue.add('later', {}, { delay: 300 }),
      fail: await queue.add('fail', { until: 2 }, { attempts: 3, backoff: { type: 'exponential', delay: 10 } }),
      fails: await queue.add('fail', { until: 9 }, { attempts: 2 }),
      fatal: await queue.add('fatal', {}, { attempts: 5 }),
      low: await queue.add('low', {}, { priority: 9 }),
      high: await queue.add('high', {}, { priority: 1 }),
      gone: await queue.add('gone', {}, { removeOnComplete: true }),
    };
    await running(t, url, 'work', 'q', 1);
    await until('all are done', async () => {
      const counts = await queue.getJobCounts('completed', 'failed');
      return counts.completed === 5 && counts.failed === 2;
    });
    const got = {};
    for (const [name, job] of Object.entries(jobs)) got[name] = await queue.getJob(job.id);
    equal(got.gone ?? null, null);
    equal(got.hello.returnvalue, { by: 'C', got: { to: 'Zoë', n: [1, 2.5, null] } });
    equal(got.hello.progress, { part: 50 });
    equal((await queue.getJobLogs(jobs.hello.id)).logs, ['a line of C']);
    equal([got.fail.attemptsMade, got.fail.failedReason, await got.fail.getState()], [3, 'attempt 1 of C', 'completed']);
    equal([got.fails.attemptsMade, got.fails.failedReason, await got.fails.getState()], [2, 'attempt 1 of C', 'failed']);
    equal([got.fatal.attemptsMade, got.fatal.failedReason, await got.fatal.getState()], [1, 'never', 'failed']);
    check(got.later.processedOn >= added + 300, 'a delayed job waits', got.later.processedOn - added);
    check(got.high.processedOn <= got.low.processedOn && got.high.finishedOn <= got.low.finishedOn, 'priority 1 comes before 9');
    check(got.fails.stacktrace.length === 2, 'a stack for each attempt', got.fails.stacktrace);
  },

  'a flow of C whose children run in Node': async (t, { url, node }) => {
    let values;
    node.worker('children', async (job) => ({ child: job.data.of }));
    node.worker('parents', async (job) => (values = await job.getChildrenValues()) && 'whole');
    const id = await told(t, url, 'flow', 'parents', 'children', 3);
    equal(await told(t, url, 'wait', 'parents', id), 'completed "whole"');
    equal(Object.values(values), [{ child: 'C' }, { child: 'C' }, { child: 'C' }]);
  },

  'a flow of Node whose children run in C': async (t, { url, node }) => {
    const children = [1, 2].map((n) => ({ name: 'child', queueName: 'children', data: { n } }));
    const tree = await node.flow().add({ name: 'parent', queueName: 'parents', data: {}, children });
    await running(t, url, 'work', 'children', 2);
    const parents = node.queue('parents');
    await until('the parent waits', async () => (await (await parents.getJob(tree.job.id)).getState()) === 'waiting');
    const values = Object.values(await (await parents.getJob(tree.job.id)).getChildrenValues());
    equal(values.map((value) => value.got.n).sort(), [1, 2]);
    await running(t, url, 'work', 'parents', 1);
    await until('the parent is done', async () => (await (await parents.getJob(tree.job.id)).getState()) === 'completed');
  },

  'a flow whose parent runs in C and children in Node': async (t, { url, node }) => {
    const children = [{ name: 'child', queueName: 'children', data: {} }];
    const tree = await node.flow().add({ name: 'parent', queueName: 'parents', data: { p: 1 }, children });
    await running(t, url, 'work', 'parents', 1);
    node.worker('children', async () => 7);
    equal(await told(t, url, 'wait', 'parents', tree.job.id), 'completed {"by":"C","got":{"p":1}}');
  },

  'a tree of C below a job of Node, over two prefixes': async (t, { url, node, connection }) => {
    const parents = node.queue('parents');
    const shelf = await parents.add('shelf', {});
    const [root, child] = (await told(t, url, 'tree', 'parents', shelf.id, 'children', 'tenant')).split(' ');
    equal((await shelf.getDependencies()).unprocessed, [`bull:parents:${root}`]);
    const tree = await node.flow().getFlow({ id: root, queueName: 'parents' });
    equal([tree.job.name, tree.children[0].job.id, tree.children[0].job.parentKey], ['tree', child, `bull:parents:${root}`]);
    const tenant = new Node(node.bull, connection, 'tenant');
    try {
      tenant.worker('children', async () => ({ by: 'Node' }));
      await until('the child is done', async () => (await parents.getJobState(root)) === 'waiting');
    } finally {
      await tenant.close();
    }
    equal(await told(t, url, 'children', 'parents', root), `processed tenant:children:${child} {"by":"Node"}`);
  },

  "children of Node's flow by kind, as C lists them": async (t, { url, node }) => {
    const child = (name, opts) => ({ name, queueName: 'children', opts: { jobId: name, ...opts } });
    const children = [child('good'), child('dull', { ignoreDependencyOnFailure: true }), child('deadly', { failParentOnFailure: true }), child('late', { delay: 3_600_000 })];
    const tree = await node.flow().add({ name: 'p', queueName: 'parents', children });
    const theirs = node.queue('children');
    node.worker('children', async (job) => {
      if (job.name !== 'good') throw new Error(`no ${job.name}`);
      return [7];
    });
    await until('they are done', async () => (await theirs.getJobCountByTypes('completed', 'failed')) === 3);
    equal(await told(t, url, 'children', 'parents', tree.job.id), [
      'processed bull:children:good [7]', 'unprocessed bull:children:late none', 'failed bull:children:deadly none', 'ignored bull:children:dull no dull',
    ].join('\n'));
  },

  'settings and numbers of a queue, as BullMQ has them': async (t, { url, node }) => {
    const queue = node.queue('q');
    await queue.waitUntilReady();
    await queue.setGlobalConcurrency(1);
    await queue.setGlobalRateLimit(10, 1000);
    const timestamp = 1_900_000_000_000;
    for (const delay of [1000, 1000, 5000]) await queue.add('later', {}, { delay, timestamp });
    await queue.add('x', {});
    await queue.upsertJobScheduler('s', { every: 3_600_000 });
    await queue.pause();
    const meta = await queue.getMeta();
    const said = (await told(t, url, 'numbers', 'q', timestamp + 1001)).split('\n');
    equal(said, [`1 10 1000 ${meta.maxLenEvents} 1 ${meta.version}`, '0 0 1', '2 1']);
    equal([meta.concurrency, meta.max, meta.duration], [1, 10, 1000]);
    if (node.bull !== BULLS['BullMQ 6']) return; // 5 tells of states that 6 has no more
    const numbers = (text) => text.split('\n').filter((line) => line && !line.startsWith('# HELP'));
    equal(numbers(await told(t, url, 'prometheus', 'q', 'env', 'a "b"')), numbers(await queue.exportPrometheusMetrics({ env: 'a "b"' })));
  },

  'what is left of jobs of Node in no state is removed by C': async (t, { url, node, connection }) => {
    const queue = node.queue('q');
    for (let i = 0; i < 3; i++) await queue.add('x', {}, { delay: 1000 * 3600 });
    const [lost] = await queue.getDelayed();
    await lost.log('a line');
    const client = new Redis(connection);
    await client.zrem('bull:q:delayed', lost.id);
    equal(await told(t, url, 'orphans', 'q'), '1');
    equal((await client.keys(`bull:q:${lost.id}*`)).length, 0);
    client.disconnect();
    equal((await queue.getDelayed()).length, 2);
    equal(await queue.removeOrphanedJobs?.() ?? 0, 0);
  },

  'a job of C that waits for one child, which runs in Node': async (t, { url, node }) => {
    const queue = node.queue('parents');
    const { id } = await queue.add('adopt', { in: 'children' });
    await running(t, url, 'work', 'parents', 1);
    await until('it waits', async () => (await (await queue.getJob(id)).getState()) === 'waiting-children');
    equal((await (await queue.getJob(id)).getDependencies()).unprocessed, ['bull:children:kid']);
    node.worker('children', async () => 7);
    equal(await told(t, url, 'wait', 'parents', id), 'completed "grown"');
  },

  'a job of Node gives up its deduplication id in C': async (t, { url, node }) => {
    const queue = node.queue('q');
    const add = async () => (await queue.add('x', {}, { deduplication: { id: 'd' } })).id;
    const first = await add();
    equal(await add(), first);
    equal(await told(t, url, 'release', 'q', first), 'had');
    check((await add()) !== first, 'the next one is added');
    equal(await told(t, url, 'release', 'q', first), 'had not');
  },

  'a scheduler of C seen and run by Node': async (t, { url, node }) => {
    const ran = [];
    await told(t, url, 'schedule', 'q', 'beat', 100, 3);
    const [seen] = await node.queue('q').getJobSchedulers();
    equal([seen.key, Number(seen.every), seen.name, seen.limit], ['beat', 100, 'tick', 3]);
    node.worker('q', async (job) => ran.push(job.data.by));
    await until('it ran three times', () => ran.length >= 3);
    equal(ran.slice(0, 3), ['C', 'C', 'C']);
  },

  'a scheduler of Node seen and run by C': async (t, { url, node }) => {
    const queue = node.queue('q');
    await queue.upsertJobScheduler('beat', { every: 100, limit: 3 }, { name: 'tick', data: { by: 'Node' } });
    check((await told(t, url, 'schedulers', 'q')).startsWith('beat 100 '), 'C sees it');
    const peer = await running(t, url, 'work', 'q', 1);
    await until('it ran three times', () => peer.stdout.split('completed ').length > 3);
    const [job] = await queue.getCompleted();
    equal(job.returnvalue, { by: 'C', got: { by: 'Node' } });
  },

  'a scheduler with a strategy of its own, made by C, run by Node and by C': async (t, { url, node }) => {
    const ran = [];
    const settings = { repeatStrategy: (after, { pattern }) => after + Number(pattern.split(' ')[1]) };
    const at = { url, env: { STRATEGY: '1' } };
    await told(t, at, 'cron', 'q', 'beat', 'plus 50');
    const worker = node.worker('q', async (job) => ran.push(job.name), { settings });
    await until('Node ran it', () => ran.length >= 2);
    await worker.close();
    const peer = await running(t, at, 'work', 'q', 1);
    await until('C ran it', () => peer.stdout.split('completed ').length > 2);
    equal([(await node.queue('q').getJobScheduler('beat')).pattern, ran[0]], ['plus 50', 'beat']);
  },

  'QueueEvents of Node hear a C worker': async (t, { url, node }) => {
    const heard = [];
    const events = node.events('q');
    for (const kind of ['active', 'progress', 'completed', 'failed']) events.on(kind, (args) => heard.push([kind, args.jobId]));
    await events.waitUntilReady();
    const queue = node.queue('q');
    await running(t, url, 'work', 'q', 1);
    const good = await queue.add('hello', { a: 1 });
    equal(await good.waitUntilFinished(events, 45_000), { by: 'C', got: { a: 1 } });
    const bad = await queue.add('fatal', {});
    const why = await bad.waitUntilFinished(events, 45_000).then(() => 'it did not fail', (error) => error.message);
    equal(why, 'never');
    equal(heard.filter(([, id]) => id === good.id).map(([kind]) => kind), ['active', 'progress', 'completed']);
  },

  'events of C hear a Node worker': async (t, { url, node }) => {
    const peer = await running(t, url, 'events', 'q');
    const queue = node.queue('q');
    const { id } = await queue.add('x', {});
    node.worker('q', async (job) => job.updateProgress(1));
    await until('C hears the end', () => peer.stdout.includes(`completed ${id}\n`));
    const lines = peer.stdout.split('\n').filter((line) => line.endsWith(` ${id}`)).map((line) => line.split(' ')[0]);
    equal(lines, ['added', 'waiting', 'active', 'progress', 'completed']);
    equal(await peer.stop(), 0, 'it ends when told to');
  },
};

for (const [bullName, bull] of Object.entries(BULLS)) {
  for (const [storeName, open] of Object.entries(STORES)) {
    for (const [name, body] of Object.entries(TESTS)) {
      test(`${bullName}, ${storeName}: ${name}`, async (t) => {
        const { url, connection } = await open(t);
        const node = new Node(bull, connection);
        try {
          await body(t, { url, node, connection });
        } finally {
          await node.close();
        }
      });
    }
  }
}
