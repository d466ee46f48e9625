// SPDX-License-Identifier: MIT
// A sandboxed processor: bullmq/sandbox.test.mjs runs it in a child process or a worker thread.
'use strict';

const actions = {
  double: async (job) => job.data.n * 2,
  where: async () => ({ pid: process.pid, isMainThread: require('node:worker_threads').isMainThread }),
  fail: async (job) => {
    throw new Error(`sandboxed: ${job.data.n}`);
  },
  exit: async (job) => {
    if (job.attemptsMade === 0) process.exit(17);
    return 'after the crash';
  },
  report: async (job) => {
    await job.log('from the sandbox');
    await job.updateProgress({ half: true });
    await job.updateData({ changed: true });
    return 'reported';
  },
  children: async (job) => job.getChildrenValues(),
  delay: async (job, token) => {
    if (job.data.delayed) return 'second time';
    const { DelayedError } = require('bullmq');
    await job.updateData({ ...job.data, delayed: true });
    await job.moveToDelayed(Date.now() + 50, token);
    throw new DelayedError();
  },
  unrecoverable: async () => {
    const { UnrecoverableError } = require('bullmq');
    throw new UnrecoverableError('no use');
  },
};

module.exports = (job, token) => actions[job.name](job, token);
