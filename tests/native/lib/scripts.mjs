// SPDX-License-Identifier: MIT
/** The scripts of the BullMQ packages of tests/e2e, by the SHA-1 of the text that a client sends. */
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(fileURLToPath(new URL('../../e2e/package.json', import.meta.url)));

export const PACKAGES = ['bullmq', 'bullmq62', 'bullmq60', 'bullmq5', 'bullmq561'];

export const sha1 = (text) => createHash('sha1').update(text, 'latin1').digest('hex');

function scriptsOf(name) {
  const folder = path.join(path.dirname(require.resolve(name)), 'scripts');
  return readdirSync(folder)
    .filter((file) => /-\d+\.js$/.test(file))
    .flatMap((file) => Object.values(require(path.join(folder, file))).map((script) => [sha1(Buffer.from(script.content).toString('latin1')), script.name]));
}

/** sha => name */
export const scripts = new Map(PACKAGES.flatMap(scriptsOf));
