// SPDX-License-Identifier: MIT
/** The environment without what configures oxq, as whoever works with it has that; `more` is what a test wants to have there. */
export function plainEnvironment(more = {}) {
  return { ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('OXQ_'))), ...more };
}
