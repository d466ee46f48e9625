// SPDX-License-Identifier: MIT
/* One server: Redis and oxq, by TCP, unix socket and TLS; what goes wrong, and what is said then. */
import { mkdirSync } from 'node:fs';
import { writeCertificate } from '../e2e/lib/certificate.mjs';
import { ask, check, equal, test, until } from '../daemon/lib/kit.mjs';
import { freePort } from '../support/port.mjs';
import { block, call, fails, sound, startLoad } from './lib/drive.mjs';

function certificate(t, name) {
  mkdirSync(t.path(name));
  return writeCertificate(t.path(name));
}

/** Redis with TLS only. */
async function redisWithTls(t, own, flags = []) {
  const port = await freePort();
  await t.redis(['--tls-port', port, '--tls-cert-file', own.cert, '--tls-key-file', own.key, '--tls-ca-cert-file', own.ca, ...flags]);
  return port;
}

const SERVERS = {
  'redis-server': (t, flags = []) => t.redis(flags),
  'oxq serve': (t) => t.serve(['--unix', t.path('s')]),
};

for (const [name, start] of Object.entries(SERVERS)) {
  test(`${name}: 64 threads get their own replies while connections are killed and scripts forgotten`, async (t) => {
    const server = await start(t);
    const load = startLoad(t, `redis://127.0.0.1:${server.port}`, 64);
    const admin = await t.connect(server);
    await load.more(2000);
    for (let i = 0; i < 5; i++) {
      await ask(admin, 'CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      await load.more(500);
      await ask(admin, 'SCRIPT', 'FLUSH');
      await load.more(500);
    }
    const sums = await load.end();
    sound(sums);
    equal(sums.failures, sums.uncertain, `only what was uncertain failed: ${sums.line}`);
  });

  test(`${name}: a line pops what comes and is cancelled while it waits`, async (t) => {
    const server = await start(t);
    equal(await block(t, `redis://127.0.0.1:${server.port}`, 'k'), 'k m 1\nerror CANCELLED: it was cancelled\n');
  });

  test(`${name}: databases are apart, and one that is not there is named`, async (t) => {
    const { port } = await start(t);
    equal((await call(t, `redis://127.0.0.1:${port}/3`, ['SET', 'a', '3'])).said, 'OK');
    equal((await call(t, `redis://127.0.0.1:${port}`, ['GET', 'a'])).said, '');
    equal((await call(t, `redis://127.0.0.1:${port}/3`, ['GET', 'a'])).said, '3');
    await fails(t, `redis://127.0.0.1:${port}/99`, 'ARGUMENT', ['has no database 99', 'out of range']);
  });
}

test('oxq serve: killed and started again under load, nothing that was answered is lost', async (t) => {
  const port = await freePort();
  let server = await t.serve(['--port', port]);
  const load = startLoad(t, `redis://127.0.0.1:${port}`, 16, { PATIENT: '1', TIMEOUT_MS: '60000' });
  for (let i = 0; i < 3; i++) {
    await load.more(200);
    await server.stop('SIGKILL');
    server = await t.serve(['--port', port]);
  }
  await load.more(200);
  const sums = await load.end();
  sound(sums);
  equal(sums.failures, sums.uncertain, 'patient callers only ever hear of what is uncertain');
  check(sums.warned.some((line) => line.includes('is back')), 'the operator is told', sums.warned.join('\n'));
});

test('unix: a load by the socket', async (t) => {
  await t.redis(['--unixsocket', t.path('r')]);
  const load = startLoad(t, `unix:${t.path('r')}`, 8);
  await load.more(1000);
  const sums = await load.end();
  sound(sums);
  equal(sums.failures, 0);
});

test('bad input: each says what it is and what instead', async (t) => {
  const { port } = await t.redis();
  await fails(t, `redis://127.0.0.1:${await freePort()}`, 'UNREACHABLE', ['is not there', 'Connection refused']);
  await fails(t, `unix:${t.path('none')}`, 'UNREACHABLE', ['No such file']);
  await fails(t, 'redis://no-such-host.invalid', 'UNREACHABLE', ['cannot find no-such-host.invalid']);
  await fails(t, 'redsi://h', 'ARGUMENT', ["was 'redis:' meant?"]);
  await fails(t, `redis+cluster://127.0.0.1:${port}`, 'CONFIG', ['is no cluster', 'redis://host:port']);
  await fails(t, `redis+sentinel://127.0.0.1:${port}/m`, 'UNREACHABLE', ['unknown command']);
});

test('login: user and password, and what is said without', async (t) => {
  const { port } = await t.redis(['--requirepass', 'se@same', '--user', 'mail', 'on', '>pw', '~*', '+@all']);
  equal((await call(t, `redis://:se%40same@127.0.0.1:${port}`, ['PING'])).said, 'PONG');
  equal((await call(t, `redis://mail:pw@127.0.0.1:${port}`, ['ACL', 'WHOAMI'])).said, 'mail');
  await fails(t, `redis://127.0.0.1:${port}`, 'PERMISSION', ['wants a password', 'redis://user:password@host']);
  await fails(t, `redis://mail:wrong@127.0.0.1:${port}`, 'PERMISSION', ['refuses this user and password', 'WRONGPASS']);
});

test('a server that evicts is warned of once', async (t) => {
  const { port } = await t.redis(['--maxmemory-policy', 'allkeys-lru']);
  const { warned } = await call(t, `redis://127.0.0.1:${port}`, ['PING']);
  check(warned.length === 1 && warned[0].includes('allkeys-lru') && warned[0].includes('noeviction'), 'one warning', warned.join('\n'));
});

test('a server that loads is waited for', async (t) => {
  const server = await t.redis(['--enable-debug-command', 'yes', '--key-load-delay', '5000', '--loading-process-events-interval-bytes', '1024']);
  const [admin, other] = [await t.connect(server), await t.connect(server)];
  await ask(admin, 'DEBUG', 'POPULATE', '400');
  await ask(admin, 'SET', 'a', 'x');
  const reload = ask(admin, 'DEBUG', 'RELOAD');
  await until('it says LOADING', async () => (await other.call('GET', 'a')).text.startsWith('LOADING'));
  equal((await call(t, `redis://127.0.0.1:${server.port}`, ['GET', 'a'])).said, 'x');
  await reload;
});

for (const [name, start] of Object.entries({
  'redis-server': (t, own) => redisWithTls(t, own, ['--tls-auth-clients', 'no']),
  'oxq serve': async (t, own) => (await t.serve(['--tls-cert', own.cert, '--tls-key', own.key])).port,
})) {
  test(`tls on ${name}: many threads, and nobody who is not trusted`, async (t) => {
    const [own, other] = [certificate(t, 'own'), certificate(t, 'other')];
    const port = await start(t, own);
    const load = startLoad(t, `rediss://127.0.0.1:${port}?ca=${own.ca}`, 16);
    await load.more(1000);
    const sums = await load.end();
    sound(sums);
    equal(sums.failures, 0, sums.line);
    equal((await call(t, `rediss://localhost:${port}?ca=${own.ca}`, ['PING'])).said, 'PONG');
    equal((await call(t, `rediss://127.0.0.1:${port}?insecure=yes`, ['PING'])).said, 'PONG');
    await fails(t, `rediss://127.0.0.1:${port}?ca=${other.ca}`, 'TLS', ['certificate']);
    await fails(t, `rediss://127.0.0.1:${port}`, 'TLS', ['self-signed']);
    await fails(t, `rediss://127.0.0.2:${port}?ca=${own.ca}`, 'UNREACHABLE', []).catch(() => fails(t, `rediss://127.0.0.2:${port}?ca=${own.ca}`, 'TLS', ['IP address mismatch']));
    await fails(t, `rediss://127.0.0.1:${port}?ca=${t.path('none')}`, 'TLS', ['certificate authority', 'none', 'No such file or directory']);
  });
}

test('tls on redis-server: the client shows a certificate of its own', async (t) => {
  const own = certificate(t, 'own');
  const port = await redisWithTls(t, own);
  equal((await call(t, `rediss://127.0.0.1:${port}?ca=${own.ca}&cert=${own.cert}&key=${own.key}`, ['PING'])).said, 'PONG');
  const { said } = await call(t, `rediss://127.0.0.1:${port}?ca=${own.ca}`, ['PING']);
  check(said.startsWith('error '), 'without one it does not get in', said);
});
