// SPDX-License-Identifier: MIT
// A node:test reporter that writes one JSON object a line for each test, for lib/run.mjs to compare.

export default async function* report(events) {
  for await (const { type, data } of events) {
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    const outcome = { name: data.name, ok: type === 'test:pass', ms: Math.round(data.details.duration_ms) };
    if (!outcome.ok) outcome.error = describe(data.details.error);
    yield JSON.stringify(outcome) + '\n';
  }
}

// node:test wraps what a test threw into an error of its own, with the original as its cause
function describe(error) {
  const thrown = error?.cause ?? error;
  return String(thrown?.stack ?? thrown).split('\n').filter((line) => !line.includes('node:internal')).join('\n');
}
