// SPDX-License-Identifier: MIT
// BullMQ 6's Relay: messages by topic and pattern between processes, kept values, nodes that go away.
import { assert, bull, range, test, until } from '../lib/bull.mjs';

function relay(scope, options = {}) {
  const node = scope.watch(new bull.Relay({ connection: scope.connection(), namespace: scope.label, ...options }));
  scope.defer(() => node.close());
  return node;
}

test('a message reaches each subscription that matches its topic', async (scope) => {
  const [one, two] = [relay(scope), relay(scope)];
  const seen = [];
  const note = (who) => ({ topic, data }) => void seen.push(`${who} ${topic} ${JSON.stringify(data)}`);
  await one.subscribe('orders.42.paid', note('exact'));
  await two.subscribe('orders.*.paid', note('star'));
  await two.subscribe('orders.>', note('rest'));
  const result = await one.publish('orders.42.paid', { sum: 10 });
  assert.deepEqual([result.nodes, result.endpoints], [2, 3]);
  await one.publish('orders.43.sent', 'ü');
  await until('four messages', () => seen.length === 4);
  assert.deepEqual(seen.sort(), ['exact orders.42.paid {"sum":10}', 'rest orders.42.paid {"sum":10}', 'rest orders.43.sent "ü"', 'star orders.42.paid {"sum":10}']);
});

test('messages come in order, none lost', async (scope) => {
  const [from, to] = [relay(scope), relay(scope)];
  const seen = [];
  await to.subscribe('n', ({ data }) => void seen.push(data));
  for (const n of range(200)) await from.publish('n', n);
  await until('all messages', () => seen.length === 200);
  assert.deepEqual(seen, range(200));
});

test('a retained message is given to who comes later, until it is deleted', async (scope) => {
  const node = relay(scope);
  await node.publish('config', { v: 1 }, { retain: 60_000 });
  const seen = [];
  const subscription = await node.subscribe('config', ({ data, retained }) => void seen.push([data, retained]));
  await until('the retained message', () => seen.length === 1);
  assert.deepEqual(seen, [[{ v: 1 }, true]]);
  assert.equal((await node.getCounts()).retained, 1);
  assert.deepEqual((await node.getRetained()).map(({ topic }) => topic), ['config']);
  assert.equal(await node.deleteRetained('config'), true);
  assert.equal(await node.deleteRetained('config'), false);
  await subscription.unsubscribe();
  assert.equal((await node.publish('config', 2)).endpoints, 0);
});

test('nodes, patterns and subscriptions are listed', async (scope) => {
  const one = relay(scope, { name: 'first' });
  await one.waitUntilReady();
  const two = relay(scope, { name: 'second' });
  await one.subscribe('a.>', () => {});
  await two.subscribe('a.>', () => {});
  await two.subscribe('b', () => {});
  assert.deepEqual(await one.getCounts(), { nodes: 2, subscriptions: 3, patterns: 2, retained: 0 });
  assert.deepEqual((await one.getNodes()).map(({ info }) => info.name), ['first', 'second']);
  assert.deepEqual(await one.getPatterns(), [{ pattern: 'a.>', subscriptions: 2 }, { pattern: 'b', subscriptions: 1 }]);
  assert.equal((await one.getSubscriptions({ nodeId: two.nodeId })).length, 2);
  assert.ok((await one.getNamespaces()).includes(scope.label));
  await two.close();
  assert.equal((await one.getCounts()).nodes, 1);
});

test('a node whose lease is over is swept with its subscriptions', async (scope) => {
  const keeper = relay(scope, { sweepInterval: 50 });
  const swept = [];
  keeper.on('swept', (ids) => swept.push(...ids));
  await keeper.waitUntilReady();
  const lost = relay(scope, { leaseDuration: 100, heartbeatInterval: 60_000, sweepInterval: 60_000 });
  scope.expectsErrors = true;
  await lost.subscribe('x', () => {});
  await until('the node to be swept', () => swept.includes(lost.nodeId));
  assert.equal((await keeper.getCounts()).subscriptions, 0);
});
