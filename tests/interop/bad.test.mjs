// SPDX-License-Identifier: MIT
/* What bad input gets: each is told what it is and what instead, word by word. And a server that goes in the middle of a job. */
import { writeFileSync } from 'node:fs';
import { check, equal, sleep, test, until } from '../daemon/lib/kit.mjs';
import { freePort } from '../support/port.mjs';
import { running, seenByC, startPeer, told } from './lib/sides.mjs';

const SCHEMES = 'there are redis://, rediss://, unix:, file:, redis+sentinel://, rediss+sentinel://, redis+cluster:// and rediss+cluster://';
const PASSWORD = 'URL: redis://user:password@host';
const add = (...options) => ['add', 'q', 'n', '1', ...options];

/* What a peer is told (see peer.c), and its line. HOST is a Redis with the password pw, GONE a port where nobody is. */
const TABLE = [
  ['http://HOST', add(), `ARGUMENT open: no URL begins with 'http:'; ${SCHEMES}`],
  ['redsi://HOST', add(), `ARGUMENT open: no URL begins with 'redsi:' (was 'redis:' meant?); ${SCHEMES}`],
  ['HOST', add(), `ARGUMENT open: the URL has no scheme: write redis://host:port; ${SCHEMES}`],
  ['file:', add(), 'ARGUMENT open: a file: URL names a folder, such as file:./data'],
  ['file:x?durabilty=off', add(), "ARGUMENT open: file: URL: 'durabilty=off' is no setting of a folder: durability=, memory-target=, maxmemory=, checkpoint-interval=, checkpoint-journal-size= and journal-segment-size= are"],
  ['redis://GONE', add(), 'UNREACHABLE add: the server GONE is not there: cannot connect to GONE: Connection refused; start it, or mend the URL'],
  ['unix:/nowhere', add(), 'UNREACHABLE add: the server /nowhere is not there: cannot connect to /nowhere: No such file or directory; start it, or mend the URL'],
  ['redis+sentinel://HOST', add(), 'ARGUMENT open: behind the Sentinels stands their name for the master: redis+sentinel://host:26379/mymaster'],
  ['redis+cluster://HOST', add(), 'ARGUMENT open: the prefix "bull" has no hash tag, so that a cluster would spread a queue\'s keys over its nodes: use "{bull}", there and in BullMQ\'s options'],
  ['redis://HOST', add(), `PERMISSION add: the server HOST wants a password: NOAUTH Authentication required. (${PASSWORD})`],
  ['redis://me:wrong@HOST', add(), `PERMISSION add: the server HOST refuses this user and password: WRONGPASS invalid username-password pair or user is disabled. (${PASSWORD})`],
  ['redis://:pw@HOST/99', add(), 'ARGUMENT add: the server HOST has no database 99: ERR DB index is out of range'],
  ['redis://:pw@HOST', ['add', 'q', 'n', 'hello'], 'FORMAT add: job "n": the data is not JSON: byte 1 does not fit there; a text needs its quotes'],
  ['redis://:pw@HOST', ['add', 'q', 'n', '{"a":'], 'FORMAT add: job "n": the data is not JSON: it ends too early, after 5 bytes; a text needs its quotes'],
  ['redis://:pw@HOST', add('priority=-1'), 'ARGUMENT add: job "n": priority -1: priorities are 0 .. 2097151; 1 comes first, and 0 before all'],
  ['redis://:pw@HOST', add('priority=2097152'), 'ARGUMENT add: job "n": priority 2097152: priorities are 0 .. 2097151; 1 comes first, and 0 before all'],
  ['redis://:pw@HOST', add('delay=-1'), 'ARGUMENT add: job "n": delay -1: a delay in the past; leave it out and the job runs at once'],
  ['redis://:pw@HOST', add('delay=9999999999999'), 'ARGUMENT add: job "n": delay 9999999999999, timestamp 0: times are milliseconds and reach to September 2039'],
  ['redis://:pw@HOST', add('attempts=-1'), 'ARGUMENT add: job "n": attempts -1: write how often the job may be tried, 1 or more'],
  ['redis://:pw@HOST', add('id=a:b'), 'ARGUMENT add: job "n": job id a:b: an id has no colon, which divides the parts of keys; use - or .'],
  ['redis://:pw@HOST', add('id=123'), 'ARGUMENT add: job "n": job id 123: numbers are the ids that the queue makes; put something before it: order-123'],
  ['redis://:pw@HOST', ['add', 'q', 'n', '"0123456789"', 'size=5'], 'LIMIT add: job "n": the data has 12 bytes and sizeLimit is 5; keep large things elsewhere and name them'],
  ['redis://:pw@HOST', ['add', 'a:b', 'n', '1'], 'ARGUMENT queue: queue a:b: a name has no colon, which divides the parts of keys; use - or .'],
  ['redis://:pw@HOST', ['cron', 'q', 's', '0 0 31 2 *'], 'ARGUMENT cron: scheduler s: cron text, day of the month, character 5: "31" never comes in its months; write a day that one of them has, or L for the last'],
  ['redis://:pw@HOST', ['cron', 'q', 's', '99 * * * *'], 'ARGUMENT cron: scheduler s: cron text, minute, character 1: "99" is out of range; write 0 to 59'],
  ['redis://:pw@HOST', ['cron', 'q', 's', '* * *'], 'ARGUMENT cron: scheduler s: the cron text has 3 fields; write 5 (minute, hour, day of the month, month, day of the week) or 6 (with the second first)'],
  ['redis://:pw@HOST', ['schedule', 'q', 's', '0', '0'], 'ARGUMENT schedule: scheduler s: a scheduler has either a cron pattern or `every`, in ms'],
  ['redis://:pw@HOST', ['get', 'q', 'none'], 'NOT_FOUND get: job none: there is no such job'],
];

test('bad input: each is told what it is and what instead', async (t) => {
  const { port } = await t.redis(['--requirepass', 'pw']);
  const gone = await freePort();
  const fill = (text) => text.replaceAll('HOST', `127.0.0.1:${port}`).replaceAll('GONE', `127.0.0.1:${gone}`);
  for (const [url, words, line] of TABLE) {
    const peer = startPeer(t, fill(url), ...words);
    equal([await peer.ended, peer.stdout], [1, `error ${fill(line)}\n`], `${url} ${words.join(' ')}`);
  }
  const client = await t.connect(port);
  await client.call('AUTH', 'pw');
  equal((await client.call('DBSIZE')).raw.toString(), ':0\r\n', 'and nothing was written');
});

test('a server that evicts is warned of once, however often it is connected to', async (t) => {
  const { port } = await t.redis(['--maxmemory-policy', 'allkeys-lru']);
  const peer = await running(t, `redis://127.0.0.1:${port}`, 'work', 'q', 4);
  const client = await t.connect(port);
  await client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  equal(await told(t, `redis://127.0.0.1:${port}`, 'wait', 'q', await told(t, `redis://127.0.0.1:${port}`, ...add())), 'completed {"by":"C","got":1}');
  equal(peer.logged('allkeys-lru'), ["the server's maxmemory-policy is allkeys-lru: it throws jobs away when memory is short; set it to noeviction"]);
});

/* ---------------------------------------------------------------- a server that goes in the middle of a job */

const oxq = (t, port) => t.serve(['--port', port]);
const redis = (t, port) => t.redis(['--port', port, '--appendonly', 'yes', '--appendfsync', 'always']);
/* Which server, and for how long; a peer's locks last two seconds. */
const ABSENCES = { 'oxq serve, for a moment': [oxq, 0], 'redis-server, for longer than its lock lasts': [redis, 2500] };

for (const [name, [start, ms]] of Object.entries(ABSENCES)) {
  test(`the server goes in the middle of a job (${name}): the job is finished`, async (t) => {
    const port = await freePort();
    const url = `redis://127.0.0.1:${port}`;
    const server = await start(t, port);
    const worker = await running(t, url, 'work', 'q', 1);
    const id = await told(t, url, 'add', 'q', 'gate', JSON.stringify({ file: t.path('gate') }));
    await until('the job runs', async () => (await seenByC(t, url, 'q', id)).state === 'active');
    const waiter = told(t, url, 'wait', 'q', id);
    const client = await t.connect(port);
    await until('its end is waited for', async () => (await client.call('CLIENT', 'LIST')).text.includes('cmd=xread'));
    await server.stop('SIGKILL');
    writeFileSync(t.path('gate'), '');
    await sleep(ms);
    await start(t, port);
    equal(await waiter, 'completed null', 'who waited for its end');
    equal(await told(t, url, 'wait', 'q', id), 'completed null');
    const { items } = await (await t.connect(port)).call('XRANGE', 'bull:q:events', '-', '+');
    const ends = items.filter((entry) => entry.items[1].items.map((item) => item.text).includes('completed'));
    equal(ends.length, 1, 'its end is told once');
    if (ms > 0) check(worker.logged('is not there').length && worker.logged('is back').length, 'the operator hears of it', worker.stderr);
    equal(await worker.stop(), 0, 'the worker ends when told to');
  });
}
