// SPDX-License-Identifier: MIT
/** The program that does operations by src/jobs: a line in, a line out (driver.c). */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('../../../build/tests/transitions', import.meta.url));

export class Driver {
  constructor(port, db) {
    this.child = spawn(PROGRAM, [String(port), String(db)], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.waiting = [];
    createInterface({ input: this.child.stdout }).on('line', (line) => this.waiting.shift().resolve(JSON.parse(line)));
    this.child.once('close', (code, signal) => {
      this.ended = `the driver ended with ${signal ?? code}`;
      for (const one of this.waiting) one.reject(new Error(this.ended));
    });
    this.child.stdin.on('error', () => {});
  }

  /** {ok: result} or {error: name, text}. */
  ask(line) {
    if (this.ended) return Promise.reject(new Error(this.ended));
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject });
      this.child.stdin.write(`${JSON.stringify(line)}\n`);
    });
  }

  close() {
    this.child.stdin.end();
  }
}
