// SPDX-License-Identifier: MIT
/* The npm clients that tests/e2e pins, by name, and child processes that use them. */
import { fork } from 'node:child_process';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const FOLDER = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const STOP_MS = 20_000;
export const clients = createRequire(path.join(FOLDER, '../e2e/package.json'));

/** Milliseconds on a clock that all processes of the machine share. */
export const nowMs = () => Number(process.hrtime.bigint() / 1000n) / 1000;

const running = new Set();
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));

/** A script of clients/ in a process of its own; what it reports goes to take(report). */
export class Child {
  #process;
  #ended;

  constructor(script, options, take) {
    this.#process = fork(path.join(FOLDER, 'clients', script), [JSON.stringify(options)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.ready = new Promise((resolve) => (this.isReady = resolve));
    this.#process.on('message', (report) => (report.what === 'ready' ? this.isReady() : take(report)));
    this.#ended = new Promise((resolve) =>
      this.#process.once('close', (code, signal) => {
        running.delete(this.#process);
        resolve(signal ?? code);
      }),
    );
    running.add(this.#process);
  }

  send(message) {
    if (this.#process.connected) this.#process.send(message);
  }

  /** Asks it to end; what it ended with. */
  async stop() {
    this.send({ do: 'stop' });
    const late = setTimeout(() => this.#process.kill('SIGKILL'), STOP_MS);
    const status = await this.#ended;
    clearTimeout(late);
    return status;
  }
}

/** In the child: its options, report(what, more), and what to do when asked to stop. */
export function childOf(onMessage) {
  process.on('message', (message) => (message.do === 'stop' ? onMessage.stop?.() : onMessage[message.do]?.(message)));
  process.on('disconnect', () => process.exit(0));
  const report = (what, more = {}) => process.connected && process.send({ what, at: nowMs(), ...more });
  return { options: JSON.parse(process.argv[2]), report };
}
