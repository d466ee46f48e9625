// SPDX-License-Identifier: MIT
/* Runs the tests of every *.test.mjs in a folder, one after the other, each in a folder of its own: main.mjs FOLDER [PATTERN...]. */
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { runTests, whyMissing } from './kit.mjs';

const [given, ...patterns] = process.argv.slice(2);
const folder = path.resolve(given);

const missing = whyMissing();
if (missing) {
  console.log(`${missing}\n0 passed, 1 failed`);
  process.exit(1);
}
for (const name of readdirSync(folder).filter((file) => file.endsWith('.test.mjs')).sort()) {
  await import(path.join(folder, name));
}
process.exit(await runTests(patterns));
