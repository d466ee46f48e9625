/* SPDX-License-Identifier: MIT */
/* lib/fetch.lua in C: the part of a transition that takes jobs. */
#ifndef NATIVE_OURS_FETCH_H
#define NATIVE_OURS_FETCH_H

#include "cmd/twin.h"
#include "native/queue.h"

/* Arguments of a transition that takes jobs, before its own. */
#define OURS_FETCH_ARGS 7

struct ours_job {
    struct native_job_name name;
    struct native_key key;
};

/* What was seen, and what became of it. Zero: nothing is taken. */
struct ours_fetch {
    struct native_queue *queue;
    struct slice now, token, worker;
    int64_t now_ms, lock_ms, wanted;
    struct ours_job *jobs; /* that may be taken, the first one first */
    size_t jobs_count;
    struct native_key counter; /* pc */
    int64_t next_due_ms;       /* 0: no job is delayed */
    size_t taken_count;
    bool is_idle; /* there was nothing at all */
};

/* ARGV[1..7]. False: this is no case of ours. Changes nothing. */
bool ours_fetch_look(struct cmd_ctx *ctx, const struct slice *argv, struct native_queue *q, struct ours_fetch *out);
/* Jobs become active: as many as there is room for now. */
void ours_fetch_take(struct cmd_ctx *ctx, struct ours_fetch *f);
/* All of the reply, { codes, two times, jobs ... }; each job is started when its fields are told. */
void ours_fetch_reply(struct cmd_ctx *ctx, struct ours_fetch *f, const int64_t *codes, size_t codes_count);

#endif
