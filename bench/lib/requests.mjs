// SPDX-License-Identifier: MIT
/*
 * The requests that the load generator sends, as files of RESP.
 *
 * BullMQ's are BullMQ's own: a real Queue and Worker talk to a real Redis, the calls they make are recorded, and each is
 * sent again for other jobs. Only two things are put in, both known beforehand: the job's id (ids are a counter) and the
 * time. Scripts are called by their SHA-1, as a connection does from the second call on.
 */
import { createWriteStream } from 'node:fs';
import { once } from 'node:events';
import { connect, Queue, Redis, Worker } from './clients.mjs';

const QUEUE = 'mail';
const TOKEN = 'a2f0c1d4-6b1e-4c3e-9f52-7a1d2e3b4c5d:1';
/* Jobs whose data differ; added again from the first after the last. */
const DISTINCT_JOBS = 1000;
const WRITE_BYTES = 1 << 20;

export const keyOf = (suffix) => `bull:${QUEUE}:${suffix}`;

export function encode(args) {
  const parts = [Buffer.from(`*${args.length}\r\n`)];
  for (const arg of args) {
    const bytes = Buffer.isBuffer(arg) ? arg : Buffer.from(String(arg));
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'));
  }
  return Buffer.concat(parts);
}

/** Writes the requests that `each(i)` gives for 0 <= i < count. */
export async function writeRequests(file, count, each) {
  const out = createWriteStream(file);
  let parts = [];
  let bytes = 0;
  for (let i = 0; i < count; i++) {
    const request = encode(each(i));
    parts.push(request);
    bytes += request.length;
    if (bytes >= WRITE_BYTES || i === count - 1) {
      if (!out.write(Buffer.concat(parts))) await once(out, 'drain');
      parts = [];
      bytes = 0;
    }
  }
  out.end();
  await once(out, 'close');
  return file;
}

/*
 * An ioredis that keeps the scripts it calls. A call is EVALSHA here; when the connection has not sent the script yet,
 * the command becomes an EVAL with the body at the moment it is written.
 */
class Recorder extends Redis {
  calls = [];
  #commands = [];
  sendCommand(command, stream) {
    if (command.name === 'evalsha') {
      this.calls.push(['EVALSHA', ...command.args]);
      this.#commands.push(command);
    }
    return super.sendCommand(command, stream);
  }
  get bodies() {
    return this.#commands.filter((command) => command.name === 'eval').map((command) => String(command.args[0]));
  }
}

/* Data of about dataBytes, as an application would have it: an object of a few fields. */
function dataOf(i, dataBytes) {
  const data = { to: `user${i}@example.com`, template: 'welcome', locale: 'en' };
  const missing = dataBytes - JSON.stringify(data).length - ',"body":""'.length;
  if (missing > 0) data.body = 'The quick brown fox jumps over the lazy dog. '.repeat(missing / 45 + 1).slice(0, missing);
  return data;
}

/**
 * Records BullMQ on the server at `port`, whose data it deletes: { scripts, adds, fetch, finish(i) }. `adds` are the
 * requests that add jobs; `fetch` moves the first to active; `finish(i)` completes job i+1 and fetches the one after it.
 */
export async function recordBullmq(port, dataBytes) {
  const connection = connect(port, Recorder);
  await connection.flushall();
  const queue = new Queue(QUEUE, { connection });
  await queue.waitUntilReady();
  await queue.add('send', dataOf(0, dataBytes)); // the script's body travels with its first call
  const added = connection.calls.length;
  await queue.addBulk(Array.from({ length: DISTINCT_JOBS }, (_, i) => ({ name: 'send', data: dataOf(i, dataBytes) })));
  const fetched = connection.calls.length;
  const worker = new Worker(QUEUE, null, { connection, autorun: false });
  await worker.waitUntilReady();
  const job = await worker.getNextJob(TOKEN, { block: false });
  const finished = connection.calls.length;
  await job.moveToCompleted('250 accepted', TOKEN, true);
  await Promise.all([worker.close(true), queue.close()]);

  const { bodies, calls } = connection;
  connection.disconnect();
  const adds = calls.slice(added, fetched);
  const fetch = calls.slice(fetched, finished).at(-1);
  const finish = calls[finished];
  if (adds.length !== DISTINCT_JOBS) throw new Error(`BullMQ made ${adds.length} calls to add ${DISTINCT_JOBS} jobs`);
  return { scripts: bodies, adds, fetch, finish: (i) => finishOf(finish, i) };
}

/* EVALSHA sha 14 KEYS ARGV: the job's key is the 12th, its id and the time are the first two of ARGV. */
function finishOf(call, i) {
  const id = String(i + 1);
  const request = [...call];
  const keys = 3;
  const argv = keys + Number(call[2]);
  if (String(request[keys + 11]) !== keyOf('1') || String(request[argv]) !== '1') throw new Error('moveToFinished has other parameters now');
  request[keys + 11] = keyOf(id);
  request[argv] = id;
  request[argv + 1] = String(Number(call[argv + 1]) + Math.floor(i / 10));
  return request;
}
