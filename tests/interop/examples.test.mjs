// SPDX-License-Identifier: MIT
/* The first programs that a user writes: against what `make install` puts there, as the README says to compile them. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { check, equal, test, until } from '../daemon/lib/kit.mjs';
import { BULLS, Node } from './lib/sides.mjs';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const LIMIT_MS = 600_000;

async function shell(t, line, env) {
  const run = await t.shell(line, env);
  check(run.status === 0, `${line} ended with ${run.status}`, run.stdout + run.stderr);
  return run.stdout;
}

/** `make install`, and what the compiler and the loader must be told of it. */
async function install(t) {
  const prefix = t.path('installed');
  await shell(t, `make --no-print-directory -s -C '${ROOT}' install PREFIX='${prefix}' MAKEFLAGS=`);
  return { PKG_CONFIG_PATH: path.join(prefix, 'lib/pkgconfig'), LD_LIBRARY_PATH: path.join(prefix, 'lib') };
}

test('examples/hello.c is compiled with pkg-config after make install, and runs on a folder and on Redis', async (t) => {
  const program = readFileSync(path.join(ROOT, 'examples/hello.c'), 'utf8');
  check(readFileSync(path.join(ROOT, 'README.md'), 'utf8').includes(program.slice(program.indexOf('#include'))), 'the README has the same program');
  const env = await install(t);
  await shell(t, `cc -std=c99 -Wall -Wextra -Werror '${ROOT}/examples/hello.c' $(pkg-config --cflags --libs oxq) -o hello`, env);
  for (let i = 0; i < 2; i++) equal(await shell(t, './hello', env), 'hello world\n', 'on a folder');
  await shell(t, `cc -std=c99 '${ROOT}/examples/hello.c' $(pkg-config --cflags --static --libs oxq | sed 's/-loxq/-l:liboxq.a/') -o still`, env);
  equal(await shell(t, 'ldd still | grep liboxq || ./still', env), 'hello world\n', 'with the static library');
  equal((await shell(t, 'pkg-config --cflags oxq', env)).trim(), `-I${t.path('installed/include')}`, 'what the libraries behind it want, concerns nobody');
  const { port } = await t.redis();
  equal(await shell(t, `./hello redis://127.0.0.1:${port}`, env), 'hello world\n', 'on Redis');
  const node = new Node(BULLS['BullMQ 6'], { host: '127.0.0.1', port });
  try {
    const [job] = await node.queue('mail').getCompleted();
    equal([job.name, job.data, job.returnvalue], ['welcome', { to: 'world' }, 'greeted']);
  } finally {
    await node.close();
  }
}, LIMIT_MS);

test('every call of the library has a manual page', async (t) => {
  const env = await install(t);
  const calls = (await shell(t, 'nm -D --defined-only "$LD_LIBRARY_PATH/liboxq.so" | sed -n "s/.* T //; s/@.*//p"', env)).trim().split('\n');
  check(calls.length > 50 && calls.every((call) => call.startsWith('oxq_')), 'the library shows its calls', calls.join(' '));
  const pages = readdirSync(t.path('installed/share/man/man3'));
  equal(calls.filter((call) => !pages.includes(`${call}.3`)), [], 'calls without a page');
  const wrong = await shell(t, 'cd installed/share/man && for page in man1/* man3/*; do groff -mdoc -Tutf8 -ww -z "$page" || exit; done 2>&1', env);
  equal(wrong, '', 'what the formatter says of them');
}, LIMIT_MS);

/* What each prints on a store that has nothing yet. */
const SAYS = {
  flow: 'shipped order 7\nits parts: {"bull:invoices:#":{"pages":2},"bull:parcels:#":{"grams":350}}\n',
  steps: 'charging for 1\nreceipt for {"charge":"ch_1"}\npaid: {"charge":"ch_1"}\n',
  scheduler: 'scheduler tick: each 200 ms\nscheduler report: 0 30 4 * * 1-5 in Europe/Berlin\ntick\ntick\ntick\nthat was all\n',
  telemetry: [
    '01 in none: add mail.welcome', '03 in 02: add mail.reminder', '02 in 01: process mail', '04 in 02: complete mail',
    '05 in 03: process mail: nobody wants it', '06 in 05: fail mail', '',
  ].join('\n').replaceAll(/\b\d\d\b/g, (id) => id.padStart(16, '0')),
  processes: '200 of 200 jobs completed\n',
};

test('every example compiles as C99 with pkg-config, and does what it says', async (t) => {
  const env = await install(t);
  for (const file of readdirSync(path.join(ROOT, 'examples')).filter((name) => name.endsWith('.c'))) {
    const name = file.slice(0, -2);
    await shell(t, `cc -std=gnu99 -Wall -Wextra -Werror '${ROOT}/examples/${file}' $(pkg-config --cflags --libs oxq) -pthread -o ${name}`, env);
    if (SAYS[name]) equal(plain(await shell(t, `./${name} file:./${name}-data`, env)), SAYS[name], name);
  }
  const worker = t.start(t.path('worker'), ['file:./mail'], env);
  const said = await shell(t, './producer file:./mail', env);
  check(/^added reminder-42\nadded 1000, refused 0\njob \S+ has completed: \{"sent":true\}\n$/.test(said), 'the producer', said);
  await until('all 1001 jobs that wait are done', () => worker.stdout.split('\n').length - 1 === 1001);
  equal(await worker.stop(), 0, 'the worker ends in order');
  equal(worker.stdout.match(/completed newsletter /g).length, 1000);
  const events = await shell(t, './events file:./mail mail 0', env);
  equal(events.match(/^completed /gm).length, 1001, 'the events that are kept');
}, LIMIT_MS);

/* Children have ids of their own, and are told of in any order. */
function plain(text) {
  return text.replaceAll(/:[0-9a-f-]{36}"/g, ':#"').replace(/\{("bull:parcels.*\}),("bull:invoices.*\})\}/, '{$2,$1}');
}
