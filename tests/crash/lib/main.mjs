// SPDX-License-Identifier: MIT
/* The parts and their two forms; see ../README.md. */
import { runSuite } from '../../support/parts.mjs';
import { KINDS } from '../../support/victim.mjs';
import * as bull from '../bull.mjs';
import * as first from '../first.mjs';
import * as pops from '../pops.mjs';
import * as raw from '../raw.mjs';
import * as restart from '../restart.mjs';
import * as volume from '../volume.mjs';

const USAGE = `usage: tests/crash/run [options] [PART...]
  --on KIND   the server to kill: ${KINDS.join(', ')}
  --long      hundreds of kills, a hundred thousand jobs (make torture)
  --seed N    the moments of the kills and the load follow from it (1)
  --kills N   in place of the form's number, in raw and bull
  --outage MS how long the server stays away in the part restart, at most (500): with 8000 BullMQ 6.2.0 is lost
  --keep      leave the folder with data and logs there, and say where
PARTS: raw bull pops volume restart first; otherwise all. OXQ_BIN names the oxq to test.`;

await runSuite({
  name: 'tests/crash',
  usage: USAGE,
  seed: 1,
  flags: { outage: { type: 'string', default: '500' }, kills: { type: 'string' } },
  optionsOf: ({ outage, kills }) => ({ outageMs: Number(outage), killsWanted: kills && Number(kills) }),
  parts: {
    raw: { run: raw.run, short: { kills: 20, between: [100, 450] }, long: { kills: 500, between: [50, 300] } },
    bull: { run: bull.run, short: { kills: 20, between: [150, 650] }, long: { kills: 500, between: [150, 1200] } },
    pops: { run: pops.run, short: { kills: 12, between: [100, 450] }, long: { kills: 300, between: [50, 300] } },
    volume: { run: volume.run, short: { jobs: 10_000 }, long: { jobs: 100_000 } },
    restart: { run: restart.run, short: { rounds: 3 }, long: { rounds: 20 } },
    first: { run: first.run, short: { rounds: 2 }, long: { rounds: 20 } },
  },
});
