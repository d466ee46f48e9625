// SPDX-License-Identifier: MIT
/*
 * life.c over a bad way (lib/proxy.mjs): cut after each n-th byte of the whole conversation, with n spread over it, in both directions. It says itself
 * what is wrong: a call that was told to be done and was not, jobs, ends or events that are there twice, what stalls or hangs, what is left behind.
 * OXQ_INTEROP_LONG: many more places.
 */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeCertificate } from '../e2e/lib/certificate.mjs';
import { check, sleep, test, until } from '../daemon/lib/kit.mjs';
import { firstOwner, slotOf, startCluster, startSentinel, tell } from '../client/lib/servers.mjs';
import { Proxy } from './lib/proxy.mjs';
import { running } from './lib/sides.mjs';

const LIFE = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../build/tests/life');
const IS_LONG = Boolean(process.env.OXQ_INTEROP_LONG);
const AT_A_TIME = 3;
/* About how long one takes. */
const LIFE_MS = 150;
const LIMIT_MS = IS_LONG ? 12 * 3600_000 : 600_000;
/* However slow the machine is, no call is late and no lock ends: what is lost for good never ends. */
const CALM = { TIMEOUT_MS: '60000', LOCK_MS: '120000' };
/* A life may find nobody there for a while, or only slowly. */
const WEAK = { WEAK: '1' };
/* One whose way is silent waits for time-outs: these are short, and all wait at once. */
const PATIENCE = { ...WEAK, TIMEOUT_MS: '1000', LOCK_MS: '12000' };
let lives = 0;

/** One life with these URLs. */
async function run(t, what, via, clean, env) {
  const life = t.start(LIFE, [via, clean], { ...CALM, ...env });
  const status = await life.ended;
  check(status === 0, `${JSON.stringify(what)}: ${status}`, life.stdout.trim(), life.stderr.trim().split('\n').slice(-5).join('\n'));
}

/**
 * One life over a way with a plan. at: its server's port, or the proxy that others know; the URLs via(port of the way) and clean; prefix and env, where
 * they matter; clear(), before each. Gives its way: the bytes that went over it, and whether it was as bad as planned.
 */
async function live(t, at, plan = {}, env = {}) {
  await at.clear?.();
  const proxy = at.proxy?.begin(plan) ?? (await Proxy.open(at.port, plan));
  await run(t, plan, at.via(proxy.port), at.clean, { PREFIX: at.prefix ?? `life-${lives++}`, ...at.env, ...env });
  if (!at.proxy) await proxy.close();
  return proxy;
}

/** Lives over all places, some at a time. */
async function liveAll(t, at, plans, env, atATime = AT_A_TIME) {
  const left = [...plans];
  let hits = 0;
  const go = async () => {
    for (let plan = left.shift(); plan; plan = left.shift()) {
      const { isHit } = await live(t, at, plan, env);
      hits += isHit;
    }
  };
  await Promise.all(Array.from({ length: at.proxy ? 1 : atATime }, go));
  /* Towards its end one life is a little longer than another. */
  check(hits >= plans.length / 2, `of ${plans.length} lives only ${hits} met their ${plans[0].mode}`);
}

/** Places in a conversation of so many bytes: `few` of them, or in the long form one in `every`. */
function places(mode, bytes, few, every) {
  return ['down', 'up'].flatMap((side) => {
    const step = IS_LONG ? every : Math.ceil(bytes[side] / few);
    const first = Math.ceil(step / 2);
    return Array.from({ length: Math.ceil((bytes[side] - first) / step) }, (_, i) => ({ mode, side, at: first + i * step }));
  });
}

const byPort = (port) => ({ port, via: (way) => `redis://127.0.0.1:${way}`, clean: `redis://127.0.0.1:${port}` });

async function overTls(t) {
  const own = writeCertificate(t.folder);
  const { port } = await t.serve(['--durability', 'off', '--tls-cert', own.cert, '--tls-key', own.key]);
  return { port, via: (way) => `rediss://127.0.0.1:${way}`, clean: `rediss://127.0.0.1:${port}`, env: { CA: own.ca } };
}

/** One way for all lives, which others know of: its plan begins anew with each. */
async function behindSentinel(t) {
  const { port } = await t.redis();
  const proxy = await Proxy.open(port);
  const sentinel = await startSentinel(t, proxy.port, 1);
  return { proxy, via: () => `redis+sentinel://127.0.0.1:${sentinel}/jobs?sentinel_password=watch`, clean: `redis://127.0.0.1:${port}` };
}

/** A cluster whose nodes are told of by the way to them; all of a life is on one of them. */
async function onCluster(t) {
  const nodes = await startCluster(t, 0);
  const prefix = '{life}';
  const owner = firstOwner(nodes, await slotOf(t, nodes[0].port, prefix));
  const proxy = await Proxy.open(owner.port);
  const client = await t.connect(owner);
  await client.call('CONFIG', 'SET', 'cluster-announce-port', proxy.port);
  const clean = `redis://127.0.0.1:${owner.port}`;
  const other = nodes.find((node) => node !== owner);
  await until('the others tell of the way', async () => (await tell(t, other.port, 'CLUSTER', 'NODES')).text.includes(`127.0.0.1:${proxy.port}@`));
  return { proxy, prefix, via: () => `redis+cluster://127.0.0.1:${other.port},127.0.0.1:${proxy.port}`, clean, clear: () => client.call('FLUSHALL') };
}

const WAYS = {
  'redis-server': async (t) => byPort((await t.redis()).port),
  'oxq serve': async (t) => byPort((await t.serve(['--durability', 'off'])).port),
  'oxq serve with TLS': overTls,
  'behind a Sentinel': behindSentinel,
  'on a cluster': onCluster,
};

for (const [name, way] of Object.entries(WAYS)) {
  test(`${name}: whatever is cut, what calls say is true, and all is done once`, async (t) => {
    const at = await way(t);
    const { bytes } = await live(t, at);
    check(bytes.down > 10_000 && bytes.up > 10_000, 'all went over that way', bytes);
    const few = at.proxy ? 2 : 4;
    await liveAll(t, at, places('cut', bytes, 4 * few, 11));
    await liveAll(t, at, places('reset', bytes, few, 101));
    await liveAll(t, at, places('blackout', bytes, few, 101), WEAK);
    if (IS_LONG) await liveAll(t, at, places('stall', bytes, 1, at.proxy ? 20_011 : 2003), PATIENCE, 24);
    for (const mode of ['trickle', 'delay']) await live(t, at, { mode }, WEAK);
  }, LIMIT_MS);
}

/* Here nothing is cut: who hosts the folder dies, and the life goes on as its host. */
test('a folder: whenever its host is killed, what calls say is true, and all is done once', async (t) => {
  const deaths = IS_LONG ? 500 : 8;
  for (let i = 0; i < deaths; i++) {
    const url = `file:${t.path(`jobs-${i}`)}`;
    const host = await running(t, url, 'host');
    const dies = sleep((LIFE_MS * i) / deaths).then(() => host.kill());
    await run(t, { death: i }, url, url, WEAK);
    await dies;
  }
}, LIMIT_MS);
