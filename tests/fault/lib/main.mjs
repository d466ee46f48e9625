// SPDX-License-Identifier: MIT
/* Runs the parts; see ../README.md. Ends with `N passed, N failed`. */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { KINDS, whyMissing } from '../../support/victim.mjs';

const USAGE = `usage: tests/fault/run [options] [PART...]
  --on KIND     the server: ${KINDS.join(', ')}
  --long        every call, every mode, several seeds (make torture)
  --seed N      the history and the choice of cuts and faults follow from it (1)
  --modes A,B   of the power cuts: none all prefix writes sectors
  --keep        leave the folder with records and logs there, and say where
PARTS: power faults full corrupt; otherwise all. OXQ_BIN names the oxq to test.`;
const PARTS = ['power', 'faults', 'full', 'corrupt'];
const SHORT = { power: { steps: 600, images: 300, seeds: 1 }, faults: { steps: 150, tries: 40 }, full: {}, corrupt: { steps: 300, tries: 60 } };
const LONG = { power: { steps: 3000, images: Infinity, seeds: 3 }, faults: { steps: 600, tries: Infinity }, full: {}, corrupt: { steps: 2000, tries: 5000 } };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { on: { type: 'string', default: 'oxq' }, long: { type: 'boolean' }, seed: { type: 'string', default: '1' }, modes: { type: 'string' }, keep: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
});

async function runPart(name, folder, seed) {
  const from = Date.now();
  const options = { kind: values.on, folder: path.join(folder, name), seed, modes: values.modes?.split(','), ...(values.long ? LONG : SHORT)[name] };
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
    console.log(`tests/fault: ${missing ?? `no such part: ${unknown}`}\n0 passed, 1 failed`);
    process.exit(1);
  }
  const folder = mkdtempSync(path.join(os.tmpdir(), 'oxq-fault-'));
  if (values.keep) console.log(`kept: ${folder}`);
  else process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const parts = positionals.length ? positionals : PARTS;
  let passed = 0;
  for (const name of parts) passed += await runPart(name, folder, Number(values.seed));
  console.log(`${passed} passed, ${parts.length - passed} failed`);
  process.exit(passed === parts.length ? 0 : 1);
}

await main();
