// SPDX-License-Identifier: MIT
/* Reads the replies that a server sent, in the order of the record: how many of each connection's steps are acknowledged by now. */
import { ReplyReader } from '../../protocol/lib/resp.mjs';
import { makeStep, requestsOf } from '../../support/history.mjs';

const GREETING = /^connection:(\d+):(\d+)$/;

export class Acks {
  steps = new Map(); // connection -> steps acknowledged
  #readers = new Map(); // fd -> { reader, c, next, left, isGood }

  constructor(seed) {
    this.seed = seed;
  }

  do(op) {
    if (op.kind === 'close') this.#readers.delete(op.fd);
    if (op.kind !== 'send') return;
    if (!this.#readers.has(op.fd)) this.#readers.set(op.fd, { reader: new ReplyReader() });
    const one = this.#readers.get(op.fd);
    one.reader.push(op.bytes);
    for (let reply = one.reader.next(); reply; reply = one.reader.next()) this.#take(one, reply);
  }

  #take(one, reply) {
    if (one.c === undefined) {
      const [, c, from] = GREETING.exec(reply.text ?? '') ?? [];
      if (c !== undefined) this.#expect(Object.assign(one, { c: Number(c), next: Number(from) }));
      return;
    }
    if (reply.type === '-') one.isGood = false;
    if (--one.left > 0) return;
    if (one.isGood) this.steps.set(one.c, Math.max(one.next + 1, this.steps.get(one.c) ?? 0));
    one.next++;
    this.#expect(one);
  }

  #expect(one) {
    one.left = requestsOf(makeStep(this.seed, one.c, one.next)).length;
    one.isGood = true;
  }

  endProcess() {
    this.#readers.clear();
  }
}
