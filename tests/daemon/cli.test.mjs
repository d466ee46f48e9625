// SPDX-License-Identifier: MIT
/* The commands that are not serve. */
import net from 'node:net';
import { mkdirSync, readFileSync } from 'node:fs';
import { writeCertificate } from '../e2e/lib/certificate.mjs';
import { check, equal, test } from './lib/kit.mjs';
import { freePort } from '../support/port.mjs';

async function failed(t, args, text, env) {
  const run = await t.oxq(args, env);
  equal(run.status, 1, `exit code of oxq ${args.join(' ')}`);
  check(run.lines.length === 1 && run.lines[0].includes(text), `one line with: ${text}`, run.stderr);
}

test('cli: version and help', async (t) => {
  const version = await t.oxq(['version']);
  check(/^oxq \d+\.\d+\.\d+\n$/.test(version.stdout), 'the version', version.stdout);
  equal((await t.oxq(['--version'])).stdout, version.stdout);
  for (const args of [['help'], ['--help']]) {
    const help = await t.oxq(args);
    equal(help.status, 0);
    for (const name of ['serve', 'ping', 'config', 'dump', 'load', 'backup', 'restore', 'check', 'version', 'help']) check(help.stdout.includes(`\n  ${name} `), `${name} is listed`, help.stdout);
  }
  for (const name of ['serve', 'ping', 'config', 'dump', 'load', 'backup', 'restore', 'check', 'commands', 'version']) {
    const one = await t.oxq(['help', name]);
    check(one.status === 0 && one.stdout.startsWith(`Usage: oxq ${name}`), `help of ${name}`, one.stdout);
    equal((await t.oxq([name, '--help'])).stdout, one.stdout);
    equal((await t.oxq([name, '-h'])).stdout, one.stdout);
  }
  const bare = await t.oxq([]);
  check(bare.status === 2 && bare.stdout.startsWith('Usage: oxq'), 'no command shows the usage', bare.stdout);
});

test('cli: the manual names every flag and every command', async (t) => {
  const manual = (page) => readFileSync(new URL(`../../docs/man/${page}.1`, import.meta.url), 'utf8');
  const flags = async (...args) => [...(await t.oxq([...args, '--help'])).stdout.matchAll(/^ +--([a-z-]+)/gm)].map((match) => match[1]);
  for (const name of await flags('serve')) check(manual('oxq-serve').includes(`Fl -${name} `) || manual('oxq-serve').includes(`Fl -${name}\n`), `oxq-serve.1 has --${name}`);
  for (const command of ['ping', 'dump', 'load', 'backup', 'restore', 'check', 'work']) {
    for (const name of await flags(command)) check(new RegExp(`Fl -${name}\\b`).test(manual(`oxq-${command}`)), `oxq-${command}.1 has --${name}`);
  }
  for (const [, name] of (await t.oxq(['help'])).stdout.matchAll(/^  ([a-z]+)/gm)) check(new RegExp(`^\\.It (.* )?Cm ${name}\\b`, 'm').test(manual('oxq')), `oxq.1 has ${name}`);
});

test('cli: what makes no sense is named, with what was meant', async (t) => {
  await t.refused(['sreve'], ["unknown command 'sreve'", 'oxq serve']);
  await t.refused(['something'], ["unknown command 'something'", 'oxq help']);
  await t.refused(['ping', '--prot', '1'], ['unknown flag --prot', '--port']);
  await t.refused(['ping', '--port'], ['--port needs a value']);
  await t.refused(['ping', 'now'], ['now']);
  await t.refused(['ping', '--url', 'localhost:7700'], ['redis://host:port']);
  await t.refused(['ping', '--url', 'redis://:sesame@h:x'], ['port']);
  await t.refused(['ping', '--url', 'redis://h', '--port', '1'], ['exclude']);
  await t.refused(['ping', '--timeout', 'soon'], ['milliseconds']);
  await t.refused(['config'], ['get, set and print']);
  await t.refused(['config', 'show'], ['show']);
  await t.refused(['version', 'x'], ['x']);
});

test('cli: ping says PONG and the time', async (t) => {
  const server = await t.serve(['--unix', t.path('s')]);
  for (const args of [['--port', server.port], [`--url=redis://127.0.0.1:${server.port}/3`], ['--url', t.path('s')], ['--url', `unix://${t.path('s')}`]]) {
    const run = await t.oxq(['ping', ...args]);
    check(run.status === 0 && /^PONG \d+\.\d{3} ms\n$/.test(run.stdout), `ping ${args.join(' ')}`, run.stdout + run.stderr);
  }
  equal((await t.oxq(['ping'], { OXQ_URL: `redis://127.0.0.1:${server.port}` })).status, 0);
});

test('cli: ping and config get are JSON for programs', async (t) => {
  const server = await t.serve();
  const ping = JSON.parse((await t.oxq(['ping', '--json', '--port', server.port])).stdout);
  equal([Object.keys(ping), ping.ms > 0], [['ms'], true]);
  const config = await t.oxq(['config', 'get', '--json', '--port', server.port, 'maxmemory', 'durability']);
  equal(JSON.parse(config.stdout), { durability: 'always', maxmemory: '0' });
  await t.refused(['config', 'set', '--json', 'a', 'b'], ['unknown flag --json']);
});

test('cli: version, commands and the configuration are JSON for programs', async (t) => {
  const objects = async (...args) => (await t.oxq(args)).stdout.trim().split('\n').map((line) => JSON.parse(line));
  const [{ version, ...more }] = await objects('version', '--json');
  equal([`oxq ${version}\n`, more], [(await t.oxq(['version'])).stdout, {}]);
  const commands = await objects('commands', '--json');
  const markdown = (await t.oxq(['commands'])).stdout;
  equal(commands.map(({ name, arguments: args }) => `${name} ${args}`.trim()), [...markdown.matchAll(/^\| `(.*?)` \|/gm)].map((match) => match[1].replaceAll('\\|', '|')), 'those in Markdown');
  equal(commands.find(({ name }) => name === 'CLIENT PAUSE'), {
    name: 'CLIENT PAUSE',
    group: 'connection',
    arguments: 'timeout [WRITE | ALL]',
    summary: 'Keeps commands back for a while.',
    complexity: 'O(1)',
    since: '3.0.0',
  });
  const env = { OXQ_TIMEOUT: '40', OXQ_PASSWORD: 'sesame' };
  const print = await t.oxq(['config', 'print', '--json', '--port=7003'], env);
  equal(print.stdout, (await t.oxq(['serve', '--port=7003', '--json', '--print-config'], env)).stdout);
  const config = JSON.parse(print.stdout);
  equal([config.version, config.file], [version, null]);
  equal([config.parameters.port, config.parameters.timeout], [{ value: '7003', source: 'flag' }, { value: '40', source: 'environment' }]);
  equal([config.parameters.password, config.parameters.maxmemory], [{ value: null, source: 'environment' }, { value: '0', source: 'default' }]);
  const names = (await t.oxq(['config', 'print', '--port=7003'], env)).stdout.matchAll(/^(?:# )?([a-z-]+): .*#/gm);
  equal(Object.keys(config.parameters), [...names].map((match) => match[1]), 'as many as in YAML');
  check(!print.stdout.includes('sesame'), 'the password is not printed', print.stdout);
  await t.refused(['serve', '--json'], ['--print-config', '--log-format']);
});

test('cli: ping gives the password', async (t) => {
  const { port } = await t.serve(['--password', 'se same']);
  await failed(t, ['ping', '--port', port], 'NOAUTH');
  await failed(t, ['ping', '--port', port, '--password', 'wrong'], 'WRONGPASS');
  equal((await t.oxq(['ping', '--port', port, '--password', 'se same'])).status, 0);
  equal((await t.oxq(['ping', '--port', port], { OXQ_PASSWORD: 'se same' })).status, 0);
  equal((await t.oxq(['ping', '--url', `redis://:se%20same@127.0.0.1:${port}`])).status, 0);
  equal((await t.oxq(['ping', '--url', `redis://default:se%20same@127.0.0.1:${port}`])).status, 0);
});

test('cli: ping over TLS checks the certificate', async (t) => {
  mkdirSync(t.path('own'));
  const { cert, key, ca } = writeCertificate(t.path('own'));
  const { port } = await t.serve(['--tls-cert', cert, '--tls-key', key]);
  equal((await t.oxq(['ping', '--url', `rediss://localhost:${port}`, '--tls-ca', ca])).status, 0);
  equal((await t.oxq(['ping', '--url', `rediss://127.0.0.1:${port}`, '--tls-ca', ca])).status, 0);
  await failed(t, ['ping', '--url', `rediss://127.0.0.1:${port}`], 'certificate');
  await failed(t, ['ping', '--url', `rediss://127.0.0.1:${port}`, '--tls-ca', t.path('none')], 'No such file or directory');
  const plain = await t.serve(['--dir', t.path('plain')]);
  await failed(t, ['ping', '--url', `rediss://127.0.0.1:${plain.port}`, '--tls-ca', ca], 'what the other side says is no TLS');
});

test('cli: ping says why nobody answers', async (t) => {
  await failed(t, ['ping', '--port', await freePort()], 'Connection refused');
  await failed(t, ['ping', '--url', t.path('none')], 'No such file');
  const mute = net.createServer(() => {}).listen(0, '127.0.0.1');
  await new Promise((resolve) => mute.once('listening', resolve));
  await failed(t, ['ping', '--timeout', '50', '--port', mute.address().port], 'no answer from');
  await failed(t, ['ping', '--timeout', '50', '--url', `rediss://127.0.0.1:${mute.address().port}`], 'if it speaks no TLS: redis://');
  mute.close();
  const other = net.createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')).listen(0, '127.0.0.1');
  await new Promise((resolve) => other.once('listening', resolve));
  await failed(t, ['ping', '--port', other.address().port], 'does not speak the Redis protocol');
  other.close();
});

test('cli: config shows and changes a running server', async (t) => {
  const { port } = await t.serve();
  equal((await t.oxq(['config', 'get', '--port', port, 'maxmemory', 'tcp-keepalive'])).stdout, 'maxmemory: 0\ntcp-keepalive: 300\n');
  equal((await t.oxq(['config', 'set', '--port', port, 'maxmemory', '64mb', 'timeout', '9'])).status, 0);
  equal((await t.oxq(['config', 'get', 'maxmemory', '--port', port])).stdout, 'maxmemory: 67108864\n');
  await failed(t, ['config', 'set', '--port', port, 'maxmemory', 'lots'], 'memory value');
  await failed(t, ['config', 'get', '--port', port, 'nonsense'], 'no parameter');
  await t.refused(['config', 'set', '--port', port, 'maxmemory'], ['names and values']);
  await t.refused(['config', 'get', '--port', port], ['name or a pattern']);
});

test('cli: config print shows what serve would start with', async (t) => {
  const print = await t.oxq(['config', 'print', '--port=7003']);
  equal(print.status, 0);
  equal(print.stdout, (await t.oxq(['serve', '--port=7003', '--print-config'])).stdout);
  check(print.stdout.includes('port: 7003  # flag\n'), 'the flag', print.stdout);
  await t.refused(['config', 'print', '--prot=1'], ['--port']);
});
