// SPDX-License-Identifier: MIT
/*
 * Runs a suite whose parts are modules with a run(options) that gives { name, faults, note }: tests/fault, tests/crash. Ends the process, after
 * the line `N passed, N failed`.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { KINDS, whyMissing } from './victim.mjs';

const TOLD_MAX = 20;
/* What every suite has. */
const FLAGS = {
  on: { type: 'string', default: 'oxq' },
  long: { type: 'boolean' },
  seed: { type: 'string' },
  keep: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
};

async function runPart(suite, name, common) {
  const from = Date.now();
  const { run, short, long } = suite.parts[name];
  mkdirSync(common.folder);
  const outcome = await run({ ...common, ...(common.isLong ? long : short) }).catch((error) => ({ name, faults: [error.stack], note: '' }));
  const { faults } = outcome;
  console.log(`${faults.length ? 'FAIL' : 'ok  '} ${outcome.name}: ${outcome.note} (${((Date.now() - from) / 1000).toFixed(1)} s)`);
  for (const fault of faults.slice(0, TOLD_MAX)) console.log(`    ${fault}`);
  if (faults.length > TOLD_MAX) console.log(`    and ${faults.length - TOLD_MAX} more`);
  return faults.length === 0;
}

/**
 * suite: name, usage, parts: { name: { run, short, long } } (the options of its two forms), flags (parseArgs' options, beside the common ones),
 * optionsOf(values) (what the parts get of them), seed (when none is given).
 */
export async function runSuite(suite) {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { ...FLAGS, ...suite.flags } });
  if (values.help) return void console.log(suite.usage);
  const all = Object.keys(suite.parts);
  const unknown = positionals.find((name) => !all.includes(name));
  const missing = KINDS.includes(values.on) ? whyMissing(values.on) ?? whyMissing('redis') : `no such server: ${values.on}`;
  if (missing || unknown) {
    console.log(`${suite.name}: ${missing ?? `no such part: ${unknown}`}\n0 passed, 1 failed`);
    process.exit(1);
  }
  const seed = Number(values.seed ?? suite.seed);
  console.log(`seed ${seed}`);
  const folder = mkdtempSync(path.join(os.tmpdir(), `oxq-${path.basename(suite.name)}-`));
  if (values.keep) console.log(`kept: ${folder}`);
  else process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const parts = positionals.length ? positionals : all;
  const common = { kind: values.on, isLong: values.long, seed, ...suite.optionsOf?.(values) };
  let passed = 0;
  for (const name of parts) passed += await runPart(suite, name, { ...common, folder: path.join(folder, name) });
  console.log(`${passed} passed, ${parts.length - passed} failed`);
  process.exit(passed === parts.length ? 0 : 1);
}
