// SPDX-License-Identifier: MIT
/*
 * A NestJS application as its guide builds one: @nestjs/bullmq for queues, processors, event listeners and flows, an HTTP
 * controller that adds jobs, and Bull Board mounted by @bull-board/nestjs. Decorators are applied by hand: this is plain
 * JavaScript.
 */
import 'reflect-metadata';
import { BullModule, InjectFlowProducer, InjectQueue, OnQueueEvent, OnWorkerEvent, Processor, QueueEventsHost, QueueEventsListener, WorkerHost } from '@nestjs/bullmq';
import { BullBoardModule } from '@bull-board/nestjs';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { ExpressAdapter } from '@bull-board/express';
import { Body, Controller, Injectable, Module, Param, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { assert, eventOf, gate, state, test, until, URL } from '../lib/bull.mjs';

/** Puts decorators on a method, and on its parameters by their index. */
function onMethod(target, key, decorators, parameters = {}) {
  const descriptor = Object.getOwnPropertyDescriptor(target.prototype, key);
  for (const decorate of decorators) decorate(target.prototype, key, descriptor);
  for (const [index, decorate] of Object.entries(parameters)) decorate(target.prototype, key, Number(index));
}

/** Puts decorators on a class, and on its constructor's parameters in their order. */
function onClass(target, decorators, parameters = []) {
  parameters.forEach((decorate, index) => decorate(target, undefined, index));
  for (const decorate of decorators) decorate(target);
}

/** The modules of the application, with what they saw in `seen`. */
function makeApplication({ orders, mails, seen }) {
  class OrderService {
    constructor(queue, flows) {
      Object.assign(this, { queue, flows });
    }
    add(order, opts) {
      return this.queue.add('order', order, opts);
    }
    ship(order) {
      const children = ['invoice', 'label'].map((name) => ({ name, queueName: mails, data: { name } }));
      return this.flows.add({ name: 'ship', queueName: orders, data: order, children });
    }
  }
  onClass(OrderService, [Injectable()], [InjectQueue(orders), InjectFlowProducer('shipping')]);

  class OrderController {
    constructor(service) {
      this.service = service;
    }
    async create(order) {
      return { id: (await this.service.add(order)).id };
    }
    async ship(number) {
      return { id: (await this.service.ship({ number })).job.id };
    }
  }
  Reflect.defineMetadata('design:paramtypes', [OrderService], OrderController);
  onMethod(OrderController, 'create', [Post()], { 0: Body() });
  onMethod(OrderController, 'ship', [Post(':number/ship')], { 0: Param('number') });
  onClass(OrderController, [Controller('orders')]);

  class OrderProcessor extends WorkerHost {
    async process(job) {
      if (job.data.fails && job.attemptsMade === 0) throw new Error('out of stock');
      if (job.name === 'ship') return Object.values(await job.getChildrenValues()).sort();
      await seen.mayFinish;
      return { handled: job.data.number };
    }
    onActive(job) {
      seen.active.push(job.id);
    }
    onFailed(job, error) {
      seen.failed.push(`${job.id} ${error.message}`);
    }
  }
  onMethod(OrderProcessor, 'onActive', [OnWorkerEvent('active')]);
  onMethod(OrderProcessor, 'onFailed', [OnWorkerEvent('failed')]);
  onClass(OrderProcessor, [Processor(orders, { concurrency: 5 })]);

  class MailProcessor extends WorkerHost {
    async process(job) {
      return `sent ${job.data.name}`;
    }
  }
  onClass(MailProcessor, [Processor(mails)]);

  class OrderEvents extends QueueEventsHost {
    onCompleted({ jobId, returnvalue }) {
      seen.completed.push([jobId, returnvalue]);
    }
  }
  onMethod(OrderEvents, 'onCompleted', [OnQueueEvent('completed')]);
  onClass(OrderEvents, [QueueEventsListener(orders, { lastEventId: '0' })]);

  class AppModule {}
  const board = { route: '/admin/queues', adapter: ExpressAdapter };
  const imports = [
    BullModule.forRoot({ connection: { url: URL }, defaultJobOptions: { attempts: 2, backoff: 10 } }),
    BullModule.registerQueue({ name: orders }),
    BullModule.registerQueueAsync({ name: mails, useFactory: async () => ({ defaultJobOptions: { attempts: 5 } }) }),
    BullModule.registerFlowProducer({ name: 'shipping' }),
    BullBoardModule.forRoot(board),
    BullBoardModule.forFeature({ name: orders, adapter: BullMQAdapter }, { name: mails, adapter: BullMQAdapter }),
  ];
  const providers = [OrderService, OrderProcessor, MailProcessor, OrderEvents];
  onClass(AppModule, [Module({ imports, controllers: [OrderController], providers })]);
  return { AppModule, OrderService, OrderProcessor };
}

async function startApplication(scope) {
  const go = gate();
  const seen = { active: [], failed: [], completed: [], mayFinish: go.opened };
  const names = { orders: scope.name('orders'), mails: scope.name('mails') };
  const classes = makeApplication({ ...names, seen });
  const app = await NestFactory.create(classes.AppModule, { logger: ['error', 'warn'], forceCloseConnections: true });
  app.enableShutdownHooks([]);
  let closing;
  const close = () => (closing ??= app.close());
  scope.defer(close);
  await app.listen(0, '127.0.0.1');
  const base = await app.getUrl();
  const call = async (method, path, body) => {
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(base + path, { method, headers, body: body && JSON.stringify(body) });
    return { status: answer.status, body: await answer.json().catch(() => null) };
  };
  return { app, call, close, seen, go, queue: scope.queue(names.orders), ...names, ...classes };
}

test('a request adds a job, the processor runs it, the listeners are told', async (scope) => {
  const { call, seen, go, queue } = await startApplication(scope);
  const { status, body } = await call('POST', '/orders', { number: 17 });
  assert.equal(status, 201);
  go.open();
  const job = await state(queue, body.id, 'completed');
  assert.deepEqual(job.returnvalue, { handled: 17 });
  assert.equal(job.opts.attempts, 2);
  await until('the events listener', () => seen.completed.length === 1);
  assert.deepEqual(seen.completed, [[body.id, { handled: 17 }]]);
  assert.deepEqual(seen.active, [body.id]);
});

test('a failed attempt is told to the processor, and tried again', async (scope) => {
  const { call, seen, go, queue } = await startApplication(scope);
  go.open();
  const { body } = await call('POST', '/orders', { number: 18, fails: true });
  const job = await state(queue, body.id, 'completed');
  assert.equal(job.attemptsMade, 2);
  assert.deepEqual(seen.failed, [`${body.id} out of stock`]);
});

test('the injected flow producer adds a tree that two processors run', async (scope) => {
  const { call, queue } = await startApplication(scope);
  const { body } = await call('POST', '/orders/19/ship');
  const job = await state(queue, body.id, 'completed');
  assert.deepEqual(job.returnvalue, ['sent invoice', 'sent label']);
});

test('the injected queue and the worker are those of BullMQ', async (scope) => {
  const { app, OrderService, OrderProcessor, orders, go } = await startApplication(scope);
  const { queue } = app.get(OrderService);
  const { worker } = app.get(OrderProcessor);
  assert.equal(queue.name, orders);
  assert.equal(worker.concurrency, 5);
  const completed = eventOf(worker, 'completed');
  const job = await app.get(OrderService).add({ number: 20 }, { delay: 30 });
  go.open();
  assert.equal((await completed)[0].id, job.id);
});

test('Bull Board shows both queues and retries a job', async (scope) => {
  const { call, orders, mails, queue, go } = await startApplication(scope);
  go.open();
  const { body } = await call('GET', '/admin/queues/api/queues');
  assert.deepEqual(body.queues.map(({ name }) => name).sort(), [orders, mails].sort());
  const { id } = await queue.add('order', { number: 21, fails: true }, { attempts: 1 });
  await state(queue, id, 'failed');
  assert.equal((await call('PUT', `/admin/queues/api/queues/${orders}/${id}/retry`)).status, 204);
  assert.deepEqual((await state(queue, id, 'completed')).returnvalue, { handled: 21 });
});

test('closing the application waits for the job that runs', async (scope) => {
  const { call, close, seen, go, queue } = await startApplication(scope);
  const { body } = await call('POST', '/orders', { number: 22 });
  await until('the job to run', () => seen.active.length === 1);
  const closing = close();
  assert.equal(await queue.getJobState(body.id), 'active');
  go.open();
  await closing;
  assert.equal(await queue.getJobState(body.id), 'completed');
});
