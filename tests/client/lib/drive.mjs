// SPDX-License-Identifier: MIT
/* Runs tests/client/drive.c. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { check, equal, until } from '../../daemon/lib/kit.mjs';

const DRIVE = path.resolve(process.env.OXQ_DRIVE ?? path.join(path.dirname(fileURLToPath(import.meta.url)), '../../../build/tests/client'));

async function run(t, args, env) {
  const line = [DRIVE, ...args].map((word) => `'${word}'`).join(' ');
  return t.shell(line, env);
}

/** One command; what it printed. */
export async function call(t, url, words, env = {}) {
  const program = await run(t, ['call', url, ...words], env);
  return { said: program.stdout.trim(), warned: program.lines };
}

/** A call that must end with an error of this code, whose text has all of `texts`. */
export async function fails(t, url, code, texts, env = {}) {
  const { said } = await call(t, url, ['PING'], env);
  check(said.startsWith(`error ${code}: `), `${url} ends with ${code}`, said);
  for (const text of texts) check(said.includes(text), `the error names ${text}`, said);
}

export async function block(t, url, key) {
  return (await run(t, ['block', url, key])).stdout;
}

/** A load of many threads: `good()` calls were answered so far; `end()` gives its sums. */
export function startLoad(t, url, threads, env = {}) {
  const program = t.start(DRIVE, ['load', url, threads], env);
  const good = () => Number(program.stdout.trimEnd().split('\n').filter((line) => line.startsWith('good ')).at(-1)?.split(' ')[1] ?? 0);
  return {
    /** Waits until so many more calls went well. */
    async more(count) {
      const from = good();
      await until(`${count} more calls go well`, () => program.status !== undefined || good() >= from + count);
      check(program.status === undefined, 'the load goes on', program.stdout.slice(-500));
    },
    async end() {
      equal(await program.stop(), 0, 'the load ends well');
      const line = program.stdout.trimEnd().split('\n').at(-1);
      const sums = Object.fromEntries(line.split(' ').map((word) => word.split('=')).slice(0, 6).map(([name, value]) => [name, Number(value)]));
      return { ...sums, line, warned: program.lines };
    },
  };
}

/** What must hold whatever happened: each reply went to its call, and each INCR that was answered was done once. */
export function sound(sums) {
  check(sums.mismatches === 0 && sums.miscounted === 0 && sums.idle === 0, 'every reply is its call\'s own, nothing is lost or done twice', sums.line);
  check(sums.calls > 0, 'it called', sums.line);
}
