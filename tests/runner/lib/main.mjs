// SPDX-License-Identifier: MIT
/* Runs the tests of every *.test.mjs in this folder's parent, on the kit of tests/daemon. */
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { runTests, whyMissing } from '../../daemon/lib/kit.mjs';

const FOLDER = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

const missing = whyMissing();
if (missing) {
  console.log(`${missing}\n0 passed, 1 failed`);
  process.exit(1);
}
for (const name of readdirSync(FOLDER).filter((file) => file.endsWith('.test.mjs')).sort()) {
  await import(path.join(FOLDER, name));
}
process.exit(await runTests(process.argv.slice(2)));
