// SPDX-License-Identifier: MIT
/* The first program that a user writes: against what `make install` puts there, as its essay says to compile it. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { check, equal, test } from '../daemon/lib/kit.mjs';
import { BULLS, Node } from './lib/sides.mjs';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');

async function shell(t, line, env) {
  const run = await t.shell(line, env);
  check(run.status === 0, `${line} ended with ${run.status}`, run.stdout + run.stderr);
  return run.stdout;
}

test('examples/hello.c is compiled with pkg-config after make install, and runs on a folder and on Redis', async (t) => {
  const prefix = t.path('installed');
  const env = { PKG_CONFIG_PATH: path.join(prefix, 'lib/pkgconfig'), LD_LIBRARY_PATH: path.join(prefix, 'lib') };
  await shell(t, `make --no-print-directory -s -C '${ROOT}' install PREFIX='${prefix}' MAKEFLAGS=`);
  await shell(t, `cc -std=c99 -Wall -Wextra -Werror '${ROOT}/examples/hello.c' $(pkg-config --cflags --libs oxq) -o hello`, env);
  for (let i = 0; i < 2; i++) equal(await shell(t, './hello', env), 'hello world\n', 'on a folder');
  const { port } = await t.redis();
  equal(await shell(t, `./hello redis://127.0.0.1:${port}`, env), 'hello world\n', 'on Redis');
  const node = new Node(BULLS['BullMQ 6'], { host: '127.0.0.1', port });
  try {
    const [job] = await node.queue('mail').getCompleted();
    equal([job.name, job.data, job.returnvalue], ['welcome', { to: 'world' }, 'greeted']);
  } finally {
    await node.close();
  }
}, 600_000);
