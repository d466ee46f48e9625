// SPDX-License-Identifier: MIT
/* Random hash commands. Rows: [weight, (g) => args, way]. */
import { scanOptions } from './keys.mjs';

const MANY = 540; // past the 512 fields of a small hash

export const hashes = [
  [12, (g) => ['HSET', g.key('hash'), ...g.some(1, 4, () => [g.member(), g.text()]).flat()]],
  [1, (g) => ['HSET', g.key('hash'), ...g.some(100, MANY, (_, i) => [`f${i}`, String(i)]).flat()]],
  [2, (g) => ['HMSET', g.key('hash'), ...g.some(1, 3, () => [g.member(), g.text()]).flat()]],
  [3, (g) => ['HSETNX', g.key('hash'), g.member(), g.text()]],
  [6, (g) => ['HGET', g.key('hash'), g.member()]],
  [4, (g) => ['HMGET', g.key('hash'), ...g.some(1, 5, () => g.member())]],
  [4, (g) => ['HGETALL', g.key('hash')], 'pairs'],
  [6, (g) => ['HDEL', g.key('hash'), ...g.some(1, 4, () => g.member())]],
  [2, (g) => ['HLEN', g.key('hash')]],
  [2, (g) => ['HSTRLEN', g.key('hash'), g.member()]],
  [2, (g) => ['HEXISTS', g.key('hash'), g.member()]],
  [2, (g) => [g.pick(['HKEYS', 'HVALS']), g.key('hash')], 'unordered'],
  [4, (g) => ['HINCRBY', g.key('hash'), g.member(), g.integer()]],
  [3, (g) => ['HINCRBYFLOAT', g.key('hash'), g.member(), g.float()]],
  [2, (g) => ['HRANDFIELD', g.key('hash'), ...g.maybe(0.7, () => String(g.int(-8, 8)))], 'shape'],
  [1, (g) => ['HRANDFIELD', g.key('hash'), String(g.int(-8, 8)), 'WITHVALUES'], 'shape'],
  [2, (g) => ['HSCAN', g.key('hash'), '0', ...scanOptions(g)], 'scan'],
];
