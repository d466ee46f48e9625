// SPDX-License-Identifier: MIT
/* oxq work --push: an HTTP request for each job, to a server of Node. */
import { createHmac } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { writeCertificate } from '../e2e/lib/certificate.mjs';
import { check, equal, test, until } from '../daemon/lib/kit.mjs';
import { freePort } from '../support/port.mjs';
import { benchTest } from './lib/bench.mjs';

const SECRET = Buffer.from('twenty-four bytes of key');

/** The convention's signature, computed from its text. */
function signatureOf(key, { headers, body }) {
  const content = Buffer.concat([Buffer.from(`${headers['webhook-id']}.${headers['webhook-timestamp']}.`), body]);
  return `v1,${createHmac('sha256', key).update(content).digest('base64')}`;
}

function say(response, status, body = '', headers = {}) {
  response.writeHead(status, headers).end(body);
}

/** A job, and answers that are given in turn, the last of them again and again; { seen, job, to } once it is in the state. */
async function pushed(b, answers, { state = 'completed', options = {}, flags = [] } = {}) {
  const to = await b.receiver((response, n) => say(response, ...answers[Math.min(n, answers.length) - 1]));
  const job = await b.add({ a: 1 }, options);
  const worker = b.work(['--push', to.url, ...flags]);
  const seen = await b.reaches(job, state);
  equal(await worker.stop(), 0);
  return { seen, to, worker };
}

benchTest('push: the data, with headers that say whose it is', async (b, t) => {
  const to = await b.receiver((response, n) => say(response, 200, `{"n": ${n}}`, { 'content-type': 'application/json' }));
  const data = { to: 'Zoë', n: [1, 2.5, null] };
  const jobs = [await b.add(data, { attempts: 3 }, 'hello'), await b.add({ second: true }), await b.add()];
  await b.drain(['--push', to.url, '--secret', t.write('secret', `whsec_${SECRET.toString('base64')}\n`)]);
  const [first] = to.seen;
  equal([first.method, first.url, JSON.parse(first.body)], ['POST', '/jobs', data]);
  const { headers } = first;
  equal([headers['content-type'], headers['oxq-job-id'], headers['oxq-job-name']], ['application/json', jobs[0].id, 'hello']);
  equal([headers['oxq-queue'], headers['oxq-attempt'], headers['oxq-attempts']], ['q', '1', '3']);
  check(/^oxq\/\d/.test(headers['user-agent']), 'who sends it', headers['user-agent']);
  equal(headers['webhook-id'], `q:${jobs[0].id}:${jobs[0].timestamp}`);
  check(Math.abs(Number(headers['webhook-timestamp']) * 1000 - first.at) < 60_000, 'when it was sent', headers['webhook-timestamp']);
  for (const one of to.seen) equal(one.headers['webhook-signature'], signatureOf(SECRET, one));
  for (const [i, job] of jobs.entries()) equal([(await b.see(job)).state, (await b.see(job)).result], ['completed', { n: i + 1 }]);
  equal(to.connections(), 1, 'all on one connection');
});

benchTest('push: secrets by the environment, several, none', async (b) => {
  const to = await b.receiver((response) => say(response, 204));
  const job = await b.add();
  await b.drain(['--push', to.url], { OXQ_PUSH_SECRET: `new words\nwhsec_${SECRET.toString('base64')}` });
  equal(to.seen[0].headers['webhook-signature'], `${signatureOf('new words', to.seen[0])} ${signatureOf(SECRET, to.seen[0])}`);
  equal((await b.see(job)).result, null);
  await b.add();
  await b.drain(['--push', to.url]);
  equal([to.seen[1].headers['webhook-signature'], typeof to.seen[1].headers['webhook-id']], [undefined, 'string']);
});

benchTest('push: names cannot make headers', async (b) => {
  const to = await b.receiver((response) => say(response, 200, 'plain text\n'));
  const job = await b.add({}, { jobId: 'a.b c%\r\nx-evil= 1' }, 'é\r\n\r\nbody');
  await b.drain(['--push', to.url]);
  const { headers } = to.seen[0];
  equal([headers['x-evil'], headers['oxq-job-id'], headers['oxq-job-name']], [undefined, 'a.b%20c%25%0D%0Ax-evil=%201', '%C3%A9%0D%0A%0D%0Abody']);
  equal((await b.see(job)).result, 'plain text');
});

benchTest('push: 5 MB there and back', async (b) => {
  const to = await b.receiver((response, n, { body }) => say(response, 200, body));
  const job = await b.add({ blob: 'x'.repeat(5_000_000) });
  await b.drain(['--push', to.url]);
  equal((await b.see(job)).result.blob.length, 5_000_000);
});

for (const status of [429, 503]) {
  benchTest(`push: ${status} with seconds: not before, and no attempt`, async (b) => {
    const { seen, to } = await pushed(b, [[status, 'busy', { 'retry-after': '2' }], [200, 'ok']]);
    equal([seen.result, seen.attempts, to.seen.length], ['ok', 1, 2]);
    check(to.seen[1].at - to.seen[0].at >= 2000, 'two seconds later', to.seen[1].at - to.seen[0].at);
    equal([to.seen[1].headers['oxq-attempt'], to.seen[1].headers['webhook-id']], ['1', to.seen[0].headers['webhook-id']]);
  });
}

benchTest('push: 429 with a date: not before', async (b) => {
  const at = Math.ceil(Date.now() / 1000) * 1000 + 3000;
  const { seen, to } = await pushed(b, [[429, '', { 'retry-after': new Date(at).toUTCString() }], [200, 'ok']]);
  equal([seen.result, seen.attempts], ['ok', 1]);
  check(to.seen[1].at >= at, 'at that time', to.seen[1].at - at);
});

benchTest('push: 429 without a time comes again after the usual delay', async (b) => {
  const { seen, to } = await pushed(b, [[429], [200, 'ok']], { flags: ['--retry-after', '300ms'] });
  equal([seen.result, seen.attempts], ['ok', 1]);
  check(to.seen[1].at - to.seen[0].at >= 300, 'the delay', to.seen[1].at - to.seen[0].at);
});

benchTest('push: 408 and 5xx fail the attempt', async (b) => {
  const options = { attempts: 4, backoff: { type: 'fixed', delay: 1 } };
  const { seen, to } = await pushed(b, [[500, 'oops'], [503], [408], [200, 'ok']], { options });
  equal([seen.result, seen.attempts, to.seen.map(({ headers }) => headers['oxq-attempt'])], ['ok', 4, ['1', '2', '3', '4']]);
  equal(seen.stack.map((text) => text.split('\n')[0].replace(/^Error: /, '')), ['HTTP 500: oops', 'HTTP 503', 'HTTP 408']);
});

benchTest('push: other 4xx and redirects fail for good', async (b) => {
  const options = { attempts: 5 };
  const bad = await pushed(b, [[400, 'no such user']], { options, state: 'failed' });
  equal([bad.seen.reason, bad.seen.attempts, bad.to.seen.length], ['HTTP 400: no such user', 1, 1]);
  const moved = await pushed(b, [[302, '', { location: 'https://elsewhere.example/x' }]], { options, state: 'failed' });
  equal([moved.seen.attempts, moved.to.seen.length], [1, 1]);
  check(moved.seen.reason.includes('https://elsewhere.example/x'), 'it says where to', moved.seen.reason);
});

benchTest('push: a result beyond its limit fails for good, an error of that size is an error', async (b) => {
  const flags = ['--result-max', '1000'];
  const big = 'x'.repeat(100_000);
  const options = { attempts: 2, backoff: { type: 'fixed', delay: 1 } };
  const done = await pushed(b, [[200, big]], { flags, options, state: 'failed' });
  equal(done.seen.attempts, 1);
  check(done.seen.reason.includes('more than 1000 bytes'), 'it says the limit', done.seen.reason);
  const error = await pushed(b, [[500, big]], { flags, options, state: 'failed' });
  equal(error.seen.attempts, 2);
  check(error.seen.reason.startsWith('HTTP 500: xxx'), 'it says what the server said', error.seen.reason);
});

benchTest('push: an answer that is packed is unpacked, up to the limit of a result', async (b) => {
  const packed = (body) => [200, gzipSync(body), { 'content-encoding': 'gzip' }];
  const done = await pushed(b, [packed('{"zipped":true}')]);
  equal(done.seen.result, { zipped: true });
  const bomb = await pushed(b, [packed(Buffer.alloc(10_000_000))], { flags: ['--result-max', '1000'], state: 'failed' });
  check(bomb.seen.reason.includes('more than 1000 bytes'), 'it says the limit', bomb.seen.reason);
});

benchTest('push: no answer within the deadline', async (b) => {
  const to = await b.receiver(() => {});
  const job = await b.add({}, { attempts: 2 });
  const worker = b.work(['--push', to.url, '--deadline', '300ms']);
  const seen = await b.reaches(job, 'failed');
  equal([seen.reason, seen.attempts], ['no answer within 300 ms, the deadline', 2]);
  equal(await worker.stop(), 0);
});

benchTest('push: nobody there, and a connection that breaks off', async (b) => {
  const job = await b.add();
  await b.drain(['--push', `http://127.0.0.1:${await freePort()}/`]);
  const refused = await b.see(job);
  equal(refused.state, 'failed');
  check(/connect/i.test(refused.reason), 'it says so', refused.reason);
  const to = await b.receiver((response) => {
    response.writeHead(200, { 'content-length': '100' }).write('part');
    setImmediate(() => response.destroy());
  });
  const broken = await b.add();
  await b.drain(['--push', to.url]);
  equal((await b.see(broken)).state, 'failed', 'part of an answer is none');
});

benchTest('push: certificates are looked at', async (b, t) => {
  const made = (name) => {
    mkdirSync(t.path(name));
    return writeCertificate(t.path(name));
  };
  const [own, other] = [made('own'), made('other')];
  const to = await b.receiver((response) => say(response, 200, 'secret'), { tls: own });
  const good = await b.add();
  await b.drain(['--push', to.url, '--ca', own.ca]);
  equal((await b.see(good)).result, 'secret');
  for (const flags of [[], ['--ca', other.ca]]) {
    const bad = await b.add();
    await b.drain(['--push', to.url, ...flags]);
    const seen = await b.see(bad);
    equal(seen.state, 'failed');
    check(/certificate/i.test(seen.reason), 'it says why', seen.reason);
  }
  equal(to.seen.length, 1, 'nothing was sent to a stranger');
});

benchTest('push: a request that is under way is interrupted', async (b) => {
  const to = await b.receiver(() => {});
  const job = await b.add();
  const worker = b.work(['--push', to.url, '--grace', '0s']);
  await until('it was sent', () => to.seen.length === 1);
  equal(await worker.stop(), 0);
  equal(worker.logged(' interrupted ').length, 1);
  const seen = await b.see(job);
  equal([seen.state, seen.attempts], ['waiting', 0]);
});

test('push: a command line that makes no sense is refused', async (t) => {
  const url = ['--url', 'redis://127.0.0.1:1'];
  await t.refused(['work', 'q', ...url, '--push', 'ftp://127.0.0.1/'], ['http://']);
  await t.refused(['work', 'q', ...url, '--push', 'not a url'], ['http://']);
  await t.refused(['work', 'q', ...url, '--push', 'http://127.0.0.1/', '--ca', t.path('none.pem')], ['none.pem']);
  await t.refused(['work', 'q', ...url, '--push', 'http://127.0.0.1/', '--secret', t.path('none')], ['none']);
  await t.refused(['work', 'q', ...url, '--push', 'http://127.0.0.1/', '--secret', t.write('empty', '\n')], ['no secret']);
});
