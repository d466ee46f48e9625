// SPDX-License-Identifier: MIT
/* TLS: certificates made on the spot, checked by both sides. */
import { mkdirSync, readFileSync } from 'node:fs';
import { writeCertificate } from '../e2e/lib/certificate.mjs';
import { ask, check, closed, equal, loggedOnce, test, until } from './lib/kit.mjs';
import { freePort } from '../support/port.mjs';

function certificate(t, name) {
  mkdirSync(t.path(name));
  return writeCertificate(t.path(name));
}

const flags = ({ cert, key }) => ['--tls-cert', cert, '--tls-key', key];
const pem = (file) => readFileSync(file);

test('tls: requests and long replies pass', async (t) => {
  const own = certificate(t, 'own');
  const server = await t.serve(flags(own));
  const client = await t.connectTls(server.port, { ca: pem(own.ca) });
  await ask(client, 'SET', 'big', 'z'.repeat(3_000_000));
  equal((await ask(client, 'GET', 'big')).text.length, 3_000_000);
  for (let i = 0; i < 100; i++) client.send(['ECHO', `${i}`]);
  for (let i = 0; i < 100; i++) equal((await client.read()).text, `${i}`);
});

test('tls: a client that does not trust the certificate does not get in', async (t) => {
  const server = await t.serve(flags(certificate(t, 'own')));
  const other = certificate(t, 'other');
  const error = await t.connectTls(server.port, { ca: pem(other.ca) }).then(() => null, (why) => why);
  check(error, 'it was refused');
});

test('tls: with an authority, clients need a certificate', async (t) => {
  const [own, theirs, other] = [certificate(t, 'own'), certificate(t, 'theirs'), certificate(t, 'other')];
  const server = await t.serve([...flags(own), '--tls-ca', theirs.ca]);
  const good = await t.connectTls(server.port, { ca: pem(own.ca), cert: pem(theirs.cert), key: pem(theirs.key) });
  equal((await ask(good, 'PING')).text, 'PONG');
  for (const extra of [{}, { cert: pem(other.cert), key: pem(other.key) }]) {
    /* TLS 1.3 tells a client only after it believes to be in. */
    const bad = await t.connectTls(server.port, { ca: pem(own.ca), ...extra }).catch(() => null);
    if (bad) await closed(bad);
  }
  await until('a line for each', () => server.logged('client closed by the server').length === 2);
  equal((await ask(good, 'PING')).text, 'PONG');
});

test('tls: an authority with tls-auth-clients no asks nobody', async (t) => {
  const own = certificate(t, 'own');
  const server = await t.serve([...flags(own), '--tls-ca', own.ca, '--tls-auth-clients', 'no']);
  equal((await ask(await t.connectTls(server.port, { ca: pem(own.ca) }), 'PING')).text, 'PONG');
});

test('tls: plain bytes are closed with one line, and hold nobody up', async (t) => {
  const own = certificate(t, 'own');
  const server = await t.serve(flags(own));
  const silent = await t.connect(server);
  const plain = await t.connect(server);
  plain.write('*1\r\n$4\r\nPING\r\n');
  await closed(plain);
  equal((await ask(await t.connectTls(server.port, { ca: pem(own.ca) }), 'PING')).text, 'PONG');
  await loggedOnce(server, 'client closed by the server');
  check(!silent.isClosed, 'one that has said nothing yet may still do so');
});

test('tls: it can have a port of its own beside the plain one', async (t) => {
  const own = certificate(t, 'own');
  const port = await freePort();
  const server = await t.serve([...flags(own), '--tls-port', port]);
  await ask(await t.connect(server), 'SET', 'a', 'x');
  equal((await ask(await t.connectTls(port, { ca: pem(own.ca) }), 'GET', 'a')).text, 'x');
});

test('tls: files that cannot be used are named', async (t) => {
  const [own, other] = [certificate(t, 'own'), certificate(t, 'other')];
  await t.refused(['serve', '--tls-cert', own.cert], ['both a certificate and its key']);
  await t.refused(['serve', '--tls-cert', t.path('none.pem'), '--tls-key', own.key], ['none.pem', 'No such file or directory']);
  await t.refused(['serve', '--tls-cert', own.cert, '--tls-key', other.key], [other.key]);
  await t.refused(['serve', ...flags(own), '--tls-ca', own.key], ['certificate authority', own.key]);
  await t.refused(['serve', ...flags(own), '--tls-ca', t.path('none.pem')], ['certificate authority', 'none.pem', 'No such file or directory']);
});
