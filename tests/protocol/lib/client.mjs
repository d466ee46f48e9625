// SPDX-License-Identifier: MIT
/* One connection to a server: bytes out, replies in, in the order they arrive. */
import net from 'node:net';
import { encode, ReplyReader } from './resp.mjs';

export const REPLY_MS = Number(process.env.REPLY_MS ?? 30_000);

/** What stands for a reply when there is none. */
export const CLOSED = Object.freeze({ type: 'closed', text: '', raw: '(the connection is closed)' });
export const SILENT = Object.freeze({ type: 'silent', text: '', raw: '(no reply)' });

export class Client {
  #socket;
  #reader = new ReplyReader();
  #replies = [];
  #waiting = [];
  #closed = false;

  static open(port) {
    return new Promise((resolve, reject) => {
      const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new Client(socket));
      });
    });
  }

  constructor(socket) {
    this.#socket = socket;
    socket.on('error', () => {});
    socket.on('data', (chunk) => this.#take(chunk));
    socket.on('close', () => this.#end());
  }

  /** Replies that arrived and were not read. */
  get pendingCount() {
    return this.#replies.length;
  }

  get isClosed() {
    return this.#closed;
  }

  send(args) {
    this.write(encode(args));
  }

  write(bytes) {
    if (!this.#closed) this.#socket.write(bytes, 'latin1');
  }

  /** The next reply in order; CLOSED when the server closed, SILENT when nothing came in time. */
  read(ms = REPLY_MS) {
    if (this.#replies.length > 0) return Promise.resolve(this.#replies.shift());
    if (this.#closed) return Promise.resolve(CLOSED);
    return new Promise((resolve) => {
      const waiting = { resolve };
      waiting.timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        resolve(SILENT);
      }, ms);
      this.#waiting.push(waiting);
    });
  }

  call(...args) {
    this.send(args.map(String));
    return this.read();
  }

  /** Ends our side: the server reads end of file. */
  end() {
    this.#socket.end();
  }

  /** Ends it with a reset. */
  reset() {
    this.#socket.resetAndDestroy();
    this.#end();
  }

  /** Reads nothing until resume(): what the server sends stays in the system's buffers, then in its own. */
  pause() {
    this.#socket.pause();
  }

  resume() {
    this.#socket.resume();
  }

  destroy() {
    this.#socket.destroy();
    this.#end();
  }

  #take(chunk) {
    this.#reader.push(chunk);
    try {
      for (let reply = this.#reader.next(); reply; reply = this.#reader.next()) this.#hand(reply);
    } catch (error) {
      this.#hand({ type: 'broken', text: error.message, raw: this.#reader.rest });
      this.destroy();
    }
  }

  #hand(reply) {
    const waiting = this.#waiting.shift();
    if (!waiting) return void this.#replies.push(reply);
    clearTimeout(waiting.timer);
    waiting.resolve(reply);
  }

  #end() {
    if (this.#closed) return;
    this.#closed = true;
    while (this.#waiting.length > 0) this.#hand(CLOSED);
  }
}
