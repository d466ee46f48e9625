// SPDX-License-Identifier: MIT
/* Random commands for keys of any type, databases and the server. Rows: [weight, (g) => args, way]. */
import { signed } from './strings.mjs';

export const keys = [
  [6, (g) => [g.pick(['DEL', 'UNLINK']), ...g.keys(undefined, 1, 3)]],
  [4, (g) => [g.pick(['EXISTS', 'TOUCH']), ...g.keys(undefined, 1, 4)]],
  [3, (g) => ['TYPE', g.key()]],
  [2, (g) => [g.pick(['RENAME', 'RENAMENX']), g.key(), g.key()]],
  [3, (g) => ['COPY', g.key(), g.key(), ...g.maybe(0.3, 'DB', () => String(g.int(0, 2))), ...g.maybe(0.5, 'REPLACE')]],
  [2, (g) => ['MOVE', g.key(), String(g.int(0, 2))]],
  [8, expire],
  [2, (g) => ['PERSIST', g.key()]],
  [5, (g) => [g.pick(['TTL', 'PTTL', 'EXPIRETIME', 'PEXPIRETIME']), g.key()]],
  [3, (g) => ['OBJECT', 'ENCODING', g.key()]],
  [1, (g) => ['OBJECT', 'REFCOUNT', g.key()], 'any'],
  [1, (g) => ['MEMORY', 'USAGE', g.key(), ...g.maybe(0.3, 'SAMPLES', () => String(g.int(0, 5)))], 'any'],
  [2, (g) => ['KEYS', pattern(g)], 'unordered'],
  [2, (g) => ['SCAN', '0', ...scanOptions(g), ...g.maybe(0.2, 'TYPE', () => g.pick(['string', 'hash', 'list', 'set', 'zset', 'stream', 'NOSUCH']))], 'scan'],
  [1, () => ['RANDOMKEY'], 'any'],
];

/** Rare ones that change much. */
export const databases = [
  [10, (g) => ['SELECT', String(g.pick([0, 0, 0, 1, 2]))]],
  [2, (g) => ['SWAPDB', String(g.int(0, 2)), String(g.int(0, 2))]],
  [1, (g) => ['FLUSHDB', ...g.maybe(0.3, () => g.pick(['ASYNC', 'SYNC']))]],
  [1, () => ['FLUSHALL']],
  [2, (g) => ['PUBLISH', g.letter(), g.text()]],
  [2, () => ['TIME']],
  [1, () => ['ROLE']],
  [1, () => ['WAIT', '0', '0']],
  [2, (g) => ['ECHO', g.text()]],
  [2, (g) => ['PING', ...g.maybe(0.3, () => g.text())]],
  [2, (g) => ['nosuch', g.text(), g.text()]],
  [2, (g) => ['CLIENT', 'SETNAME', g.pick(['me', 'a b', '', 'x:1'])]],
  [2, () => ['CLIENT', 'GETNAME']],
  [1, () => ['RESET']],
];

export function scanOptions(g) {
  return g.shuffle([g.maybe(0.3, 'MATCH', () => pattern(g)), g.maybe(0.4, 'COUNT', () => String(g.int(1, 30)))]).flat();
}

function pattern(g) {
  return g.pick(['*', '?1', 'h*', '[a-m]*', '[^s]?', 's\\1', '*1', 'l?', '', '[', 'a*b', '**', '[z-a]1', 's[0-9]', '[^', '\\', 'n*none']);
}

function expire(g) {
  const ms = g.soonMs();
  const s = Math.trunc(ms / 1000);
  const [name, time] = g.pick([
    ['EXPIRE', String(s)],
    ['PEXPIRE', String(ms)],
    ['EXPIREAT', `<now_s${signed(s)}>`],
    ['PEXPIREAT', `<now${signed(ms)}>`],
  ]);
  return [name, g.key(), time, ...g.maybe(0.3, () => g.pick(['NX', 'XX', 'GT', 'LT'])), ...g.maybe(0.05, () => g.pick(['NX', 'GT', 'x']))];
}
