// SPDX-License-Identifier: MIT
/** What BullMQ has no word for: dead letters, steps, jobs that are gone, sweeps in several calls. Our driver acts, the keyspace is looked at. */
import assert from 'node:assert/strict';

const NOW = Date.UTC(2026, 0, 1);
const worker = { now: NOW, token: 't', lock: 30_000 };
const job = (jobId, opts = {}) => ({ name: 'send', data: { to: 1 }, opts: { jobId, ...opts } });

async function ok(driver, line) {
  const answer = await driver.ask({ ...worker, ...line });
  assert.ok('ok' in answer, JSON.stringify(answer));
  return answer.ok;
}

const add = (driver, queue, ...jobs) => ok(driver, { op: 'add', queue, jobs });
const fetch = (driver, queue, count) => ok(driver, { op: 'fetch', queue, count, worker: 'w1' });
const keepStep = (token, starts, result) => ({ op: 'keep_step', queue: 'mail', id: 'a', token, starts, step: 'send', result });
const failed = (id, opts) => ({ id, token: 't', failed: true, error: 'no "paper"', stack: 'Error: no\n    at print', opts });

/** The job `a` of the queue `mail` fails for good; its dead letter is 1, of `mail-dead`. */
async function die(driver, { data = { to: 1 }, opts = {}, prepare } = {}) {
  await ok(driver, { op: 'set_dead_queue', queue: 'mail', dead: 'mail-dead' });
  await add(driver, 'mail', { ...job('a', opts), data });
  await prepare?.();
  await fetch(driver, 'mail', 1);
  await ok(driver, { op: 'finish', queue: 'mail', count: 0, jobs: [failed('a', opts)] });
}

const replay = (driver, ...ids) => ok(driver, { op: 'replay', queue: 'mail-dead', now: NOW + 9, ids });
const without = (hash, ...names) => Object.fromEntries(Object.entries(hash).filter(([name]) => !names.includes(name)));

/* What cjson would not give back as it was. */
const RAW = '{"big":12345678901234567890,"x":0.10,"list":[],"map":{},"t":"a\\"}],:{\\u20ac","deep":[[{"a":[1]}]]}';

const checks = {
  async 'a job that failed for good is a job of the dead-letter queue'(driver, db) {
    await ok(driver, { op: 'set_dead_queue', queue: 'mail', dead: 'mail-dead' });
    await add(driver, 'mail', job('a', { attempts: 1 }));
    await fetch(driver, 'mail', 1);
    await ok(driver, { op: 'finish', queue: 'mail', now: NOW + 5, count: 0, jobs: [failed('a', { attempts: 1 })] });
    assert.equal(await db.hget('bull:mail:a', 'oxq.dead'), '1');
    assert.deepEqual(await db.lrange('bull:mail-dead:wait', 0, -1), ['1']);
    const dead = await db.hgetall('bull:mail-dead:1');
    assert.equal(dead.name, 'send');
    assert.deepEqual(JSON.parse(dead.data), {
      queue: 'mail', id: 'a', name: 'send', data: { to: 1 }, opts: { attempts: 1, jobId: 'a' }, failedReason: 'no "paper"',
      stacktrace: ['Error: no\n    at print'], attemptsMade: 1, attemptsStarted: 1, stalledCount: 0, processedBy: 'w1', parentKey: null,
      parent: null, timestamp: NOW, processedOn: NOW, finishedOn: NOW + 5,
    });
  },
  async 'a dead letter is there also when the failed job is not kept'(driver, db) {
    await ok(driver, { op: 'set_dead_queue', queue: 'mail', dead: 'mail-dead' });
    await add(driver, 'mail', job('a', { removeOnFail: true }));
    await fetch(driver, 'mail', 1);
    await ok(driver, { op: 'finish', queue: 'mail', count: 0, jobs: [failed('a', { removeOnFail: true })] });
    assert.equal(await db.exists('bull:mail:a'), 0);
    assert.deepEqual(JSON.parse(await db.hget('bull:mail-dead:1', 'data')).data, { to: 1 });
  },
  async 'without a name for it there is no dead letter'(driver, db) {
    await ok(driver, { op: 'set_dead_queue', queue: 'mail', dead: 'mail-dead' });
    await ok(driver, { op: 'set_dead_queue', queue: 'mail', dead: '' });
    await add(driver, 'mail', job('a'));
    await fetch(driver, 'mail', 1);
    await ok(driver, { op: 'finish', queue: 'mail', count: 0, jobs: [failed('a', {})] });
    assert.deepEqual(await db.keys('bull:mail-dead*'), []);
  },
  async 'a replayed job waits again as it was first added, and its dead letter is gone'(driver, db) {
    const opts = { attempts: 3, priority: 2 };
    let before;
    await die(driver, { opts, prepare: async () => {
      await db.hset('bull:mail:a', 'data', RAW);
      before = await db.hgetall('bull:mail:a');
    } });
    assert.deepEqual(await replay(driver, '1'), ['a']);
    assert.deepEqual(without(await db.hgetall('bull:mail:a'), 'stacktrace'), before);
    assert.deepEqual(await db.zrange('bull:mail:prioritized', 0, -1), ['a']);
    assert.equal(await db.exists('bull:mail:failed', 'bull:mail-dead:1', 'bull:mail-dead:wait'), 0);
    assert.equal(await db.exists('bull:mail:marker'), 1);
    const events = async (queue) => (await db.xrange(`bull:${queue}:events`, '-', '+')).at(-1)[1];
    assert.deepEqual(await events('mail'), ['event', 'waiting', 'jobId', 'a', 'prev', 'failed']);
    assert.deepEqual(await events('mail-dead'), ['event', 'removed', 'jobId', '1', 'prev', 'wait']);
    assert.deepEqual(await replay(driver, '1'), [-1]);
  },
  async 'a replayed job that was not kept is added anew under its id'(driver, db) {
    let before;
    await die(driver, { opts: { attempts: 1, removeOnFail: true, delay: 0 }, prepare: async () => {
      await db.hset('bull:mail:a', 'data', RAW);
      before = await db.hgetall('bull:mail:a');
    } });
    assert.deepEqual(await replay(driver, '1'), ['a']);
    assert.deepEqual(await db.hgetall('bull:mail:a'), before);
    assert.deepEqual(await db.lrange('bull:mail:wait', 0, -1), ['a']);
    const events = (await db.xrange('bull:mail:events', '-', '+')).slice(-2).map(([, fields]) => fields);
    assert.deepEqual(events, [['event', 'added', 'jobId', 'a', 'name', 'send'], ['event', 'waiting', 'jobId', 'a']]);
  },
  async 'a dead letter whose job lives stays where it is'(driver, db) {
    await die(driver);
    await db.zrem('bull:mail:failed', 'a');
    await db.lpush('bull:mail:wait', 'a');
    const before = await db.hgetall('bull:mail:a');
    assert.deepEqual(await replay(driver, '1'), [-102]);
    assert.deepEqual(await db.hgetall('bull:mail:a'), before);
    assert.equal(await db.exists('bull:mail-dead:1'), 1);
    await db.multi().lrem('bull:mail:wait', 1, 'a').zadd('bull:mail:failed', NOW, 'a').hset('bull:mail:a', 'oxq.dead', '2').exec();
    assert.deepEqual(await replay(driver, '1'), [-102], 'it died with another letter since');
  },
  async 'what is no dead letter, or a worker has, is not replayed'(driver, db) {
    await die(driver);
    await add(driver, 'mail-dead', job('b'), { ...job('c'), data: 'text' }, { ...job('d'), data: { queue: 'x:y', id: 'z', name: 'n', data: 1, opts: {}, failedReason: '' } });
    await db.hset('bull:mail-dead:e', 'data', '{"queue":"mail","id":');
    await fetch(driver, 'mail-dead', 1);
    assert.deepEqual(await replay(driver, '1', 'b', 'c', 'd', 'e', 'none'), [-103, -101, -101, -101, -101, -1]);
    await db.del('bull:mail-dead:1:lock');
    assert.deepEqual(await replay(driver, '1'), ['a']);
    assert.equal(await db.exists('bull:mail-dead:active'), 0);
  },
  async 'a parent that still waits for others waits for a replayed child again'(driver, db) {
    await add(driver, 'mail', job('p'));
    const parent = { id: 'p', queue: 'bull:mail' };
    const child = (opts) => ({ parent, removeOnFail: true, ...opts });
    await fetch(driver, 'mail', 1);
    await add(driver, 'mail', job('other', { parent }));
    await fetch(driver, 'mail', 1);
    await die(driver, { opts: child({ ignoreDependencyOnFailure: true }) });
    await ok(driver, { op: 'leave', queue: 'mail', count: 0, jobs: [{ id: 'p', token: 't', to: 'children' }] });
    assert.deepEqual(await db.smembers('bull:mail:p:dependencies'), ['bull:mail:other']);
    assert.deepEqual(await replay(driver, '1'), ['a']);
    assert.deepEqual((await db.smembers('bull:mail:p:dependencies')).sort(), ['bull:mail:a', 'bull:mail:other']);
    assert.equal(await db.hget('bull:mail:a', 'parentKey'), 'bull:mail:p');
    assert.equal(JSON.parse(await db.hget('bull:mail:a', 'parent')).idof, true);
    await db.multi().zrem('bull:mail:waiting-children', 'p').lpush('bull:mail:wait', 'p').exec();
    await fetch(driver, 'mail', 1);
    await ok(driver, { op: 'finish', queue: 'mail', count: 0, jobs: [failed('a', { removeOnFail: true })] });
    assert.deepEqual(await replay(driver, '2'), ['a']);
    assert.equal(await db.hexists('bull:mail:a', 'parentKey'), 0, 'it runs already');
  },
  async 'the result of a step comes with the job when it is tried again'(driver, db) {
    await add(driver, 'mail', job('a'));
    await fetch(driver, 'mail', 1);
    assert.equal(await ok(driver, keepStep('t', 1, '"sent"')), 0);
    await ok(driver, { op: 'leave', queue: 'mail', count: 0, jobs: [{ id: 'a', token: 't', to: 'wait', attempt: true }] });
    const { jobs } = await ok(driver, { op: 'fetch', queue: 'mail', count: 1, step: 'send' });
    assert.equal(jobs[0].step, '"sent"');
    await db.del('bull:mail:a');
    assert.equal(await ok(driver, keepStep('t', 2, '1')), -1);
  },
  async 'whose lock has ended is told so; what he did is kept while nobody has begun the job since'(driver, db) {
    const kept = () => db.hget('bull:mail:a', 'oxq.step:send');
    await add(driver, 'mail', job('a'));
    await fetch(driver, 'mail', 1);
    assert.equal(await ok(driver, keepStep('another', 1, '1')), -6);
    assert.equal(await kept(), null);
    await db.del('bull:mail:a:lock');
    assert.equal(await ok(driver, keepStep('t', 1, '2')), -2);
    assert.equal(await kept(), '2');
    await db.hset('bull:mail:a', 'ats', 2);
    assert.equal(await ok(driver, keepStep('t', 1, '3')), -2);
    assert.equal(await kept(), '2');
  },
  async 'jobs that a lost answer gave are given again as they were, and nobody else\'s'(driver, db) {
    const retake = (count) => ok(driver, { op: 'retake', queue: 'mail', count });
    await add(driver, 'mail', job('a'), job('b'), job('c'), job('d'));
    const { jobs } = await fetch(driver, 'mail', 2);
    await ok(driver, { op: 'fetch', queue: 'mail', count: 1, token: 'another' });
    await db.set('bull:mail:b:lock', 't', 'PX', 15_000);
    const before = await db.hgetall('bull:mail:a');
    for (let i = 0; i < 2; i++) {
      const again = (await retake(2)).jobs;
      assert.deepEqual(again.map(({ id, starts }) => [id, starts]).sort(), jobs.map(({ id, starts }) => [id, starts]).sort());
    }
    assert.ok((await db.pttl('bull:mail:b:lock')) > 15_000, 'its lock lasts anew');
    assert.deepEqual(await db.hgetall('bull:mail:a'), before);
    await db.hset('bull:mail:a', 'ats', 'x');
    assert.deepEqual((await retake(2)).jobs.map(({ id, starts }) => [id, starts]).sort(), [['a', 0], ['b', 1]], 'whatever became of its fields');
    await db.del('bull:mail:a:lock');
    assert.deepEqual((await retake(2)).jobs.map((one) => one.id), ['b'], 'whose lock has ended is nobody\'s');
    await db.set('bull:mail:b', 'x');
    assert.deepEqual((await retake(2)).jobs, []);
  },
  async 'of many that are active those of the answer are found'(driver, db) {
    const jobs = Array.from({ length: 2500 }, (_, i) => job(`j${i}`));
    await add(driver, 'mail', ...jobs.slice(0, 3));
    await fetch(driver, 'mail', 3);
    for (let i = 3; i < jobs.length; i += 500) await add(driver, 'mail', ...jobs.slice(i, i + 500));
    for (let i = 0; i < 3; i++) await ok(driver, { op: 'fetch', queue: 'mail', count: 1000, token: 'others' });
    const again = await ok(driver, { op: 'retake', queue: 'mail', count: 3 });
    assert.deepEqual(again.jobs.map((one) => one.id).sort(), ['j0', 'j1', 'j2']);
  },
  async 'an id whose job is gone is dropped, and the next job is taken'(driver, db) {
    await db.rpush('bull:mail:wait', 'gone', 'lost');
    await add(driver, 'mail', job('a'));
    const { jobs } = await fetch(driver, 'mail', 1);
    assert.deepEqual(jobs.map((one) => one.id), ['a']);
    assert.deepEqual(await db.lrange('bull:mail:active', 0, -1), ['a']);
    assert.equal(await db.exists('bull:mail:gone'), 0);
  },
  async 'somebody has overwritten a job: it leaves the queue and is told, and the others are taken'(driver, db) {
    await add(driver, 'mail', job('a'), job('b'), job('c'), job('d', { delay: 1000 }), job('e', { delay: 1000 }));
    await db.multi().set('bull:mail:a', 'mine').set('bull:mail:d', 'mine').exec();
    const answer = await ok(driver, { op: 'fetch', queue: 'mail', count: 5, now: NOW + 2000 });
    assert.deepEqual(answer.jobs.map((one) => one.id), ['b', 'c', 'e']);
    assert.deepEqual(answer.damaged, { a: 'string', d: 'string' });
    assert.deepEqual(await db.lrange('bull:mail:active', 0, -1), ['e', 'c', 'b']);
    assert.deepEqual([await db.get('bull:mail:a'), await db.exists('bull:mail:a:lock')], ['mine', 0]);
    const told = (await db.xrange('bull:mail:events', '-', '+')).map(([, fields]) => fields).filter((fields) => fields[1] === 'failed');
    assert.deepEqual(told[0], ['event', 'failed', 'jobId', 'a', 'failedReason', 'the key bull:mail:a is no job but a string', 'prev', 'active']);
    assert.equal(told.length, 2);
  },
  async 'jobs that are overwritten while they run end, and others with them'(driver, db) {
    await add(driver, 'mail', job('a'), job('b'), job('c'), job('d'));
    await fetch(driver, 'mail', 3);
    for (const id of ['a', 'c']) await db.del(`bull:mail:${id}`).then(() => db.rpush(`bull:mail:${id}`, 'mine'));
    const done = (id) => ({ id, token: 't', value: 1, opts: {} });
    const { codes, jobs } = await ok(driver, { op: 'finish', queue: 'mail', count: 1, jobs: [done('a'), done('b')] });
    assert.deepEqual([codes, jobs.map((one) => one.id)], [[-104, 0], ['d']]);
    const left = await ok(driver, { op: 'leave', queue: 'mail', count: 0, jobs: [{ id: 'c', token: 't', to: 'wait', attempt: true }] });
    assert.deepEqual(left.codes, [-104]);
    assert.deepEqual(await db.lrange('bull:mail:active', 0, -1), ['d']);
    assert.deepEqual(await db.lrange('bull:mail:a', 0, -1), ['mine']);
    assert.equal(await db.exists('bull:mail:a:lock', 'bull:mail:c:lock', 'bull:mail:wait'), 0);
  },
  async 'a job that is overwritten while its worker is gone waits until a worker tells it'(driver, db) {
    await add(driver, 'mail', job('a'), job('b'));
    await fetch(driver, 'mail', 2);
    const sweep = () => db.del('bull:mail:stalled-check').then(() => ok(driver, { op: 'sweep', queue: 'mail', interval: 30_000, max: 1 }));
    await sweep();
    await db.multi().del('bull:mail:a:lock', 'bull:mail:b:lock').set('bull:mail:a', 'mine').exec();
    assert.deepEqual((await sweep()).sort(), ['a', 'b']);
    const { jobs, damaged } = await fetch(driver, 'mail', 2);
    assert.deepEqual([jobs.map((one) => one.id), damaged], [['b'], { a: 'string' }]);
  },
  async 'when the time of a rate is over its jobs are taken and no more'(driver, db) {
    await add(driver, 'mail', job('a'), job('b'), job('c'));
    /* As the key is seen in its last millisecond: it has been used up and says nothing of a time to wait. */
    await db.set('bull:mail:limiter', 5);
    const { jobs } = await ok(driver, { op: 'fetch', queue: 'mail', count: 3, rate: { max: 2, duration: 60_000 } });
    assert.deepEqual(jobs.map((one) => one.id), ['a', 'b']);
  },
  async 'a queue that is held gives no job to a worker without a rate'(driver, db) {
    await add(driver, 'mail', job('a'));
    await ok(driver, { op: 'hold', queue: 'mail', ms: 60_000 });
    const held = await fetch(driver, 'mail', 1);
    assert.deepEqual([held.jobs, held.isLimited], [[], true]);
    await ok(driver, { op: 'hold', queue: 'mail', ms: 0 });
    assert.deepEqual((await fetch(driver, 'mail', 1)).jobs.map((one) => one.id), ['a']);
    await add(driver, 'mail', job('b'));
    await db.set('bull:mail:limiter', 3, 'PX', 60_000);
    assert.deepEqual((await fetch(driver, 'mail', 1)).jobs.map((one) => one.id), ['b'], 'the rate of other workers is not its own');
  },
  async 'damaged jobs are removed as others are, and stop no limit on finished ones'(driver, db) {
    await add(driver, 'mail', job('a'), job('b'), job('c'), job('d'));
    await fetch(driver, 'mail', 2);
    await ok(driver, { op: 'finish', queue: 'mail', count: 0, jobs: [{ id: 'a', token: 't', value: 1, opts: {} }] });
    await db.multi().set('bull:mail:a', 'mine').set('bull:mail:c', 'mine').set('bull:mail:d', 'mine').exec();
    const opts = { removeOnComplete: { count: 1 } };
    const { codes } = await ok(driver, { op: 'finish', queue: 'mail', count: 0, jobs: [{ id: 'b', token: 't', value: 1, opts }] });
    assert.deepEqual(codes, [0]);
    assert.deepEqual(await db.zrange('bull:mail:completed', 0, -1), ['b']);
    await ok(driver, { op: 'remove', queue: 'mail', id: 'c', children: false });
    await ok(driver, { op: 'clean', queue: 'mail', state: 'wait', before: NOW + 1 });
    assert.equal(await db.exists('bull:mail:a', 'bull:mail:c', 'bull:mail:d', 'bull:mail:wait'), 0);
  },
  async 'in a paused queue of BullMQ 5 jobs wait where it looks for them, however they come there'(driver, db) {
    await db.hset('bull:mail:meta', 'version', 'bullmq:5.81.5', 'paused', 1);
    await add(driver, 'mail', job('a'), job('b', { delay: 5 }));
    await add(driver, 'mail', { name: 'send', data: {}, opts: {} });
    assert.deepEqual(await db.lrange('bull:mail:paused', 0, -1), ['3', 'a']);
    await ok(driver, { op: 'change_priority', queue: 'mail', id: 'a', priority: 3 });
    await fetch(driver, 'mail', 1);
    assert.deepEqual(await db.lrange('bull:mail:paused', 0, -1), ['3']);
    assert.deepEqual(await db.zrange('bull:mail:prioritized', 0, -1), ['a']);
    await fetch(driver, 'mail', 1).then(() => ok(driver, { op: 'fetch', queue: 'mail', count: 1, now: NOW + 10 }));
    assert.deepEqual(await db.lrange('bull:mail:paused', 0, -1), ['b', '3']);
    assert.equal(await db.exists('bull:mail:wait'), 0);
  },
  async 'one that is refused leaves the others of the call alone'(driver, db) {
    await add(driver, 'mail', job('a'), job('b'), job('c'));
    await fetch(driver, 'mail', 2);
    const done = (id, token) => ({ id, token, value: 1, opts: {} });
    const { codes, jobs } = await ok(driver, { op: 'finish', queue: 'mail', count: 1, jobs: [done('a', 'other'), done('b', 't'), done('none', 't')] });
    assert.deepEqual(codes, [-6, 0, -1]);
    assert.deepEqual(jobs.map((one) => one.id), ['c']);
    assert.deepEqual(await db.zrange('bull:mail:completed', 0, -1), ['b']);
    assert.deepEqual(await db.lrange('bull:mail:active', 0, -1), ['c', 'a']);
  },
  async 'a sweep of many jobs is made in several calls'(driver, db) {
    const ids = Array.from({ length: 2500 }, (_, i) => `j${i}`);
    await db.lpush('bull:mail:active', ids);
    for (const id of ids) db.hset(`bull:mail:${id}`, 'name', 'send', 'timestamp', NOW);
    const sweep = () => ok(driver, { op: 'sweep', queue: 'mail', interval: 30_000, max: 1 });
    assert.deepEqual(await sweep(), []);
    assert.equal(await db.scard('bull:mail:stalled'), 2500);
    assert.deepEqual(await sweep(), [], 'a sweep is enough for its interval');
    await db.del('bull:mail:stalled-check');
    assert.equal((await sweep()).length, 2500);
    assert.equal(await db.llen('bull:mail:wait'), 2500);
    assert.equal(await db.exists('bull:mail:active', 'bull:mail:stalled'), 0);
  },
  async 'the jobs of a large tree leave the lists, the others keep their places there'(driver, db) {
    const ids = Array.from({ length: 2300 }, (_, i) => `c${i}`);
    const at = { wait: ids.slice(10), paused: ids.slice(4, 10), active: ids.slice(2, 4), delayed: ids.slice(1, 2) };
    const others = Array.from({ length: 12_000 }, (_, i) => `x${i}`);
    const all = db.pipeline().zadd('bull:mail:waiting-children', NOW, 'p').hset('bull:mail:p', 'name', 'book', 'timestamp', NOW);
    for (const id of ids) {
      all.hset(`bull:pages:${id}`, 'name', 'page', 'timestamp', NOW, 'parentKey', 'bull:mail:p').sadd('bull:mail:p:dependencies', `bull:pages:${id}`);
    }
    all.rpush('bull:pages:wait', others.flatMap((id, i) => (at.wait[i] ? [id, at.wait[i]] : [id])));
    all.rpush('bull:pages:paused', at.paused).rpush('bull:pages:active', 'x', ...at.active).zadd('bull:pages:delayed', NOW, ...at.delayed);
    await all.exec();

    const codes = [];
    while (codes.at(-1) !== 1 && codes.length < 9) codes.push(await ok(driver, { op: 'remove', queue: 'mail', id: 'p', children: true }));
    assert.deepEqual(codes, [2, 2, 1]);
    assert.deepEqual(await db.lrange('bull:pages:wait', 0, -1), others);
    assert.deepEqual(await db.lrange('bull:pages:active', 0, -1), ['x']);
    const left = ['bull:mail:events', 'bull:mail:marker', 'bull:mail:meta', 'bull:pages:active', 'bull:pages:events', 'bull:pages:meta', 'bull:pages:wait'];
    assert.deepEqual((await db.keys('*')).sort(), left);
    const was = {};
    for (const [, [, event, , id, , prev]] of await db.xrange('bull:pages:events', '-', '+')) was[event === 'removed' ? id : event] = prev;
    const expected = Object.entries({ ...at, unknown: ids.slice(0, 1) }).flatMap(([name, some]) => some.map((id) => [id, name]));
    assert.deepEqual(was, Object.fromEntries(expected));
  },
};

/* Fields that somebody wrote by hand, one kind of damage each. */
const DAMAGE = [
  { stc: 'x', ats: 'x', atm: 'x', priority: 'x', delay: 'x' },
  { stc: '1.5', atm: '', ats: '-' },
  { parentKey: 'bull:mail:p', parent: '{"id":"p"}' },
  { parentKey: 'bull:mail:p', parent: '{' },
  { parentKey: 'bull:mail:p', parent: '7' },
  { parentKey: 'nonsense', parent: '[]' },
  { parentKey: 'nonsense' },
  { deid: 'd', timestamp: 'x', processedOn: 'x', finishedOn: 'x' },
  { data: '{', opts: 'x', name: '' },
];

Object.assign(checks, {
  async 'a damaged job does not stop the others: fetched, swept, finished, left, retried, replayed, removed'(driver, db) {
    const ids = DAMAGE.map((_, i) => `d${i}`);
    const token = { token: 't', opts: {} };
    const all = [...ids, 'good'];
    const many = (make) => all.map((id) => ({ id, ...token, ...make }));
    await ok(driver, { op: 'set_dead_queue', queue: 'mail', dead: 'mail-dead' });
    await add(driver, 'mail', job('p'));
    await fetch(driver, 'mail', 1);
    await add(driver, 'mail', ...ids.map((id) => job(id)), job('good'));
    for (const [i, fields] of DAMAGE.entries()) await db.hset(`bull:mail:d${i}`, fields);
    await db.hset('bull:mail:dn:d', 'name', 'next', 'data', '{}', 'opts', '{');
    const fetched = async () => (await fetch(driver, 'mail', 100)).jobs.map((one) => one.id);
    assert.deepEqual((await fetched()).sort(), [...all].sort());
    await ok(driver, { op: 'leave', queue: 'mail', count: 0, jobs: many({ to: 'delayed', delay: 0, attempt: true, error: 'no' }) });
    assert.deepEqual((await fetched()).sort(), [...all].sort());
    await ok(driver, { op: 'sweep', queue: 'mail', interval: 1, max: 9 });
    for (const id of all) await db.del(`bull:mail:${id}:lock`);
    await db.del('bull:mail:stalled-check');
    assert.deepEqual((await ok(driver, { op: 'sweep', queue: 'mail', interval: 30_000, max: 9 })).sort(), [...all].sort());
    assert.equal(await db.hget('bull:mail:d0', 'stc'), '1');
    assert.deepEqual((await fetched()).sort(), [...all].sort());
    const { codes } = await ok(driver, { op: 'finish', queue: 'mail', count: 0, jobs: many({ failed: true, error: 'no', stack: 'Error: no\n  at x' }) });
    assert.deepEqual(codes, all.map(() => 0));
    assert.equal(await db.zcard('bull:mail:failed'), all.length);
    const letters = await db.lrange('bull:mail-dead:wait', 0, -1);
    for (const id of letters) assert.equal(JSON.parse(await db.hget(`bull:mail-dead:${id}`, 'data')).failedReason, 'no');
    assert.deepEqual((await replay(driver, ...letters)).sort(), [...all].sort());
    for (const id of all) assert.equal(await ok(driver, { op: 'remove', queue: 'mail', id, children: true }), 1, id);
  },
});

/** Returns what went wrong: [name, text]. */
export async function playOwn(driver, db) {
  const wrong = [];
  for (const [name, check] of Object.entries(checks)) {
    await db.flushdb();
    await check(driver, db).catch((error) => wrong.push([name, error.message]));
  }
  return { passed: Object.keys(checks).length - wrong.length, wrong };
}
