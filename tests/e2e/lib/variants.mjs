// SPDX-License-Identifier: MIT
/*
 * Which client library a test file is run with. The files of one folder are run once for each variant listed here; the
 * file itself reads the variant's name from E2E_VARIANT, so that the same lines hold for every release of a library.
 */

export const VARIANTS = {
  'bullmq-6': { module: 'bullmq', major: 6, driver: 'ioredis' },
  'bullmq-6-redis': { module: 'bullmq', major: 6, driver: 'redis' },
  'bullmq-5': { module: 'bullmq5', major: 5, driver: 'ioredis' },
  'ioredis-5': { module: 'ioredis', major: 5 },
  'ioredis-6': { module: 'ioredis6', major: 6 },
  'redis-5': { module: 'redis', major: 5 },
  'redis-6': { module: 'redis6', major: 6 },
};

const BY_FILE = [
  [/^bullmq\/interop/, [undefined]],
  [/^bullmq\/relay/, ['bullmq-6', 'bullmq-6-redis']],
  [/^bullmq\/volume/, ['bullmq-6', 'bullmq-5']],
  [/^bullmq\//, ['bullmq-6', 'bullmq-6-redis', 'bullmq-5']],
  [/^clients\/ioredis/, ['ioredis-5', 'ioredis-6']],
  [/^clients\/redis/, ['redis-5', 'redis-6']],
];

/** The variants a test file (its path from this folder) is run with; [undefined] when it needs none. */
export function variantsOf(file) {
  const row = BY_FILE.find(([pattern]) => pattern.test(file));
  return row ? row[1] : [undefined];
}

/** The variant this process runs: { name, module, major, driver }. */
export function currentVariant(fallback) {
  const name = process.env.E2E_VARIANT ?? fallback;
  if (!VARIANTS[name]) throw new Error(`E2E_VARIANT=${name} is none of ${Object.keys(VARIANTS).join(', ')}`);
  return { name, ...VARIANTS[name] };
}
