// SPDX-License-Identifier: MIT
// BullMQ and its connections: shared, killed, to a database, to a server that restarts, with a password and over TLS.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import IORedis from 'ioredis';
import IORedis6 from 'ioredis6';
import { assert, bull, counts, KIND, range, state, test, until, URL, variant } from '../lib/bull.mjs';
import { writeCertificate } from '../lib/certificate.mjs';
import { startServer } from '../lib/server.mjs';

const FAST = () => 20; // ms until the next try to connect
const DB = variant.major === 5 ? 6 : variant.driver === 'redis' ? 7 : 8; // a database that no other file uses

async function ownServer(scope, options) {
  const server = await startServer(KIND, options);
  scope.defer(() => server.kill());
  scope.url = server.url;
  return server;
}

/** A job that goes through the whole of BullMQ: queue, worker, events. */
async function roundTrip(scope, name = scope.name()) {
  const queue = scope.queue(name);
  const events = await scope.events(name);
  scope.worker(name, async (job) => job.data.n + 1);
  const job = await queue.add('n', { n: 1 }, { delay: 20 });
  assert.equal(await job.waitUntilFinished(events), 2);
  return queue;
}

test('a password is asked for, and the right one lets in', async (scope) => {
  const server = await ownServer(scope, { password: 'sesame' });
  await roundTrip(scope);
  const refused = async (url) => {
    const client = new IORedis(url, { retryStrategy: null, lazyConnect: true });
    client.on('error', () => {});
    const error = await client.connect().then(() => client.set('k', 'v')).catch((each) => each);
    client.disconnect();
    return error.message;
  };
  assert.match(await refused(server.url.replace(':sesame@', '')), /NOAUTH|Connection is closed/);
  assert.match(await refused(server.url.replace('sesame', 'wrong')), /WRONGPASS|Connection is closed/);
});

test('rediss:// with a password runs jobs over TLS, and the certificate is checked', async (scope) => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'e2e-tls-'));
  scope.defer(() => rmSync(folder, { recursive: true, force: true }));
  const pair = writeCertificate(folder);
  const server = await ownServer(scope, { password: 'sesame', tls: pair });
  const ca = readFileSync(pair.ca);
  scope.ioredisOptions = { tls: { ca } };
  scope.nodeRedisOptions = { socket: { tls: true, ca } };
  await roundTrip(scope);
  const stranger = new IORedis(server.url, { retryStrategy: null, lazyConnect: true });
  const told = [];
  stranger.on('error', (error) => told.push(error.code));
  await assert.rejects(stranger.connect());
  assert.match(told[0], /SELF_SIGNED_CERT|UNABLE_TO_VERIFY/);
});

test('a database of its own keeps the jobs apart', async (scope) => {
  const name = scope.name();
  const elsewhere = scope.redis({ db: DB });
  await elsewhere.flushdb();
  scope.url = `${URL}/${DB}`;
  await roundTrip(scope, name);
  assert.ok((await elsewhere.dbsize()) > 0);
  assert.deepEqual(await scope.redis().keys(`bull:${name}:*`), []);
  await elsewhere.flushdb();
});

test('a worker whose connections are killed goes on', async (scope) => {
  scope.expectsErrors = true;
  scope.ioredisOptions = { retryStrategy: FAST };
  scope.nodeRedisOptions = { socket: { reconnectStrategy: FAST } };
  const redis = scope.redis();
  const queue = scope.queue();
  const worker = scope.worker(queue.name, async (job) => job.data.n, { drainDelay: 10, name: 'victim' });
  await worker.waitUntilReady();
  const encoded = Buffer.from(queue.name).toString('base64');
  const blocking = async () => {
    const lines = (await redis.client('LIST')).split('\n');
    return lines.find((line) => line.includes(encoded) && /cmd=bzpopmin/.test(line))?.match(/^id=(\d+)/)[1];
  };
  for (const n of range(3)) {
    await redis.client('KILL', 'ID', await until('the worker to block', blocking));
    const { id } = await queue.add('n', { n });
    assert.equal((await state(queue, id, 'completed')).returnvalue, n);
  }
});

test('a server that restarts is met again by queue, worker and events', async (scope) => {
  scope.expectsErrors = true;
  scope.ioredisOptions = { retryStrategy: FAST };
  scope.nodeRedisOptions = { socket: { reconnectStrategy: FAST } };
  const server = await ownServer(scope);
  const queue = await roundTrip(scope);
  assert.equal(await server.stop(), 0);
  await ownServer(scope, { port: server.port });
  for (const n of range(3)) {
    const { id } = await queue.add('n', { n });
    assert.equal((await state(queue, id, 'completed')).returnvalue, n + 1);
  }
});

test('BullMQ finds nothing to warn of', async (scope) => {
  const warned = [];
  const { warn } = console;
  console.warn = (...args) => warned.push(args.join(' '));
  scope.defer(() => (console.warn = warn));
  await roundTrip(scope);
  assert.deepEqual(warned, []);
});

test('close leaves no connection behind', async (scope) => {
  const redis = scope.redis();
  const name = scope.name();
  const encoded = Buffer.from(name).toString('base64');
  const connections = async () => (await redis.client('LIST')).split('\n').filter((line) => line.includes(encoded)).length;
  const [queue, worker, events] = [scope.queue(name), scope.worker(name, async () => {}), await scope.events(name)];
  await Promise.all([queue.waitUntilReady(), worker.waitUntilReady()]);
  await until('named connections', async () => (await connections()) >= 2);
  await Promise.all([worker.close(), events.close(), queue.close()]);
  await until('all to be closed', async () => (await connections()) === 0);
});

if (variant.driver === 'ioredis') {
  for (const [release, Client] of [['5', IORedis], ['6', IORedis6]].slice(0, variant.major - 4)) {
    test(`queues and workers share a connection of ioredis ${release}`, async (scope) => {
      const connection = scope.watch(new Client(URL, { maxRetriesPerRequest: null }));
      scope.defer(() => connection.disconnect());
      const name = scope.name();
      const queues = range(3).map(() => scope.queue(name, { connection }));
      for (const _ of range(2)) scope.worker(name, async (job) => job.data.n, { connection });
      await Promise.all(range(30).map((n) => queues[n % 3].add('n', { n })));
      await counts(queues[0], { completed: 30 });
      await queues[1].close();
      assert.equal(await connection.ping(), 'PONG');
    });
  }

  test('a keyPrefix of the client is refused, as BullMQ has its own', async (scope) => {
    const connection = scope.redis({ keyPrefix: 'x:' });
    assert.throws(() => new bull.Queue('q', { connection }), /does not support ioredis prefixes/);
  });
}
