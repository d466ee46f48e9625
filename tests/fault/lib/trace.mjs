// SPDX-License-Identifier: MIT
/* What tests/fault/shim.c writes and reads: the record of a server's calls, and the control of its faults; and memory.c's control. */
import { spawnSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import path from 'node:path';
import { ROOT } from '../../support/victim.mjs';

/* The numbers of control.h's enum kind. */
export const KINDS = ['', 'open', 'close', 'write', 'truncate', 'allocate', 'syncBegin', 'syncEnd', 'rename', 'unlink', 'mkdir', 'rmdir', 'send', 'map', 'memory'];
const RECORD_BYTES = 32;
const WORDS = { failKind: 0, failIn: 1, failErrno: 2, failLasts: 3, isFull: 4, failures: 5, counts: 6 };
const BUILT = ['build/tests/shim.so', 'build/tests/memory.so', 'build/tests/library'];
const [SHIM, MEMORY, LIBRARY] = BUILT.map((name) => path.join(ROOT, name));

/** library.c, a program on the library. */
export { LIBRARY };

export function buildShims() {
  const done = spawnSync('make', ['-s', '-C', ROOT, ...BUILT], { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`${BUILT} cannot be built: ${done.stderr || done.error}`);
}

/** The environment that puts the shim under a server. */
export function shimEnv({ dir, trace, control, syncUs, readUs }) {
  const env = { LD_PRELOAD: SHIM, SHIM_DIR: dir };
  if (trace) env.SHIM_TRACE = trace;
  if (control) env.SHIM_CONTROL = control.path;
  if (syncUs) env.SHIM_SYNC_US = String(syncUs);
  if (readUs) env.SHIM_READ_US = String(readUs);
  return env;
}

/** The environment that puts memory.c under a program. */
export const memoryEnv = (control) => ({ LD_PRELOAD: MEMORY, SHIM_CONTROL: control.path });

/** Operations in order: { kind, fd, error, a, b, bytes }. */
export function readTrace(file) {
  const all = readFileSync(file);
  const ops = [];
  for (let at = 0; at + RECORD_BYTES <= all.length; ) {
    const length = all.readUInt32LE(at);
    const bytes = all.subarray(at + RECORD_BYTES, at + RECORD_BYTES + length);
    ops.push({
      kind: KINDS[all.readUInt8(at + 4)],
      fd: all.readInt32LE(at + 8),
      error: all.readInt32LE(at + 12),
      a: Number(all.readBigInt64LE(at + 16)),
      b: Number(all.readBigInt64LE(at + 24)),
      bytes,
    });
    at += RECORD_BYTES + length;
  }
  return ops;
}

/** Paths of an operation's payload. */
export const pathsOf = (op) => op.bytes.toString('utf8').split('\0').slice(0, -1).map((name) => path.normalize(name));

/** Steers the faults of a running server. */
export class Control {
  #file;

  constructor(file) {
    this.path = file;
    mkdirSync(path.dirname(file), { recursive: true });
    this.#file = openSync(file, 'w+');
    ftruncateSync(this.#file, 8 * (WORDS.counts + KINDS.length));
  }

  #get(word) {
    const bytes = Buffer.alloc(8);
    readSync(this.#file, bytes, 0, 8, 8 * word);
    return Number(bytes.readBigInt64LE());
  }

  #set(word, value) {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(value));
    writeSync(this.#file, bytes, 0, 8, 8 * word);
  }

  /** The n-th call of a kind from now fails (errno 0: a write is cut short), and all after it when it lasts. */
  fail(kind, n, errno, lasts = false) {
    this.#set(WORDS.failIn, n);
    this.#set(WORDS.failErrno, errno);
    this.#set(WORDS.failLasts, lasts ? 1 : 0);
    this.#set(WORDS.failKind, KINDS.indexOf(kind));
  }

  set isFull(value) {
    this.#set(WORDS.isFull, value ? 1 : 0);
  }

  /** Calls that were made to fail. */
  get failures() {
    return this.#get(WORDS.failures);
  }

  count(kind) {
    return this.#get(WORDS.counts + KINDS.indexOf(kind));
  }

  close() {
    closeSync(this.#file);
  }
}
