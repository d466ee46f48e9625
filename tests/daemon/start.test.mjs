// SPDX-License-Identifier: MIT
/* Starting: what it says, what it makes, and what it refuses. */
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { ask, check, equal, test } from './lib/kit.mjs';
import { freePort } from '../support/port.mjs';

test('start: one line says that it is ready, with where it serves', async (t) => {
  const server = await t.serve();
  const [line, ...more] = server.logged(' ready ');
  equal(more, []);
  for (const field of [`port=${server.port}`, `pid=${server.child.pid}`, 'bind=127.0.0.1', 'version=']) check(line.includes(field), `${field} is in the line`, line);
  const client = await t.connect(server);
  equal((await ask(client, 'PING')).text, 'PONG');
});

test('start: the log is JSON when asked for', async (t) => {
  const server = await t.serve(['--log-format', 'json']);
  const lines = server.lines.map((line) => JSON.parse(line));
  const ready = lines.find((line) => line.text === 'ready');
  equal(ready.port, server.port);
  equal(ready.level, 'info');
});

test('start: what this version does not do is said', async (t) => {
  const server = await t.serve(['--http-port', '7780']);
  check(server.logged('HTTP is not in this version').length === 1, 'a line about HTTP', server.stderr);
});

test('start: the data folder is made with its parents, for its owner alone', async (t) => {
  await t.serve(['--dir', t.path('a/b/c')]);
  equal((statSync(t.path('a/b/c')).mode & 0o777).toString(8), '700');
});

test('start: it refuses to be open to the world without a password', async (t) => {
  for (const bind of ['0.0.0.0', '*', '127.0.0.1 192.0.2.7', '::']) {
    await t.refused(['serve', '--bind', bind, '--dir', t.path('data')], ['without a password', '--password', '--bind 127.0.0.1']);
  }
  check(!existsSync(t.path('data')), 'nothing was made before it refused');
});

test('start: it is open to the world with a password', async (t) => {
  const server = await t.serve(['--bind', '*', '--password', 'sesame']);
  const client = await t.connect(server);
  equal((await client.call('PING')).text, 'NOAUTH Authentication required.');
  await ask(client, 'AUTH', 'sesame');
  equal((await ask(client, 'PING')).text, 'PONG');
  check(!server.stderr.includes('sesame'), 'the password is not in the log');
  equal((await client.call('CONFIG', 'SET', 'requirepass', '')).type, '-');
});

test('start: a port that is in use is named, with what to do', async (t) => {
  const { port } = await t.serve();
  await t.refused(['serve', '--port', port, '--dir', t.path('other')], [`127.0.0.1:${port} is in use`, '--port']);
});

test('start: an address that is not ours is named', async (t) => {
  await t.refused(['serve', '--bind', '192.0.2.7', '--password', 'x', '--port', await freePort()], ['192.0.2.7', 'not an address of this machine', '--bind']);
});

test('start: a data folder that cannot be used is named, with what to do', async (t) => {
  t.write('file', 'x');
  await t.refused(['serve', '--dir', t.path('file')], ['file is not a folder', '--dir']);
  await t.refused(['serve', '--dir', t.path('file/below')], ['file', '--dir']);
  await t.refused(['serve', '--dir', '/proc/none/such'], ['/proc/none', '--dir']);
  mkdirSync(t.path('locked'), { mode: 0 });
  /* Root is let in everywhere by two capabilities. */
  const asAnybody = process.getuid() === 0 ? 'setpriv --bounding-set -dac_override,-dac_read_search' : '';
  const run = await t.shell(`${asAnybody} "$OXQ" serve --dir locked`);
  check(run.status === 2 && /locked.*Permission denied.*--dir/.test(run.stderr), 'a folder that nobody may enter', run.status, run.stderr);
});

test('start: flags that make no sense are named, with what was meant', async (t) => {
  await t.refused(['serve', '--prot', '1'], ['unknown flag --prot', '--port']);
  await t.refused(['serve', '--something-else'], ['unknown flag --something-else', 'oxq serve --help']);
  await t.refused(['serve', 'now'], ["unknown argument 'now'"]);
  await t.refused(['serve', '--port'], ['--port needs a value']);
  await t.refused(['serve', '--port', '70000'], ['--port 70000', 'between 0 and 65535']);
  await t.refused(['serve', '--maxmemory=lots'], ['--maxmemory lots', 'memory value']);
  await t.refused(['serve', '--durability=never'], ['--durability never', 'always, interval:<ms>, off or none']);
  await t.refused(['serve', '--maxmemory-policy=allkeys-lru'], ['never evicts']);
  await t.refused(['serve', '--port', '0', '--durability', 'none'], ['nothing to listen on', '--unix']);
});

test('start: an environment or a file that makes no sense is named, with its place', async (t) => {
  await t.refused(['serve'], ['OXQ_TIMEOUT=soon', 'integer'], { OXQ_TIMEOUT: 'soon' });
  await t.refused(['serve', '--config', t.path('none.yaml')], ['none.yaml', 'No such file']);
  const file = t.write('bad.yaml', 'port: 7001\nmaxmemroy: 1gb\n');
  await t.refused(['serve', '--config', file], ['bad.yaml:2', "unknown key 'maxmemroy'", "'maxmemory'"]);
  t.write('oxq.yaml', 'port: [\n');
  await t.refused(['serve'], ['oxq.yaml:2']);
});

test('start: a flag beats the environment, which beats the file', async (t) => {
  t.write('oxq.yaml', 'port: 7001\ntimeout: 30\nmaxclients: 50\nrequirepass: sesame\n');
  const run = await t.oxq(['serve', '--port=7003', '--print-config'], { OXQ_PORT: '7002', OXQ_TIMEOUT: '40' });
  equal(run.status, 0);
  const line = (name) => run.stdout.split('\n').find((text) => text.startsWith(`${name}: `));
  equal(line('port'), 'port: 7003  # flag');
  equal(line('timeout'), 'timeout: 40  # environment');
  equal(line('maxclients'), 'maxclients: 50  # file');
  equal(line('tcp-keepalive'), 'tcp-keepalive: 300  # default');
  check(run.stdout.includes('file: oxq.yaml'), 'the file is named', run.stdout);
  check(!run.stdout.includes('sesame'), 'the password is not printed', run.stdout);
});

test('start: the settings reach the server', async (t) => {
  t.write('oxq.yaml', 'maxmemory: 64mb\n');
  const server = await t.serve(['--timeout', '77'], { OXQ_MAXCLIENTS: '55' });
  const client = await t.connect(server);
  const get = async (name) => (await ask(client, 'CONFIG', 'GET', name)).items[1].text;
  equal([await get('maxmemory'), await get('timeout'), await get('maxclients')], ['67108864', '77', '55']);
});

test('start: a variable that is no parameter is told, without its value', async (t) => {
  const jobs = { OXQ_URL: 'file:x', OXQ_JOB_ID: '1', OXQ_JOB_NAME: 'n', OXQ_QUEUE: 'q', OXQ_ATTEMPT: '1', OXQ_ATTEMPTS: '3', OXQ_PUSH_SECRET: 's' };
  const server = await t.serve([], { ...jobs, OXQ_MAXMEMROY: 'sesame', OXQ_MAXCLIENTS: '55' });
  const told = server.logged('no parameter');
  equal(told.length, 1);
  check(told[0].includes(' name=OXQ_MAXMEMROY nearest=OXQ_MAXMEMORY') && !told[0].includes('sesame'), 'what was meant', told[0]);
});
