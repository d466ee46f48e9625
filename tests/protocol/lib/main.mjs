// SPDX-License-Identifier: MIT
/* The runner of protocol scripts; see ../README.md. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { parseScript } from './script.mjs';
import { Pair } from './servers.mjs';
import { Session } from './session.mjs';

const FOLDER = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const SHOWN_PER_TEST = 8;
const SHOWN_BYTES = 600;
const USAGE = `usage: tests/protocol/run [options] [PATTERN...]
  PATTERN      only scripts whose path contains it (all of tests/protocol/*.txt)
  --file PATH  also this script, from anywhere
  --on URL     compare redis-server with the server at URL, such as redis://127.0.0.1:7700 (its data is flushed)
  --self       compare redis-server with itself, which checks the scripts
  --all        show every difference, not the first ${SHOWN_PER_TEST} of a test
OXQ_BIN names the oxq to test (build/release/oxq), REPLY_MS how long a reply may take (30000).`;

const options = {
  on: { type: 'string' },
  file: { type: 'string', multiple: true, default: [] },
  self: { type: 'boolean' },
  all: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
};

function scriptFiles(patterns, extra) {
  const all = readdirSync(FOLDER).filter((name) => name.endsWith('.txt')).sort();
  const chosen = extra.length > 0 && patterns.length === 0 ? [] : all;
  const files = chosen.map((name) => path.join(FOLDER, name));
  return [...files.filter((file) => patterns.length === 0 || patterns.some((p) => file.includes(p))), ...extra];
}

class Runner {
  passed = 0;
  failed = 0;
  assertions = 0;
  #shown = 0;
  #differs = 0;
  #ran = 0;

  constructor(pair, isAllShown) {
    this.pair = pair;
    this.session = new Session(pair);
    this.shownMax = isAllShown ? Infinity : SHOWN_PER_TEST;
  }

  async runFile(file) {
    const name = path.relative(process.cwd(), file);
    let steps;
    try {
      steps = parseScript(readFileSync(file, 'latin1'));
    } catch (error) {
      console.log(`${name}: ${error.message}`);
      this.failed++;
      return;
    }
    await this.session.reset();
    let isSkipping = false;
    for (const step of steps) {
      if (step.does === 'section') {
        this.#endTest(name);
        if (isSkipping) await this.session.reset();
        isSkipping = false;
      } else if (!isSkipping || step.does === 'reset') {
        isSkipping = !(await this.#runStep(name, step));
      }
    }
    this.#endTest(name);
  }

  /** False when the steps up to the next reset make no sense any more. */
  async #runStep(name, step) {
    const difference = await this.session.play(step);
    this.#ran++;
    this.assertions++;
    if (!difference) return true;
    this.#differs++;
    if (this.#differs <= this.shownMax) {
      console.log(`${name}:${step.line}: ${step.text}`);
      console.log(`    ${step.expected === undefined ? 'redis   ' : 'expected'} ${shorten(difference.left, difference.right)}`);
      console.log(`    ${this.pair.right.kind.padEnd(8)} ${shorten(difference.right, difference.left)}`);
    }
    const ended = await this.pair.revive();
    if (ended) console.log(`${name}:${step.line}: ${ended}`);
    if (!difference.isLost && !ended) return true;
    console.log(`${name}:${step.line}: no use in going on before the next --- or ##`);
    return false;
  }

  #endTest(name) {
    if (this.#ran === 0) return;
    if (this.#differs > this.shownMax) console.log(`${name}: ${this.#differs} differences in all`);
    if (this.#differs > 0) this.failed++;
    else this.passed++;
    this.#differs = 0;
    this.#ran = 0;
  }
}

/** Long texts begin a little before the place where they part. */
function shorten(text, other) {
  if (text.length <= SHOWN_BYTES) return text;
  let at = 0;
  while (at < text.length && text[at] === other[at]) at++;
  const from = Math.max(0, at - 100);
  return `${from > 0 ? `(${from} characters) ` : ''}${text.slice(from, from + SHOWN_BYTES)}${from + SHOWN_BYTES < text.length ? ' ...' : ''}`;
}

async function main() {
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  if (values.help) return void console.log(USAGE);
  const files = scriptFiles(positionals, values.file);
  if (files.length === 0) throw new Error(`no script matches ${positionals.join(' ')}`);
  const pair = await Pair.start({ right: values.self ? 'redis' : values.on });
  const runner = new Runner(pair, values.all);
  for (const file of files) await runner.runFile(file);
  for (const text of await pair.stop()) {
    runner.failed++;
    console.log(text);
  }
  console.log(`${runner.assertions} lines of ${files.length} scripts`);
  console.log(`${runner.passed} passed, ${runner.failed} failed`);
  process.exit(runner.failed > 0 ? 1 : 0);
}

main().catch((error) => {
  console.log(`tests/protocol: ${error.message}`);
  console.log('0 passed, 1 failed');
  process.exit(1);
});
