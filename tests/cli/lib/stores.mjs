// SPDX-License-Identifier: MIT
/* Where the commands are tried, and how. */
import { check, test } from '../../daemon/lib/kit.mjs';
import { BULLS, Node, STORES } from '../../interop/lib/sides.mjs';

const BULL = BULLS['BullMQ 6'];

/** One test for each place where queues can be; context: { url, node, run(...args), ok(...args) }. */
export function onEach(name, body) {
  for (const [where, open] of Object.entries(STORES)) {
    test(`${name}: ${where}`, async (t) => {
      const { url, connection } = await open(t);
      await within(t, url, connection, body);
    });
  }
}

export function onRedis(name, body) {
  test(name, async (t) => {
    const { url, connection } = await STORES['redis-server'](t);
    await within(t, url, connection, body);
  });
}

async function within(t, url, connection, body) {
  const node = new Node(BULL, connection);
  const run = (...args) => t.oxq([...args, '--url', url]);
  const ok = async (...args) => {
    const done = await run(...args);
    check(done.status === 0, `oxq ${args.join(' ')} ended with ${done.status}`, done.stdout + done.stderr);
    return done.stdout.trim();
  };
  try {
    await body(t, { url, node, run, ok, connection });
  } finally {
    await node.close();
  }
}

export const lines = (text) => text.split('\n').filter((line) => line);
export const objects = (text) => lines(text).map((line) => JSON.parse(line));

/** Runs a line of the shell on a terminal, on which these lines were typed before and nothing else ever is. */
export async function onTerminal(t, line, url, typed = []) {
  const keys = typed.map((text) => `printf '%s\\n' '${text}' >&3; `).join('');
  const done = await t.shell(`rm -f tty; mkfifo tty; exec 3<>tty; ${keys}script -qec '${line}' /dev/null <&3`, { OXQ_URL: url });
  return { status: done.status, text: done.stdout.replaceAll('\r', ''), stderr: done.stderr };
}
