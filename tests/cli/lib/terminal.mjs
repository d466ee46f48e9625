// SPDX-License-Identifier: MIT
import { spawn } from 'node:child_process';
import path from 'node:path';
import { check, until } from '../../daemon/lib/kit.mjs';
import { plainEnvironment } from '../../support/environment.mjs';

const OXQ = path.resolve(process.env.OXQ_BIN ?? new URL('../../../build/release/oxq', import.meta.url).pathname);
const open = new Set();
process.on('exit', () => open.forEach((child) => child.kill('SIGKILL')));

/** A line of the shell on a terminal of its own (by script(1)), whose keys can be pressed and whose size changed. Close it. */
export class Terminal {
  shown = '';

  /** `line` may say "$OXQ". */
  constructor(t, line, url, { rows = 24, columns = 100 } = {}) {
    const inner = `tty; stty rows ${rows} cols ${columns}; ${line}; echo "ended with $?"; stty -a`;
    const env = plainEnvironment({ TERM: 'xterm', OXQ, OXQ_URL: url, SHELL: '/bin/sh' });
    this.child = spawn('script', ['-qec', inner, '/dev/null'], { cwd: t.folder, env, stdio: ['pipe', 'pipe', 'ignore'] });
    open.add(this.child);
    this.child.stdout.setEncoding('utf8').on('data', (text) => (this.shown += text));
    this.child.stdin.on('error', () => {});
    this.ended = new Promise((resolve) => this.child.once('close', resolve)).then(() => open.delete(this.child));
  }

  press(keys) {
    this.child.stdin.write(keys);
  }

  /** The terminal's device, for stty. */
  async device() {
    return (await until('the terminal is there', () => /^\/dev\/\S+/.exec(this.shown)))[0];
  }

  /** The lines of the screen that was drawn last, without styles; none before the first one is whole. */
  get screen() {
    const whole = this.shown.split('\u001b[H').filter((frame) => frame.includes('\u001b[J'));
    return (whole.at(-1) ?? '').split('\u001b[J')[0].split('\r\n').map((line) => line.replace(/\u001b\[[0-9;]*[mK]/g, ''));
  }

  /** Waits until a screen is such; gives its lines. */
  async until(what, condition) {
    const seen = await until(`a screen with ${what}`, () => {
      const screen = this.screen;
      return this.child.exitCode !== null || condition(screen) ? screen : null;
    }).catch((error) => check(false, error.message, this.screen.join('\n')));
    check(condition(seen), `a screen with ${what}, before its end`, this.shown.slice(-2000));
    return seen;
  }

  async close() {
    this.child.kill('SIGKILL');
    await this.ended;
  }
}

export async function onScreen(t, line, url, size, body) {
  const terminal = new Terminal(t, line, url, size);
  try {
    await body(terminal);
  } finally {
    await terminal.close();
  }
}
