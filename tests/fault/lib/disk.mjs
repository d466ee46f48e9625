// SPDX-License-Identifier: MIT
/*
 * A disk that can lose its power: fed with a server's calls, it tells what a folder could hold if the power went now.
 *
 * A file has what is on the disk for certain (durable), what its readers see (cache), and the changes between the two in order.
 * A sync makes durable what was changed before it began. Of the rest, each 512-byte sector may be on the disk in any state that
 * it had since, whatever the others are. A length, and a name in a folder (made, moved, removed), is on the disk for certain when
 * the file, or the folder, was synced; otherwise each may be or not.
 *
 * How a crash treats what is not certain:
 *   none     all of it is lost
 *   all      none of it is lost, as when the process alone dies
 *   prefix   changes up to some point are kept whole, then one in part: a file system that keeps order
 *   writes   each change is kept or lost
 *   sectors  each sector is as it was at some time since
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathsOf } from './trace.mjs';

export const MODES = ['none', 'all', 'prefix', 'writes', 'sectors'];
const SECTOR = 512;
const O_TRUNC = 0o1000;
const O_DSYNC = 0o10000;
const KEEP_SIZE = 1;

class Bytes {
  constructor(bytes = Buffer.alloc(0)) {
    this.size = bytes.length;
    this.room = Buffer.from(bytes);
  }

  clone() {
    return new Bytes(this.room.subarray(0, this.size));
  }

  resize(size) {
    if (size > this.room.length) {
      const more = Buffer.alloc(Math.max(size, 2 * this.room.length));
      this.room.copy(more, 0, 0, this.size);
      this.room = more;
    }
    if (size < this.size) this.room.fill(0, size, this.size);
    this.size = size;
  }

  write(bytes, at) {
    if (at + bytes.length > this.size) this.resize(at + bytes.length);
    bytes.copy(this.room, at);
  }

  get bytes() {
    return this.room.subarray(0, this.size);
  }
}

function change(bytes, { kind, offset, data, size }) {
  if (kind === 'write') bytes.write(data, offset);
  else if (kind === 'grow') bytes.resize(Math.max(size, bytes.size));
  else bytes.resize(size);
}

const isShrink = (one) => one.kind === 'size';

class File {
  pending = [];

  constructor(bytes) {
    this.durable = new Bytes(bytes);
    this.cache = new Bytes(bytes);
  }

  add(one) {
    change(this.cache, one);
    this.pending.push(one);
  }

  /** A sync that began at `at` is over. */
  settle(at) {
    while (this.pending.length && this.pending[0].at < at) change(this.durable, this.pending.shift());
  }

  /** A write that is durable when it returns: its sectors are as readers see them. */
  settleSectors({ offset, data }) {
    const from = offset - (offset % SECTOR);
    const till = Math.min(this.cache.size, Math.ceil((offset + data.length) / SECTOR) * SECTOR);
    this.durable.write(this.cache.bytes.subarray(from, till), from);
    this.pending = this.pending.filter((one) => one.kind !== 'write' || one.offset < from || one.offset + one.data.length > till);
  }

  /** What may be on the disk. */
  image(mode, random) {
    if (mode === 'none' || this.pending.length === 0) return this.durable;
    if (mode === 'all') return this.cache;
    const out = this.durable.clone();
    if (mode === 'prefix') keepPrefix(out, this.pending, random);
    else if (mode === 'writes') keepWrites(out, this.pending, random);
    else keepSectors(out, this.pending, random);
    return out;
  }
}

function keepPrefix(out, pending, random) {
  const kept = Math.floor(random() * (pending.length + 1));
  for (const one of pending.slice(0, kept)) change(out, one);
  const torn = pending[kept];
  if (torn?.kind !== 'write') return;
  const end = torn.offset + Math.floor(random() * torn.data.length);
  const cut = end - (end % SECTOR) - torn.offset;
  if (cut > 0) change(out, { ...torn, data: torn.data.subarray(0, cut) });
}

function keepWrites(out, pending, random) {
  const odds = random();
  for (const one of pending) if (random() < odds) change(out, one);
}

/* A file that was cut short has no sectors before and after to mix: either the cut happened or it did not. */
function keepSectors(out, pending, random) {
  const cuts = pending.flatMap((one, i) => (isShrink(one) ? [i] : []));
  const past = cuts[Math.floor(random() * (cuts.length + 1)) - 1] ?? -1;
  for (const one of pending.slice(0, past + 1)) change(out, one);
  const next = cuts.find((i) => i > past) ?? pending.length;
  mixSectors(out, pending.slice(past + 1, next), random);
}

function mixSectors(out, pending, random) {
  const states = new Map(); // sector -> how many changes of it there are
  const each = (one, fn) => {
    for (let at = one.offset; at < one.offset + one.data.length; ) {
      const sector = Math.floor(at / SECTOR);
      const end = Math.min((sector + 1) * SECTOR, one.offset + one.data.length);
      fn(sector, one.data.subarray(at - one.offset, end - one.offset), at);
      at = end;
    }
  };
  const writes = pending.filter((one) => one.kind === 'write');
  for (const one of writes) each(one, (sector) => states.set(sector, (states.get(sector) ?? 0) + 1));
  const sizes = [out.size, ...pending.map((one) => (one.kind === 'write' ? one.offset + one.data.length : one.size))];
  const size = Math.max(out.size, sizes[Math.floor(random() * sizes.length)]);
  const kept = new Map([...states].map(([sector, count]) => [sector, Math.floor(random() * (count + 1))]));
  const seen = new Map();
  for (const one of writes) {
    each(one, (sector, data, at) => {
      const number = (seen.get(sector) ?? 0) + 1;
      seen.set(sector, number);
      if (number <= kept.get(sector)) out.write(data, at);
    });
  }
  out.resize(size);
}

export class Disk {
  #names = new Map(); // path -> File or 'folder', for certain
  #seen = new Map(); // path -> the same, as programs see it
  #changes = []; // { at, folders, apply(names) } that are not certain
  #open = new Map(); // fd -> { file, path, isDsync }
  #syncs = new Map(); // number of a sync -> { at, open }
  #at = 0;

  /** Begins with what is in a folder, all of it durable. */
  constructor(root) {
    this.root = path.normalize(root);
    this.#load(this.root);
    this.#seen = new Map(this.#names);
  }

  #load(folder) {
    this.#names.set(folder, 'folder');
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const name = path.join(folder, entry.name);
      if (entry.isDirectory()) this.#load(name);
      else if (entry.isFile()) this.#names.set(name, new File(readFileSync(name)));
    }
  }

  /** The process is gone, and its descriptors; what it wrote stays in the cache. */
  endProcess() {
    this.#open.clear();
    this.#syncs.clear();
  }

  /** A call was made. Throws when the model does not know it. */
  do(op) {
    this.#at++;
    if (op.error === 0) this[`do_${op.kind}`]?.(op);
  }

  #rename(change, folders) {
    change(this.#seen);
    this.#changes.push({ at: this.#at, folders, apply: change });
  }

  do_open(op) {
    const [name] = pathsOf(op);
    if (op.b) {
      const file = new File(Buffer.alloc(0));
      this.#rename((names) => names.set(name, file), [path.dirname(name)]);
    }
    const file = this.#seen.get(name);
    if (!file) throw new Error(`opened, and the model does not know it: ${name}`);
    this.#open.set(op.fd, { file, path: name, isDsync: Boolean(op.a & O_DSYNC) });
    if (op.a & O_TRUNC && file instanceof File && file.cache.size > 0) file.add({ at: this.#at, kind: 'size', size: 0 });
  }

  do_close(op) {
    this.#open.delete(op.fd);
  }

  do_write(op) {
    const { file, isDsync } = this.#open.get(op.fd);
    const one = { at: this.#at, kind: 'write', offset: op.a, data: op.bytes };
    file.add(one);
    if (isDsync) file.settleSectors(one);
  }

  do_truncate(op) {
    const { file } = this.#open.get(op.fd);
    file.add({ at: this.#at, kind: op.a < file.cache.size ? 'size' : 'grow', size: op.a });
  }

  do_allocate(op) {
    if (op.b & ~KEEP_SIZE) throw new Error(`fallocate with mode ${op.b} is not in the model`);
    const { file } = this.#open.get(op.fd);
    if (op.b === 0 && op.a > file.cache.size) file.add({ at: this.#at, kind: 'grow', size: op.a });
  }

  do_syncBegin(op) {
    this.#syncs.set(op.a, { at: this.#at, open: this.#open.get(op.fd) });
  }

  do_syncEnd(op) {
    const { at, open } = this.#syncs.get(op.a);
    this.#syncs.delete(op.a);
    if (open.file instanceof File) return open.file.settle(at);
    this.#changes = this.#changes.filter((one) => {
      if (one.at >= at || !one.folders.includes(open.path)) return true;
      one.apply(this.#names);
      return false;
    });
  }

  do_rename(op) {
    const [from, to] = pathsOf(op);
    const file = this.#seen.get(from);
    if (!(file instanceof File)) throw new Error(`renaming ${from}, which is no file, is not in the model`);
    this.#rename((names) => names.delete(from) | names.set(to, file).size, [...new Set([path.dirname(from), path.dirname(to)])]);
  }

  do_unlink(op) {
    const [name] = pathsOf(op);
    this.#rename((names) => names.delete(name), [path.dirname(name)]);
  }

  do_rmdir(op) {
    this.do_unlink(op);
  }

  do_mkdir(op) {
    const [name] = pathsOf(op);
    this.#rename((names) => names.set(name, 'folder'), [path.dirname(name)]);
  }

  do_map(op) {
    // LMDB's table of readers is of no use after a crash
    if (op.b && !this.#open.get(op.fd)?.path.endsWith('lock.mdb')) throw new Error(`a writable map of ${this.#open.get(op.fd)?.path} is not in the model`);
  }

  /** How many changes are not certain now. */
  get doubtsCount() {
    return this.#changes.length + [...new Set(this.#seen.values())].reduce((sum, file) => sum + (file.pending?.length ?? 0), 0);
  }

  /** What the folder may hold: { path below root: Buffer, or null for a folder }. */
  image(mode, random) {
    const names = new Map(this.#names);
    const kept = { none: () => false, all: () => true, writes: () => random() < 0.5, sectors: () => random() < 0.5 };
    const till = Math.floor(random() * (this.#changes.length + 1));
    this.#changes.forEach((one, i) => (kept[mode] ? kept[mode]() : i < till) && one.apply(names));
    const out = {};
    for (const name of [...names.keys()].sort()) {
      if (name === this.root) continue;
      const below = path.relative(this.root, name);
      const parent = path.dirname(below);
      if (parent !== '.' && out[parent] !== null) continue; // its folder was lost
      const file = names.get(name);
      out[below] = file === 'folder' ? null : Buffer.from(file.image(mode, random).bytes);
    }
    return out;
  }
}

export function digestOf(image) {
  const hash = createHash('sha1');
  for (const [name, bytes] of Object.entries(image)) hash.update(`${name} ${bytes?.length}\n`).update(bytes ?? '');
  return hash.digest('hex');
}

export function writeImage(image, folder) {
  mkdirSync(folder, { recursive: true });
  for (const [name, bytes] of Object.entries(image)) {
    if (bytes === null) mkdirSync(path.join(folder, name));
    else writeFileSync(path.join(folder, name), bytes);
  }
}
