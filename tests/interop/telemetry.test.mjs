// SPDX-License-Identifier: MIT
/* One trace through C and BullMQ in Node: the context that a producer leaves in a job is where its worker's spans belong. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { randomBytes } from 'node:crypto';
import { check, equal, test, until } from '../daemon/lib/kit.mjs';
import { BULLS, Node, STORES, running, told } from './lib/sides.mjs';

const KINDS = { 0: 'internal', 3: 'producer', 4: 'consumer' };

/** A Telemetry for BullMQ that keeps what it is told. A context is { trace, id } of the span that it is in. */
class Tracing {
  ended = [];
  #here = new AsyncLocalStorage();

  contextManager = {
    with: (context, fn) => this.#here.run(context, fn),
    active: () => this.#here.getStore() ?? {},
    getMetadata: ({ trace, id }) => JSON.stringify({ traceparent: `00-${trace}-${id}-01` }),
    fromMetadata: (_, metadata) => {
      const [, trace, id] = JSON.parse(metadata).traceparent.split('-');
      return { trace, id };
    },
  };

  tracer = {
    startSpan: (name, { kind }, context = this.contextManager.active()) => {
      const trace = context.trace ?? randomBytes(16).toString('hex');
      const span = { name, kind: KINDS[kind], trace, id: randomBytes(8).toString('hex'), parent: context.id ?? '' };
      const ignore = () => {};
      return {
        setSpanOnContext: (of) => ({ ...of, trace, id: span.id }),
        setAttribute: ignore,
        setAttributes: ignore,
        addEvent: ignore,
        recordException: ignore,
        end: () => this.ended.push(span),
      };
    },
  };

  named(name) {
    return this.ended.filter((span) => span.name === name);
  }
}

/** The spans that a peer printed as they ended. */
function spansOf(stdout) {
  const lines = stdout.split('\n').slice(0, -1).filter((line) => line.startsWith('span\t'));
  return lines.map((line) => {
    const [, kind, name, trace, id, parent, error] = line.split('\t');
    return { name, kind: KINDS[kind], trace, id, parent, error };
  });
}

/** A peer that ends by itself: its spans, and the last line that is something else. */
async function traced(t, at, ...words) {
  const stdout = `${await told(t, at, ...words)}\n`;
  const lines = stdout.trim().split('\n').filter((line) => !line.startsWith('span\t'));
  return { spans: spansOf(stdout), said: lines.at(-1) };
}

function belongs(span, parent, text) {
  equal([span.trace, span.parent], [parent.trace, parent.id], text);
}

const TESTS = {
  'a trace that Node begins goes on in C, at each attempt': async (t, { at, node, tracing }) => {
    const queue = node.queue('q');
    await queue.add('fail', { until: 1 }, { attempts: 2 });
    const [add] = tracing.named('add q.fail');
    const peer = await running(t, at, 'work', 'q', 1);
    await until('the job has completed', () => spansOf(peer.stdout).some((span) => span.name === 'complete q'));
    const [first, retry, second, complete] = spansOf(peer.stdout);
    equal([first, retry, second, complete].map(({ name, kind }) => `${kind} ${name}`), ['consumer process q', 'internal retry q', 'consumer process q', 'internal complete q']);
    belongs(first, add, 'the first attempt');
    belongs(second, add, 'the second attempt');
    belongs(retry, first, 'the end of the first');
    belongs(complete, second, 'the end of the second');
    equal([first.error, second.error], ['attempt 0 of C', '']);
  },

  'jobs of Node that omit the context begin a trace in C, and keep their other options': async (t, { at, node, tracing }) => {
    const opts = { attempts: 2, telemetry: { omitContext: true } };
    await node.queue('q').addBulk([{ name: 'fail', data: { until: 1 }, opts }]);
    const peer = await running(t, at, 'work', 'q', 1);
    await until('the job has completed', () => peer.stdout.includes('completed '));
    await until('its span has ended', () => spansOf(peer.stdout).length === 4);
    const [first] = spansOf(peer.stdout);
    equal(first.parent, '');
    check(tracing.ended.every((span) => span.trace !== first.trace), 'a trace of its own');
  },

  'a trace that C begins goes on in Node': async (t, { at, node, tracing }) => {
    const one = await traced(t, at, 'add', 'q', 'hello', '{}');
    equal(one.spans.map(({ name, kind }) => `${kind} ${name}`), ['producer add q.hello']);
    const many = await traced(t, at, 'batch', 'q', 1, 2);
    equal(many.spans.map(({ name }) => name), ['addBulk q']);
    const seen = [];
    node.worker('q', async (job) => seen.push(job.opts.telemetry.metadata));
    await until('all have ended', () => tracing.named('process q').length === 3);
    const [alone, ...others] = tracing.named('process q');
    belongs(alone, one.spans[0], 'of one job');
    for (const other of others) belongs(other, many.spans[0], 'of a batch');
    equal(JSON.parse(seen[0]), { traceparent: `00-${alone.trace}-${alone.parent}-01` });
  },

  'a flow of C is one trace, whose children run in Node': async (t, { at, node, tracing }) => {
    const { spans } = await traced(t, at, 'flow', 'parents', 'children', 2);
    equal(spans.map(({ name }) => name), ['addNode children', 'addNode children', 'addNode parents', 'addFlow parents']);
    node.worker('children', async () => 1);
    node.worker('parents', async () => 2);
    await until('the parent has ended', () => tracing.named('process parents').length === 1);
    belongs(tracing.named('process parents')[0], spans[2], 'the parent');
    const by = ({ parent }, other) => (parent < other.parent ? -1 : 1);
    const nodes = spans.slice(0, 2).map(({ trace, id }) => ({ trace, parent: id })).sort(by);
    equal(tracing.named('process children').map(({ trace, parent }) => ({ trace, parent })).sort(by), nodes, 'the children');
  },

  'a flow of Node is one trace, whose jobs run in C': async (t, { at, node, tracing }) => {
    const children = [{ name: 'child', queueName: 'children', opts: {} }];
    await node.flow().add({ name: 'parent', queueName: 'parents', children, opts: {} });
    const workers = await Promise.all(['children', 'parents'].map((queue) => running(t, at, 'work', queue, 1)));
    await until('both have ended', () => workers.every((peer) => spansOf(peer.stdout).length === 2));
    const [child, parent] = workers.map((peer) => spansOf(peer.stdout)[0]);
    belongs(child, tracing.named('addNode children')[0], 'the child');
    belongs(parent, tracing.named('addNode parents')[0], 'the parent');
  },

  'runs of a scheduler are in the trace of who made it, in C and in Node': async (t, { at, node, tracing }) => {
    const { spans: [ours] } = await traced(t, at, 'schedule', 'c', 'beat', 50, 2);
    equal([ours.name, ours.kind], ['add c.tick', 'producer']);
    await node.queue('n').upsertJobScheduler('beat', { every: 50, limit: 2 }, { name: 'tick' });
    const [theirs] = tracing.named('add n.tick');
    node.worker('c', async () => 1);
    const peer = await running(t, at, 'work', 'n', 1);
    await until('Node ran twice', () => tracing.named('process c').length === 2);
    await until('C ran twice', () => spansOf(peer.stdout).filter(({ name }) => name === 'process n').length === 2);
    for (const run of tracing.named('process c')) belongs(run, ours, 'of C, in Node');
    for (const run of spansOf(peer.stdout).filter(({ name }) => name === 'process n')) belongs(run, theirs, 'of Node, in C');
  },
};

for (const [bullName, bull] of Object.entries(BULLS)) {
  for (const storeName of ['redis-server', 'oxq serve']) {
    for (const [name, body] of Object.entries(TESTS)) {
      test(`telemetry, ${bullName}, ${storeName}: ${name}`, async (t) => {
        const { url, connection } = await STORES[storeName](t);
        const tracing = new Tracing();
        const node = new Node(bull, connection, 'bull', { telemetry: tracing });
        try {
          await body(t, { at: { url, env: { TRACE: '1' } }, node, tracing });
        } finally {
          await node.close();
        }
      });
    }
  }
}
