// SPDX-License-Identifier: MIT
/* Clients that send byte by byte, are cut in the middle, ask for much and vanish, never read, or end their side and wait: others notice nothing, and nothing is left. */
import net from 'node:net';
import { ask, equal, test, until } from './lib/kit.mjs';

const words = (...list) => `*${list.length}\r\n${list.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
const SCRIPT = "redis.call('SET', KEYS[1], ARGV[1]); return redis.call('INCR', KEYS[2])";

/** Each changes something as a whole; NAM stands for a name of its own. */
const REQUESTS = [
  [words('SET', 'NAM', 'whole'), '+OK\r\n'],
  ['SET NAM whole\r\n', '+OK\r\n'],
  [words('EVAL', SCRIPT, '2', 'NAM', 'NAM:n', 'whole'), ':1\r\n'],
  [words('MULTI') + words('SET', 'NAM', 'whole') + words('INCR', 'NAM:n') + words('EXEC'), '+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n:1\r\n'],
];

const named = (request, i) => request.replaceAll('NAM', `k_${i}`);

async function connectRaw(server, options = {}) {
  const socket = net.connect({ port: server.port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true, ...options });
  const seen = { socket, bytes: 0, text: '', isEnded: false };
  socket.on('error', () => {});
  socket.on('data', (chunk) => {
    seen.bytes += chunk.length;
    if (seen.bytes < 1_000_000) seen.text += chunk.toString('latin1');
  });
  socket.on('end', () => (seen.isEnded = true));
  await new Promise((resolve) => socket.once('connect', resolve));
  return seen;
}

const number = async (client, section, name) => Number(new RegExp(`${name}:(\\d+)`).exec((await ask(client, 'INFO', section)).text)[1]);
/** The server has noticed that all others are gone, of `count` connections that there were. */
const isAlone = (client, count) =>
  until('only one client is left', async () => (await number(client, 'clients', 'connected_clients')) === 1 && (await number(client, 'stats', 'total_connections_received')) === count);
const isFreed = (client, before) => until('their memory is given back', async () => (await number(client, 'memory', 'used_memory')) - before < 1_000_000);

test('vanish: what comes byte by byte is answered as what comes at once', async (t) => {
  const server = await t.serve();
  const request = REQUESTS.map(([bytes], i) => named(bytes, i)).join('');
  const other = await connectRaw(server);
  for (const byte of Buffer.from(request)) {
    other.socket.write(Buffer.of(byte));
    await new Promise(setImmediate);
  }
  const wanted = REQUESTS.map(([, reply]) => reply).join('');
  await until('all replies', () => other.text.length >= wanted.length);
  equal(other.text, wanted);
  other.socket.destroy();
});

test('vanish: a request that is cut after any of its bytes is done as a whole or not at all', async (t) => {
  const server = await t.serve(['--durability', 'off']);
  const client = await t.connect(server);
  let count = 1;
  for (const [request] of REQUESTS) {
    const bytes = named(request, 0);
    const done = ['whole', request.includes(':n') ? '1' : undefined];
    for (let cut = 1; cut <= bytes.length; cut++) {
      for (const end of ['destroy', 'resetAndDestroy']) {
        const other = await connectRaw(server);
        other.socket.write(bytes.slice(0, cut), () => other.socket[end]());
        await new Promise((resolve) => other.socket.once('close', resolve));
        await isAlone(client, ++count);
        const { items } = await ask(client, 'MGET', 'k_0', 'k_0:n');
        const seen = items.map((item) => item.text);
        /* A reset may take with it what nobody has read. */
        const isDone = cut === bytes.length && (end === 'destroy' || seen[0] !== undefined);
        equal(seen, isDone ? done : [undefined, undefined], `${end} after ${cut} of ${bytes.length} bytes: ${bytes}`);
        await ask(client, 'DEL', 'k_0', 'k_0:n');
      }
    }
  }
});

test('vanish: thousands of requests, and nobody there for the replies', async (t) => {
  const server = await t.serve(['--durability', 'off']);
  const client = await t.connect(server);
  await ask(client, 'SET', 'big', 'x'.repeat(20_000));
  const before = await number(client, 'memory', 'used_memory');
  const block = 'GET big\r\nRPUSH list x\r\nLPOP list\r\nSUBSCRIBE c\r\nUNSUBSCRIBE c\r\n'.repeat(1000);
  for (let i = 0; i < 30; i++) {
    const other = await connectRaw(server);
    other.socket.pause();
    other.socket.write(block, () => (i % 2 ? other.socket.resetAndDestroy() : other.socket.destroy()));
    await ask(client, 'PING');
  }
  await isAlone(client, 31);
  await isFreed(client, before);
});

test('vanish: those who never read keep nobody waiting, and leave nothing', async (t) => {
  const server = await t.serve(['--durability', 'off']);
  const client = await t.connect(server);
  await ask(client, 'SET', 'big', 'x'.repeat(20_000));
  const before = await number(client, 'memory', 'used_memory');
  const deaf = [];
  for (let i = 0; i < 5; i++) {
    deaf.push(await connectRaw(server));
    deaf[i].socket.pause();
    deaf[i].socket.write('GET big\r\n'.repeat(1000));
  }
  await until('their replies wait', async () => (await number(client, 'memory', 'used_memory')) > before + 20_000_000);
  for (let i = 0; i < 100; i++) await ask(client, 'INCR', 'n');
  equal(await number(client, 'clients', 'connected_clients'), 6);
  deaf.forEach(({ socket }, i) => (i % 2 ? socket.resetAndDestroy() : socket.destroy()));
  await isAlone(client, 6);
  await isFreed(client, before);
});

test('vanish: who ends its side gets all replies to what it has sent, also those that wait for the disk', async (t) => {
  const server = await t.serve();
  const client = await t.connect(server);
  const cases = REQUESTS.map(([request, reply], i) => [named(request, i), reply]);
  cases.push([cases.map(([request]) => request.replaceAll('k_', 'm_')).join(''), cases.map(([, reply]) => reply).join('')]);
  cases.push(['SET a 1\r\nGET a\r\n'.repeat(1000), '+OK\r\n$1\r\n1\r\n'.repeat(1000)], ['PING\r\nSET half', '+PONG\r\n']);
  for (const [request, reply] of cases) {
    const other = await connectRaw(server);
    other.socket.end(request);
    await until('the server ends its side too', () => other.isEnded);
    equal(other.text, reply, request.slice(0, 100));
  }
  await isAlone(client, 1 + cases.length);
});
