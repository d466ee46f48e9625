// SPDX-License-Identifier: MIT
/** BullMQ's clients of each release, at the port of a Both. */
import { Bull } from '../../transitions/lib/bull.mjs';
import { PACKAGES } from './scripts.mjs';

/** What operations ask `backend` for is `scripts` in version 5. */
class OldBull extends Bull {
  queue(name) {
    return withBackend(super.queue(name));
  }

  worker(name) {
    return withBackend(super.worker(name));
  }

  runner(name, makesRuns) {
    return withBackend(super.runner(name, makesRuns));
  }
}

function withBackend(one) {
  one.backend ??= one.scripts;
  return one;
}

export class Clients {
  constructor(port) {
    this.bulls = new Map(PACKAGES.map((name) => [name, new (name.startsWith('bullmq5') ? OldBull : Bull)(name, port, 0)]));
  }

  of(name) {
    return this.bulls.get(name);
  }

  async close() {
    for (const bull of this.bulls.values()) await bull.close();
  }
}
