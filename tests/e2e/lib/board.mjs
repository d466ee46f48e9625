// SPDX-License-Identifier: MIT
/* Bull Board in an Express application. */
import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { ExpressAdapter } from '@bull-board/express';
import express from 'express';

/** A board over the queues, and `call(method, path, body)` that gives { status, body }. `defer` takes what ends it. */
export async function openBoard(queues, defer) {
  const serverAdapter = new ExpressAdapter().setBasePath('/admin');
  const options = { validateResponses: true }; // an answer that is not as its schema says becomes an error
  createBullBoard({ queues: queues.map((queue) => new BullMQAdapter(queue)), serverAdapter, options });
  const app = express().use('/admin', serverAdapter.getRouter());
  const server = await new Promise((resolve) => {
    const listening = app.listen(0, '127.0.0.1', () => resolve(listening));
  });
  defer(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  const base = `http://127.0.0.1:${server.address().port}/admin`;
  return async (method, path, body) => {
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(base + path, { method, headers, body: body && JSON.stringify(body) });
    const text = await answer.text();
    const isJson = answer.headers.get('content-type')?.includes('json') && text;
    return { status: answer.status, body: isJson ? JSON.parse(text) : text };
  };
}
