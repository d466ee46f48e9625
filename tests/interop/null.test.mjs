// SPDX-License-Identifier: MIT
/*
 * What NULL gets, in each call of the library: a program is made of the public headers' prototypes. It calls each with NULL for everything, and
 * then with one NULL at a time among things that are there.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { check, equal, test } from '../daemon/lib/kit.mjs';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const HANDLES = {
  oxq: 'store', oxq_queue: 'queue', oxq_batch: 'batch', oxq_list: 'list', oxq_events: 'events', oxq_worker: 'worker', oxq_job: 'job', oxq_json: 'json',
  oxq_names: 'names', oxq_workers: 'workers', oxq_schedulers: 'schedulers', oxq_flow: 'flow', oxq_children: 'children',
};
const ENDS = /_(close|free)$/;

/** [{ result, name, parameters: [text] }] of all headers. */
function prototypes() {
  const folder = path.join(ROOT, 'include/oxq');
  const text = readdirSync(folder).sort().map((file) => readFileSync(path.join(folder, file), 'utf8')).join('\n')
    .replaceAll(/\/\*[^]*?\*\//g, '').replaceAll(/^#.*(\\\n.*)*$/gm, '').replaceAll(/OXQ_(MUST_USE|PRINTF\([^)]*\))/g, '').replaceAll(/\s+/g, ' ');
  return [...text.matchAll(/(?<=[;{}] |^)((?:const )?(?:struct )?[a-z_0-9]+ \*?)(oxq_[a-z_]+)\(([^;{}]*)\) ?;/g)]
    .map(([, result, name, all]) => ({ result: result.trim(), name, parameters: all.trim() === 'void' ? [] : all.split(',').map((one) => one.trim()) }));
}

const isPointer = (parameter) => /[*[]/.test(parameter);

/** What stands for a parameter that is there. */
function present(parameter) {
  if (!isPointer(parameter)) return parameter.startsWith('size_t') ? '1' : '0';
  const [, type, stars] = /^(?:const )?(?:struct )?([a-z_]+) ?(\**)/.exec(parameter);
  if (/^oxq_(handler|step)$/.test(type)) return 'NULL';
  if (type === 'oxq_error') return '&err';
  if (HANDLES[type] && stars === '*') return parameter.includes('*const *') ? `(void *)&${HANDLES[type]}` : HANDLES[type];
  return parameter.startsWith('const char *') ? '"x"' : '(void *)room';
}

const call = ({ name }, args) => `${name}(${args.filter((arg) => arg !== undefined).join(', ')})`;

/** The lines that do a call; what it is called is printed first: whatever crashes is the last that was. */
function lines(prototype) {
  const { name, result, parameters } = prototype;
  const given = parameters.filter((parameter) => parameter !== '...');
  const none = call(prototype, given.map((one) => (one.includes('oxq_error') ? '&err' : isPointer(one) ? 'NULL' : present(one))));
  const told = result === 'oxq_err' && given.some((one) => one.includes('oxq_error')) && !ENDS.test(name);
  const all = [`say("${name}");`, told ? `if (!is_refused(${none}, "${name}: ")) { puts(err.text); return 1; }` : `(void)${none};`];
  if (ENDS.test(name)) return all;
  given.forEach((parameter, at) => {
    if (!isPointer(parameter)) return;
    all.push(`say("${name}, ${/[a-z_]+(?=\)?(\[[A-Z_]*\])?$)/.exec(parameter)[0]}");`, `(void)${call(prototype, given.map((one, i) => (i === at ? 'NULL' : present(one))))};`);
  });
  return all;
}

const program = (all) => `#include <oxq/oxq.h>
#include <stdio.h>
#include <string.h>
#define MUST(call) if (call) { printf("%s\\n", err.text); return 1; }
static char room[1 << 16];
static struct oxq_error err;
static void say(const char *name) { puts(name); fflush(stdout); memset(room, 0, sizeof(room)); err.text[0] = '\\0'; }
static int is_refused(oxq_err e, const char *name) { return e == OXQ_ERR_ARGUMENT && strncmp(err.text, name, strlen(name)) == 0; }
int main(void)
{
    struct oxq_flow_node root = {.queue = "mail", .name = "x"};
    char id[OXQ_ID_MAX];
${Object.entries(HANDLES).map(([type, name]) => `    ${type === 'oxq_json' ? 'const ' : ''}${type} *${name};`).join('\n')}
    MUST(oxq_open("file:data?durability=off", NULL, &store, &err))
    MUST(oxq_queue_open(store, "mail", NULL, &queue, &err))
    MUST(oxq_flow_add(store, &root, id, &err))
    MUST(oxq_queue_get(queue, id, &job, &err))
    MUST(oxq_flow_get(queue, id, 0, 0, &flow, &err))
    MUST(oxq_batch_new(store, NULL, &batch, &err))
    MUST(oxq_queue_list(queue, NULL, &list, &err))
    MUST(oxq_events_open(queue, NULL, &events, &err))
    MUST(oxq_worker_open(store, "other", NULL, NULL, NULL, &worker, &err))
    MUST(oxq_queues(store, &names, &err))
    MUST(oxq_queue_workers(queue, &workers, &err))
    MUST(oxq_schedulers_list(queue, 0, 0, &schedulers, &err))
    MUST(oxq_queue_children(queue, id, OXQ_FLOW_FAILED, &children, &err))
    json = oxq_job_json(job);
${all.map((line) => `    ${line}`).join('\n')}
    puts("all");
    return 0;
}
`;

test('NULL for a handle or for what cannot be done without is told, and crashes nothing', async (t) => {
  const calls = prototypes();
  const shown = (await t.shell(`nm -D --defined-only '${ROOT}/build/release/liboxq.so' | sed -n 's/.* T //; s/@.*//p'`)).stdout.trim().split('\n');
  equal(shown.filter((name) => !calls.some((one) => one.name === name)), [], 'calls whose prototypes were not found');
  t.write('null.c', program(calls.flatMap(lines)));
  const built = await t.shell(`cc -w -I'${ROOT}/include' null.c -L'${ROOT}/build/release' -loxq -Wl,-rpath,'${ROOT}/build/release' -o null 2>&1`);
  equal(built.status, 0, built.stdout.slice(0, 2000));
  const run = await t.shell('./null');
  check(run.status === 0 && run.stdout.endsWith('\nall\n'), `it ended with ${run.status} at`, run.stdout.split('\n').slice(-3).join('\n') + run.stderr);
});
