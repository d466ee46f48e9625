// SPDX-License-Identifier: MIT
/*
 * A way to a server that does what bad networks do. `plan` has what, and where: the byte number `at`, counted over all connections in one direction
 * (`side`: 'down', what the server says, or 'up'), is the last that passes; then its connection
 *
 *   cut      is closed to both sides
 *   reset    the same, with RST
 *   stall    stays open, and nothing passes any more, either way
 *   blackout all connections are closed, and for a while new ones too
 *
 * or all of the way is bad, whatever the place:
 *
 *   trickle  byte by byte
 *   delay    each piece comes late
 */
import net from 'node:net';

const DELAY_MS = 5;
const BLACKOUT_MS = 60;

export class Proxy {
  bytes = { down: 0, up: 0 };
  /** The byte of the plan has come. */
  isHit = false;
  #begun = 0;
  #pairs = new Set();
  #server = net.createServer({ noDelay: true }, (client) => this.#accept(client));

  static async open(target, plan = {}) {
    const proxy = new Proxy();
    proxy.target = target;
    proxy.begin(plan);
    await new Promise((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    proxy.port = proxy.#server.address().port;
    return proxy;
  }

  /** Another plan; connections that are there already are not counted. */
  begin(plan) {
    Object.assign(this, { plan, bytes: { down: 0, up: 0 }, isHit: false, isDark: false });
    this.#begun++;
    return this;
  }

  #accept(client) {
    const server = net.connect({ port: this.target, host: '127.0.0.1', noDelay: true });
    const pair = { client, server, begun: this.#begun, isMute: false };
    if (this.isDark) {
      client.destroy();
      server.destroy();
      return;
    }
    this.#pairs.add(pair);
    this.#join(pair, client, server, 'up');
    this.#join(pair, server, client, 'down');
  }

  #join(pair, from, to, side) {
    let last = Promise.resolve();
    from.on('error', () => this.#close(pair));
    from.on('close', () => this.#leave(pair));
    from.on('data', (chunk) => {
      if (pair.isMute) return;
      const piece = this.#take(pair, chunk, side, to);
      if (this.plan.mode === 'trickle' || this.plan.mode === 'delay') last = last.then(() => this.#slowly(piece, to));
      else to.write(piece);
    });
    from.on('end', () => {
      if (!pair.isMute) last.then(() => to.end());
    });
  }

  async #slowly(chunk, to) {
    if (this.plan.mode === 'delay') {
      await new Promise((resolve) => setTimeout(resolve, Math.random() * DELAY_MS));
      to.write(chunk);
      return;
    }
    for (const byte of chunk) {
      to.write(Buffer.of(byte));
      await new Promise(setImmediate);
    }
  }

  /** What of a chunk passes. At the place of the plan its connection meets its fate. */
  #take(pair, chunk, side, to) {
    if (pair.begun !== this.#begun) return chunk;
    const { at, mode } = this.plan;
    const before = this.bytes[side];
    this.bytes[side] += chunk.length;
    if (side !== this.plan.side || this.isHit || at === undefined || this.bytes[side] < at) return chunk;
    this.isHit = true;
    pair.isMute = true;
    const rest = chunk.subarray(0, at - before);
    if (mode === 'stall') return rest;
    to.write(rest, () => (mode === 'reset' ? this.#reset(pair) : this.#close(pair)));
    if (mode === 'blackout') this.#darken();
    return Buffer.alloc(0);
  }

  #darken() {
    this.isDark = true;
    for (const pair of this.#pairs) if (!pair.isMute) this.#close(pair);
    setTimeout(() => (this.isDark = false), BLACKOUT_MS);
  }

  #close(pair) {
    pair.client.destroySoon();
    pair.server.destroySoon();
  }

  #reset(pair) {
    pair.client.resetAndDestroy();
    pair.server.resetAndDestroy();
  }

  /** One side is gone: so is the other, but of a connection that stalls nobody hears. */
  #leave(pair) {
    this.#pairs.delete(pair);
    if (pair.isMute && this.plan.mode === 'stall') return;
    this.#close(pair);
  }

  async close() {
    for (const pair of this.#pairs) this.#close(pair);
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
