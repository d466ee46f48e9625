// SPDX-License-Identifier: MIT
/* Runs the parts; see ../README.md. Ends with `N passed, N failed`. */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { KINDS, whyMissing } from '../../support/victim.mjs';

const USAGE = `usage: tests/crash/run [options] [PART...]
  --on KIND   the server to kill: ${KINDS.join(', ')}
  --long      hundreds of kills, a hundred thousand jobs (make torture)
  --seed N    the moments of the kills and the load follow from it; otherwise the clock
  --outage MS how long the server stays away in the part restart, at most (1000): with 8000 BullMQ 6.2.0 is lost
PARTS: raw bull volume restart; otherwise all. OXQ_BIN names the oxq to test.`;
const PARTS = ['raw', 'bull', 'volume', 'restart'];
const SHORT = { raw: { kills: 20, between: [100, 450] }, bull: { kills: 20, between: [150, 650] }, volume: { jobs: 10_000 }, restart: { rounds: 3 } };
const LONG = { raw: { kills: 500, between: [50, 300] }, bull: { kills: 500, between: [150, 1200] }, volume: { jobs: 100_000 }, restart: { rounds: 20 } };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { on: { type: 'string', default: 'oxq' }, long: { type: 'boolean' }, seed: { type: 'string' }, outage: { type: 'string', default: '1000' }, help: { type: 'boolean', short: 'h' } },
});

async function runPart(name, folder, seed) {
  const from = Date.now();
  const options = { kind: values.on, folder, seed, outageMs: Number(values.outage), ...(values.long ? LONG : SHORT)[name] };
  const { run } = await import(`../${name}.mjs`);
  const outcome = await run(options).catch((error) => ({ name, faults: [error.stack], note: '' }));
  console.log(`${outcome.faults.length ? 'FAIL' : 'ok  '} ${outcome.name}: ${outcome.note} (${((Date.now() - from) / 1000).toFixed(1)} s)`);
  for (const fault of outcome.faults.slice(0, 20)) console.log(`    ${fault}`);
  if (outcome.faults.length > 20) console.log(`    and ${outcome.faults.length - 20} more`);
  return outcome.faults.length === 0;
}

async function main() {
  if (values.help) return void console.log(USAGE);
  const missing = KINDS.includes(values.on) ? whyMissing(values.on) ?? whyMissing('redis') : `no such server: ${values.on}`;
  const unknown = positionals.find((name) => !PARTS.includes(name));
  if (missing || unknown) {
    console.log(`tests/crash: ${missing ?? `no such part: ${unknown}`}\n0 passed, 1 failed`);
    process.exit(1);
  }
  const seed = Number(values.seed ?? Date.now() % 1_000_000);
  console.log(`seed ${seed}`);
  const folder = mkdtempSync(path.join(os.tmpdir(), 'oxq-crash-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const parts = positionals.length ? positionals : PARTS;
  let passed = 0;
  for (const name of parts) passed += await runPart(name, folder, seed);
  console.log(`${passed} passed, ${parts.length - passed} failed`);
  process.exit(passed === parts.length ? 0 : 1);
}

await main();
