// SPDX-License-Identifier: MIT
/*
 * The Redis protocol as bytes. Text here is always latin1: one character for each byte, so that nothing is lost.
 *
 * A reply is a tree of nodes { type, text } or { type, items }; type is the protocol's first character. A null string
 * or array has neither text nor items. A map's items alternate keys and values. The top node also has `raw`.
 */

/** The request as an array of bulk strings. */
export function encode(args) {
  return args.reduce((bytes, arg) => `${bytes}$${arg.length}\r\n${arg}\r\n`, `*${args.length}\r\n`);
}

/** Takes chunks, hands out whole replies. */
export class ReplyReader {
  #bytes = '';
  #at = 0;
  #chunks = [];

  push(chunk) {
    this.#chunks.push(chunk.toString('latin1'));
  }

  /** What has arrived and is not a whole reply. */
  get rest() {
    this.#gather();
    return this.#bytes.slice(this.#at);
  }

  /** The next whole reply, or null. Throws when the bytes are not the protocol's. */
  next() {
    this.#gather();
    const start = this.#at;
    const node = this.#node();
    if (!node) {
      this.#at = start;
      return null;
    }
    node.raw = this.#bytes.slice(start, this.#at);
    return node;
  }

  #gather() {
    if (this.#chunks.length === 0) return;
    this.#bytes = this.#bytes.slice(this.#at) + this.#chunks.join('');
    this.#at = 0;
    this.#chunks = [];
  }

  #line() {
    const end = this.#bytes.indexOf('\r\n', this.#at);
    if (end < 0) return null;
    const line = this.#bytes.slice(this.#at, end);
    this.#at = end + 2;
    return line;
  }

  #node() {
    const line = this.#line();
    if (line === null) return null;
    const type = line[0];
    const text = line.slice(1);
    if ('+-:,#_('.includes(type)) return { type, text };
    if (type === '$' || type === '=') return this.#string(type, Number(text));
    if ('*~>'.includes(type)) return this.#array(type, Number(text));
    if (type === '%' || type === '|') return this.#array(type, 2 * Number(text));
    throw new Error(`not a reply: ${JSON.stringify(line.slice(0, 80))}`);
  }

  #string(type, length) {
    if (length < 0) return { type };
    if (this.#bytes.length < this.#at + length + 2) return null;
    const text = this.#bytes.slice(this.#at, this.#at + length);
    this.#at += length + 2;
    return { type, text };
  }

  #array(type, count) {
    if (count < 0) return { type };
    const items = [];
    for (let i = 0; i < count; i++) {
      const item = this.#node();
      if (!item) return null;
      items.push(item);
    }
    return { type, items };
  }
}

const SIMPLE = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\x07': '\\a', '\b': '\\b', '"': '\\"', '\\': '\\\\' };

/** As redis-cli writes a string: "..." with escapes. */
export function quote(text) {
  const body = text.replace(/[^ !#-[\]-~]/g, (c) => SIMPLE[c] ?? `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
  return `"${body}"`;
}

/** As short as a script's line may have it: bare where nothing needs quoting. */
export function quoteArg(text) {
  if (/^[^\s"'\\#~\x00-\x1f\x7f-\xff][^\s"'\\\x00-\x1f\x7f-\xff]*$/.test(text)) return text;
  const run = /^(.)\1{40,}$/s.exec(text);
  return run ? `${quote(run[1])}*${text.length}` : quote(text);
}

/** Bytes on one line, for people: only what cannot be seen is escaped. */
export function visible(bytes) {
  return quote(bytes).slice(1, -1).replaceAll('\\"', '"');
}
