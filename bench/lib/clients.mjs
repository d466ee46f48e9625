// SPDX-License-Identifier: MIT
/* BullMQ and ioredis, in the releases that tests/e2e pins. */
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');

const require = createRequire(path.join(ROOT, 'tests/e2e/package.json'));
export const { Queue, Worker } = require('bullmq');
export const { Redis } = require('ioredis');
export const versions = Object.fromEntries(
  ['bullmq', 'ioredis'].map((name) => [name, require(`${name}/package.json`).version]),
);

/** A connection as BullMQ wants it: commands wait for the server instead of failing. */
export const connect = (port, Client = Redis) => new Client({ port, host: '127.0.0.1', maxRetriesPerRequest: null });
