// SPDX-License-Identifier: MIT
/* The parts and their two forms; see ../README.md. */
import { runSuite } from '../../support/parts.mjs';
import { KINDS } from '../../support/victim.mjs';
import * as corrupt from '../corrupt.mjs';
import * as faults from '../faults.mjs';
import * as full from '../full.mjs';
import * as memory from '../memory.mjs';
import * as power from '../power.mjs';

const USAGE = `usage: tests/fault/run [options] [PART...]
  --on KIND     the server: ${KINDS.join(', ')}
  --long        every call, every mode, several seeds (make torture)
  --seed N      the history and the choice of cuts and faults follow from it (1)
  --modes A,B   of the power cuts: none all prefix writes sectors
  --only A,B    of the sweeps of memory: life recovery check backup restore dump load library
  --at A-B      of the sweeps of memory: these allocations alone
  --tries N     in place of the form's number: images of power, damages of corrupt, allocations of each sweep of memory
  --keep        leave the folder with records and logs there, and say where
PARTS: power faults full corrupt memory; otherwise all. OXQ_BIN names the oxq to test.`;

await runSuite({
  name: 'tests/fault',
  usage: USAGE,
  seed: 1,
  flags: { modes: { type: 'string' }, only: { type: 'string' }, at: { type: 'string' }, tries: { type: 'string' } },
  optionsOf: ({ modes, only, at, tries }) => ({
    modes: modes?.split(','),
    only: only?.split(','),
    at: at?.split('-').map(Number),
    triesWanted: tries && Number(tries),
  }),
  parts: {
    power: { run: power.run, short: { steps: 600, images: 300, seeds: 1 }, long: { steps: 3000, images: Infinity, seeds: 3 } },
    faults: { run: faults.run, short: { steps: 150, tries: 40 }, long: { steps: 600, tries: Infinity } },
    full: { run: full.run },
    corrupt: { run: corrupt.run, short: { steps: 300, tries: 60 }, long: { steps: 2000, tries: 5000 } },
    memory: { run: memory.run, short: { steps: 60, tries: 16 }, long: { steps: 60, tries: Infinity } },
  },
});
