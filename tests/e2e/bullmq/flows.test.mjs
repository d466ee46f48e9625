// SPDX-License-Identifier: MIT
// Flows: trees of jobs over several queues, what a failing child does to its parent, and what a parent can ask.
import { assert, counts, eventOf, gate, range, state, test, until } from '../lib/bull.mjs';

/** Queues for parents and children, with a worker for the children that fails those whose data says so. */
function family(scope, { childWorker = true } = {}) {
  const [parents, children] = [scope.queue(scope.name('parents')), scope.queue(scope.name('children'))];
  if (childWorker) {
    scope.worker(children.name, async (job) => {
      if (job.data.fails) throw new Error(`child ${job.data.n} fails`);
      return job.data.n * 10;
    });
  }
  return { parents, children, flow: scope.flow() };
}

const child = (children, n, opts, fails = false) => ({ name: `child${n}`, queueName: children.name, data: { n, fails }, opts });

test('a parent runs after its children and reads their results', async (scope) => {
  const { parents, children, flow } = family(scope);
  scope.worker(parents.name, async (job) => job.getChildrenValues());
  const tree = await flow.add({
    name: 'parent',
    queueName: parents.name,
    data: { of: 3 },
    children: range(3).map((n) => child(children, n)),
  });
  assert.equal(tree.children.length, 3);
  assert.equal(tree.children[0].job.parent.id, tree.job.id);
  const parent = await state(parents, tree.job.id, 'completed');
  const expected = tree.children.map(({ job }, n) => [`bull:${children.name}:${job.id}`, n * 10]);
  assert.deepEqual(Object.entries(parent.returnvalue).sort(), expected.sort());
  assert.deepEqual(parent.data, { of: 3 });
});

test('a parent waits in waiting-children, with dependencies that can be counted and paged', async (scope) => {
  const { parents, children, flow } = family(scope, { childWorker: false });
  const tree = await flow.add({ name: 'p', queueName: parents.name, children: range(10).map((n) => child(children, n)) });
  const parent = tree.job;
  assert.equal(await parent.getState(), 'waiting-children');
  assert.deepEqual((await parents.getWaitingChildren()).map((job) => job.id), [parent.id]);
  assert.deepEqual(await parent.getDependenciesCount(), { failed: 0, ignored: 0, processed: 0, unprocessed: 10 });
  const { unprocessed } = await parent.getDependencies({ unprocessed: { count: 100 } });
  assert.equal(unprocessed.length, 10);
  const page = await parents.getDependencies(parent.id, 'pending', 0, 3);
  assert.equal(page.total, 10);
  assert.equal(page.items.length, 4);
  scope.worker(children.name, async (job) => ({ n: job.data.n }));
  await state(parents, parent.id, 'waiting');
  const after = await parent.getDependencies();
  assert.equal(Object.keys(after.processed).length, 10);
  assert.deepEqual(after.processed[`bull:${children.name}:${tree.children[4].job.id}`], { n: 4 });
  assert.equal((await parents.getDependencies(parent.id, 'processed', 0, -1)).total, 10);
});

test('a tree of several levels over several queues runs from its leaves', async (scope) => {
  const names = ['root', 'middle', 'leaf'].map((label) => scope.name(label));
  const order = [];
  const handler = async (job) => {
    order.push(job.name);
    const values = Object.values(await job.getChildrenValues());
    return values.reduce((a, b) => a + b, 0) + job.data.n;
  };
  const [root] = names.map((name) => scope.queue(name));
  for (const name of names) scope.worker(name, handler);
  const leaf = (n) => ({ name: `leaf${n}`, queueName: names[2], data: { n } });
  const tree = await scope.flow().add({
    name: 'root',
    queueName: names[0],
    data: { n: 1000 },
    children: [
      { name: 'middle1', queueName: names[1], data: { n: 100 }, children: [leaf(1), leaf(2)] },
      { name: 'middle2', queueName: names[1], data: { n: 200 }, children: [leaf(3)] },
      leaf(4),
    ],
  });
  assert.equal((await state(root, tree.job.id, 'completed')).returnvalue, 1310);
  assert.equal(order.at(-1), 'root');
  assert.ok(order.indexOf('middle1') > order.indexOf('leaf2'));
});

test('getFlow gives the tree back, to a depth and a number of children', async (scope) => {
  const { parents, children, flow } = family(scope, { childWorker: false });
  const made = await flow.add({
    name: 'top',
    queueName: parents.name,
    children: [{ name: 'mid', queueName: parents.name, children: range(3).map((n) => child(children, n)) }, child(children, 9)],
  });
  const node = { queueName: parents.name, id: made.job.id };
  const tree = await flow.getFlow(node);
  assert.equal(tree.job.name, 'top');
  assert.deepEqual(tree.children.map(({ job }) => job.name).sort(), ['child9', 'mid']);
  const mid = tree.children.find(({ job }) => job.name === 'mid');
  assert.deepEqual(mid.children.map(({ job }) => job.data.n).sort(), [0, 1, 2]);
  const shallow = await flow.getFlow({ ...node, depth: 2 });
  assert.equal(shallow.children.find(({ job }) => job.name === 'mid').children, undefined);
  const narrow = await flow.getFlow({ ...node, maxChildren: 1 });
  assert.ok(narrow.children.length >= 1); // maxChildren is a hint to SSCAN
  assert.equal(await flow.getFlow({ ...node, id: 'nobody' }), undefined);
});

test('failParentOnFailure fails the parents all the way up', async (scope) => {
  const { parents, children, flow } = family(scope);
  const up = { failParentOnFailure: true };
  const tree = await flow.add({
    name: 'top',
    queueName: parents.name,
    children: [{ name: 'mid', queueName: parents.name, opts: up, children: [child(children, 1, up, true), child(children, 2)] }],
  });
  scope.worker(parents.name, async () => 'never');
  const mid = await state(parents, tree.children[0].job.id, 'failed');
  const top = await state(parents, tree.job.id, 'failed');
  const failing = `bull:${children.name}:${tree.children[0].children[0].job.id}`;
  assert.equal(mid.failedReason, `child ${failing} failed`);
  assert.equal(top.failedReason, `child bull:${parents.name}:${mid.id} failed`);
  assert.equal((await mid.getDependenciesCount()).failed, 1);
});

test('ignoreDependencyOnFailure lets the parent run, and it can read why', async (scope) => {
  const { parents, children, flow } = family(scope);
  scope.worker(parents.name, async (job) => ({ ok: await job.getChildrenValues(), ignored: await job.getIgnoredChildrenFailures() }));
  const opts = { ignoreDependencyOnFailure: true };
  const tree = await flow.add({
    name: 'p',
    queueName: parents.name,
    children: [child(children, 1, opts, true), child(children, 2, opts)],
  });
  const { returnvalue } = await state(parents, tree.job.id, 'completed');
  assert.deepEqual(Object.values(returnvalue.ok), [20]);
  assert.deepEqual(returnvalue.ignored, { [`bull:${children.name}:${tree.children[0].job.id}`]: 'child 1 fails' });
  assert.equal((await tree.job.getDependenciesCount()).ignored, 1);
});

test('removeDependencyOnFailure lets the parent run without the child', async (scope) => {
  const { parents, children, flow } = family(scope);
  scope.worker(parents.name, async (job) => job.getChildrenValues());
  const tree = await flow.add({
    name: 'p',
    queueName: parents.name,
    children: [child(children, 1, { removeDependencyOnFailure: true }, true), child(children, 2)],
  });
  const parent = await state(parents, tree.job.id, 'completed');
  assert.deepEqual(Object.values(parent.returnvalue), [20]);
  assert.deepEqual(await parent.getDependenciesCount(), { failed: 0, ignored: 0, processed: 1, unprocessed: 0 });
});

test('continueParentOnFailure runs the parent at once, which may drop the other children', async (scope) => {
  const { parents, children, flow } = family(scope, { childWorker: false });
  const handler = async (job) => {
    const failures = await job.getFailedChildrenValues();
    await job.removeUnprocessedChildren();
    return Object.values(failures);
  };
  const opts = { continueParentOnFailure: true };
  const tree = await flow.add({
    name: 'p',
    queueName: parents.name,
    children: [child(children, 1, opts, true), child(children, 2, { ...opts, delay: 3_600_000 })],
  });
  scope.worker(children.name, async (job) => Promise.reject(new Error(`child ${job.data.n} fails`)));
  scope.worker(parents.name, handler);
  const parent = await state(parents, tree.job.id, 'completed');
  assert.deepEqual(parent.returnvalue, ['child 1 fails']);
  assert.equal(await children.getJob(tree.children[1].job.id), undefined);
});

test('without an option a failed child keeps its parent waiting, and its retry frees it', async (scope) => {
  const { parents, children, flow } = family(scope, { childWorker: false });
  let broken = true;
  scope.worker(children.name, async () => {
    if (broken) throw new Error('no');
    return 'mended';
  });
  scope.worker(parents.name, async (job) => Object.values(await job.getChildrenValues()));
  const tree = await flow.add({ name: 'p', queueName: parents.name, children: [child(children, 1)] });
  const failed = await state(children, tree.children[0].job.id, 'failed');
  assert.equal(await tree.job.getState(), 'waiting-children');
  broken = false;
  await failed.retry();
  assert.deepEqual((await state(parents, tree.job.id, 'completed')).returnvalue, ['mended']);
});

test('addBulk adds several trees', async (scope) => {
  const { parents, children, flow } = family(scope);
  scope.worker(parents.name, async (job) => Object.values(await job.getChildrenValues()));
  const trees = await flow.addBulk(range(5).map((n) => ({ name: 'p', queueName: parents.name, data: { n }, children: [child(children, n)] })));
  assert.equal(trees.length, 5);
  await counts(parents, { completed: 5 });
  for (const [n, { job }] of trees.entries()) assert.deepEqual((await parents.getJob(job.id)).returnvalue, [n * 10]);
});

test('children may be delayed, prioritized and have ids and attempts of their own', async (scope) => {
  const { parents, children, flow } = family(scope, { childWorker: false });
  const order = [];
  const tree = await flow.add({
    name: 'p',
    queueName: parents.name,
    opts: { jobId: 'the-parent', priority: 3 },
    children: [
      child(children, 1, { delay: 100, jobId: 'late' }),
      child(children, 2, { priority: 5 }),
      child(children, 3, { priority: 1 }),
      child(children, 4, { attempts: 3 }),
    ],
  });
  scope.worker(children.name, async (job) => {
    order.push(job.data.n);
    if (job.data.n === 4 && job.attemptsMade < 2) throw new Error('again');
  });
  await state(parents, 'the-parent', 'prioritized');
  assert.equal(tree.children[0].job.id, 'late');
  assert.equal(order.filter((n) => n === 4).length, 3);
  assert.ok(order.indexOf(3) < order.indexOf(2));
});

test('a child removed, or told to leave its parent, is waited for no more', async (scope) => {
  const { parents, children, flow } = family(scope, { childWorker: false });
  const tree = await flow.add({ name: 'p', queueName: parents.name, children: range(2).map((n) => child(children, n)) });
  await tree.children[0].job.remove();
  assert.equal((await tree.job.getDependenciesCount()).unprocessed, 1);
  assert.equal(await tree.children[1].job.removeChildDependency(), true);
  assert.equal(await tree.job.getState(), 'waiting');
  assert.equal(await tree.children[1].job.getState(), 'waiting');
});

test('removing a parent removes its children, unless one is running', async (scope) => {
  const { parents, children, flow } = family(scope, { childWorker: false });
  const go = gate();
  const tree = await flow.add({ name: 'p', queueName: parents.name, children: range(2).map((n) => child(children, n)) });
  await tree.job.remove();
  assert.equal(await children.count(), 0);
  const other = await flow.add({ name: 'p', queueName: parents.name, children: [child(children, 1)] });
  scope.worker(children.name, () => go.opened);
  await state(children, other.children[0].job.id, 'active');
  await assert.rejects(other.job.remove(), /could not be removed because it is locked|cannot be removed|locked/i);
  go.open();
  await state(parents, other.job.id, 'waiting');
});

test('a parent option on add makes a child of a job that waits', async (scope) => {
  const { parents, children, flow } = family(scope, { childWorker: false });
  const tree = await flow.add({ name: 'p', queueName: parents.name, children: [child(children, 1)] });
  const late = await children.add('late', { n: 2 }, { parent: { id: tree.job.id, queue: tree.job.queueQualifiedName } });
  assert.equal(late.parent.id, tree.job.id);
  assert.equal((await tree.job.getDependenciesCount()).unprocessed, 2);
  await assert.rejects(children.add('x', {}, { parent: { id: 'nobody', queue: tree.job.queueQualifiedName } }), /Missing key for parent job/);
});

test('a flow that finished can be followed by retrying its parent', async (scope) => {
  const { parents, children, flow } = family(scope);
  const events = await scope.events(parents.name);
  let runs = 0;
  scope.worker(parents.name, async () => ++runs);
  const tree = await flow.add({ name: 'p', queueName: parents.name, children: [child(children, 1)] });
  const parent = await state(parents, tree.job.id, 'completed');
  const again = eventOf(events, 'completed', ({ returnvalue }) => returnvalue === 2);
  await parent.retry('completed');
  await again;
});

test('default options of the queues of a flow, and a prefix of its own', async (scope) => {
  const [parents, children] = [scope.name('p'), scope.name('c')];
  const flow = scope.flow({ prefix: 'flows' });
  const tree = await flow.add(
    { name: 'p', queueName: parents, children: [{ name: 'c', queueName: children, data: {} }] },
    { queuesOptions: { [children]: { defaultJobOptions: { attempts: 7 } }, [parents]: { defaultJobOptions: { attempts: 2 } } } },
  );
  assert.equal(tree.job.opts.attempts, 2);
  assert.equal(tree.children[0].job.opts.attempts, 7);
  const queue = scope.queue(children, { prefix: 'flows' });
  assert.equal((await queue.getJob(tree.children[0].job.id)).parentKey, `flows:${parents}:${tree.job.id}`);
});

test('a hundred children finishing at once free their parent once', async (scope) => {
  const { parents, children, flow } = family(scope, { childWorker: false });
  let runs = 0;
  scope.worker(parents.name, async () => ++runs);
  const tree = await flow.add({ name: 'p', queueName: parents.name, children: range(100).map((n) => child(children, n)) });
  for (const _ of range(2)) scope.worker(children.name, async (job) => job.data.n, { concurrency: 25 });
  const parent = await state(parents, tree.job.id, 'completed');
  assert.equal(runs, 1);
  assert.equal(Object.keys(await parent.getChildrenValues()).length, 100);
  await until('nothing else to run', async () => (await parents.count()) === 0);
});
