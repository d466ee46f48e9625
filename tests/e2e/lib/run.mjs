// SPDX-License-Identifier: MIT
/*
 * Runs the end-to-end tests: every *.test.mjs below this folder, once for each variant of its client library
 * (lib/variants.mjs), first on a real redis-server and then on oxq, and compares the outcome of each test.
 *
 * One such run of a file is a unit: a process of its own with E2E_REDIS_URL, E2E_SERVER (redis or oxq) and E2E_VARIANT
 * in its environment, leading a process group that is ended as a whole. A few units run at a time. A test that passes
 * on one server and not on the other is a disagreement; it counts as failed like any other failure.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, existsSync, openSync, closeSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { compareKeyspaces } from './keyspace.mjs';
import { startServer, whyMissing } from './server.mjs';
import { variantsOf } from './variants.mjs';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const UNIT_MS = 300_000;
const SERVER_MS = 1_500_000; // for all units on one server: one that hangs must not take hours
const runningUnits = new Set(); // pids
const USAGE = `tests/e2e/run [--on redis|oxq|both] [--jobs N] [PATTERN]
  --on        which server the tests are run on (both: and their outcomes compared)
  --jobs      how many test processes at a time (default 3)
  PATTERN     only units whose name contains it, such as bullmq/jobs or bullmq-5 or clients/
environment: OXQ_BIN, the oxq to test (default build/release/oxq)
`;

function options() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { on: { type: 'string', default: 'both' }, jobs: { type: 'string', default: '3' }, help: { type: 'boolean' } },
    });
    const kinds = { redis: ['redis'], oxq: ['oxq'], both: ['redis', 'oxq'] }[values.on];
    if (values.help || !kinds || positionals.length > 1 || !(Number(values.jobs) >= 1)) throw new Error(USAGE);
    return { kinds, jobs: Number(values.jobs), pattern: positionals[0] ?? '' };
  } catch (error) {
    fail(error.message.startsWith('tests/e2e/run') ? error.message : `${error.message}\n${USAGE}`);
  }
}

function fail(message) {
  process.stderr.write(message.endsWith('\n') ? message : `${message}\n`);
  process.exit(2);
}

function listUnits(pattern) {
  const files = readdirSync(ROOT, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== 'node_modules')
    .flatMap((folder) => readdirSync(path.join(ROOT, folder.name)).map((name) => `${folder.name}/${name}`))
    .filter((file) => file.endsWith('.test.mjs'));
  return files
    .flatMap((file) => variantsOf(file).map((variant) => ({ file, variant, name: unitName(file, variant) })))
    .filter((unit) => unit.name.includes(pattern))
    .sort((a, b) => a.name.localeCompare(b.name));
}

function unitName(file, variant) {
  return file.replace('.test.mjs', '') + (variant ? ` [${variant}]` : '');
}

/** Runs one unit to its end: { unit, tests: [{ name, ok, ms, error }], seconds, output }. */
async function runUnit(unit, server, workDir) {
  const started = Date.now();
  const base = path.join(workDir, unit.name.replace(/\W+/g, '-'));
  const output = openSync(`${base}.out`, 'w');
  const args = ['--test-reporter', path.join(ROOT, 'lib/reporter.mjs'), '--test-reporter-destination', `${base}.tests`];
  const env = { ...process.env, E2E_REDIS_URL: server.url, E2E_SERVER: server.kind, E2E_KEYSPACE_FILE: `${base}.keys` };
  if (unit.variant) env.E2E_VARIANT = unit.variant;
  const child = spawn(process.execPath, [...args, path.join(ROOT, unit.file)], {
    env,
    stdio: ['ignore', output, output],
    detached: true,
  });
  runningUnits.add(child.pid);
  const late = setTimeout(() => endGroup(child.pid), UNIT_MS);
  const status = await new Promise((resolve) => child.once('close', (code, signal) => resolve(signal ?? code)));
  clearTimeout(late);
  runningUnits.delete(child.pid);
  endGroup(child.pid);
  closeSync(output);
  const tests = existsSync(`${base}.tests`)
    ? readFileSync(`${base}.tests`, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line))
    : [];
  const text = readFileSync(`${base}.out`, 'utf8');
  if (status !== 0 && tests.every((test) => test.ok)) {
    tests.push({ name: 'the file runs to its end', ok: false, ms: 0, error: `ended with ${status}\n${text}` });
  }
  const keyspace = existsSync(`${base}.keys`) ? JSON.parse(readFileSync(`${base}.keys`, 'utf8')) : {};
  return { unit, tests, keyspace, output: text, seconds: (Date.now() - started) / 1000 };
}

// what a test left behind goes with it; a group that is gone already is what we hope for
function endGroup(pid) {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {}
}

async function runOn(kind, units, jobs) {
  const server = await startServer(kind).catch((error) => fail(error.message));
  const workDir = mkdtempSync(path.join(os.tmpdir(), 'e2e-run-'));
  const deadline = Date.now() + SERVER_MS;
  const queue = [...units];
  const results = new Map();
  let ended;
  server.ended.then((status) => {
    ended = status;
    for (const pid of runningUnits) endGroup(pid); // their clients would wait for it to come back
  });
  const take = async () => {
    for (let unit = queue.shift(); unit; unit = queue.shift()) {
      const late = ended === undefined && Date.now() > deadline;
      if (ended !== undefined || late) {
        addFailure(results, unit.name, 'the file is run', late ? 'no time is left' : `${kind} had ended with ${ended}`);
        continue;
      }
      const result = await runUnit(unit, server, workDir);
      results.set(unit.name, result);
      printUnit(kind, result);
    }
  };
  await Promise.all(Array.from({ length: jobs }, take));
  const log = server.log();
  const died = ended !== undefined;
  const status = died ? ended : await server.stop();
  if (died || status !== 0) {
    addFailure(results, 'server', `${kind} serves to the end and stops on SIGTERM with 0`, `it ended with ${status}\n${log.slice(-4000)}`);
    printUnit(kind, results.get('server'));
  }
  rmSync(workDir, { recursive: true, force: true });
  return results;
}

function addFailure(results, unitName, test, error) {
  const tests = [{ name: test, ok: false, ms: 0, error }];
  results.set(unitName, { unit: { name: unitName }, tests, keyspace: {}, output: '', seconds: 0 });
}

function printUnit(kind, { unit, tests, output, seconds }) {
  const failed = tests.filter((test) => !test.ok);
  const counts = `${tests.length - failed.length} of ${tests.length}`;
  console.log(`${kind.padEnd(5)} ${failed.length ? 'FAIL' : 'ok  '} ${unit.name.padEnd(36)} ${counts.padStart(9)}  ${seconds.toFixed(1)} s`);
  for (const test of failed) console.log(`    ${test.name} (${test.ms} ms)\n${indent(test.error)}`);
  if (failed.length && output) console.log(`    output:\n${indent(output.slice(-4000))}`);
}

function indent(text) {
  return text.trimEnd().replace(/^/gm, '        ');
}

/** A line for each test whose outcome or whose final keyspace is not the same on both servers. */
function disagreements(redis, oxq) {
  const lines = [];
  for (const name of new Set([...redis.keys(), ...oxq.keys()])) {
    const [left, right] = [outcomes(redis.get(name)), outcomes(oxq.get(name))];
    for (const test of new Set([...Object.keys(left), ...Object.keys(right)])) {
      if (left[test] === right[test]) continue;
      lines.push(`${name}: ${test}: ${left[test] ?? 'not run'} on redis, ${right[test] ?? 'not run'} on oxq`);
    }
  }
  return lines;
}

function outcomes(result) {
  return Object.fromEntries((result?.tests ?? []).map((test) => [test.name, test.ok ? 'passes' : 'fails']));
}

function keyspaceDifferences(redis, oxq) {
  return [...redis.keys()].flatMap((name) =>
    compareKeyspaces(redis.get(name).keyspace, oxq.get(name)?.keyspace ?? {}).map((line) => `${name}: ${line}`),
  );
}

async function main() {
  const { kinds, jobs, pattern } = options();
  for (const kind of kinds) {
    const missing = whyMissing(kind);
    if (missing) fail(`tests/e2e: ${missing}`);
  }
  const units = listUnits(pattern);
  if (units.length === 0) fail(`tests/e2e: no test file's name contains "${pattern}"`);

  const byKind = {};
  for (const kind of kinds) byKind[kind] = await runOn(kind, units, jobs);
  const tests = kinds.flatMap((kind) => [...byKind[kind].values()].flatMap((result) => result.tests));
  let failed = tests.filter((test) => !test.ok).length;
  if (kinds.length === 2) {
    const lines = disagreements(byKind.redis, byKind.oxq);
    if (lines.length) console.log(`\n${lines.length} disagreements:\n${indent(lines.join('\n'))}`);
    const keys = keyspaceDifferences(byKind.redis, byKind.oxq);
    if (keys.length) console.log(`\n${keys.length} differences in the keyspace left behind:\n${indent(keys.join('\n'))}`);
    failed += keys.length;
  }
  console.log(`${tests.filter((test) => test.ok).length} passed, ${failed} failed`);
  process.exitCode = failed === 0 && tests.length > 0 ? 0 : 1;
}

await main();
