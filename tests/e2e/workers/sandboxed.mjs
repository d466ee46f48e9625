// SPDX-License-Identifier: MIT
// The sandboxed processor as an ECMAScript module.
export default async function process(job) {
  await job.updateProgress(100);
  return { module: import.meta.url.endsWith('sandboxed.mjs'), n: job.data.n };
}
