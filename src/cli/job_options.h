/* SPDX-License-Identifier: MIT */
/*
 * A job's options on the command line, and as JSON under BullMQ's names: one meaning, two ways to write it.
 *
 *     --attempts 5 --backoff exponential:1s      {"attempts":5,"backoff":{"type":"exponential","delay":1000}}
 *
 * Ranges are checked where jobs are added; here it is what can be read. Private to cli/.
 */
#ifndef CLI_JOB_OPTIONS_H
#define CLI_JOB_OPTIONS_H

#include "base/arena.h"
#include "cli/cli.h"
#include "codec/json.h"

#include <oxq/job.h>

/* The flags as they were given; NULL: not given. */
struct job_flags {
    const char *priority, *attempts, *backoff, *keep_completed, *keep_failed, *log_limit, *stack_limit, *size_limit,
        *trace;
    bool is_lifo;
    /* Not for the jobs of a scheduler. */
    const char *delay, *at, *id, *timestamp, *dedup, *parent, *on_failure;
    bool extends, replaces, reschedules, keeps_last;
};
/* How many flags there are; the first ones are for schedulers too. */
#define JOB_FLAGS_COUNT 21
#define JOB_FLAGS_OF_SCHEDULERS 10

/* For cli_take_store: the first `count` of them. */
void job_flags_name(struct job_flags *f, struct cli_flag *out, size_t count);
/* As help prints them: those for schedulers too, and the others. */
extern const char job_flags_help[], job_flags_help_more[];
/*
 * Adds what the flags say to *io; texts of it are borrowed from the flags and the arena. now_ms: what --at counts from. Returns CLI_OK, or
 * CLI_REFUSED after a line on standard error.
 */
OXQ_MUST_USE int job_flags_read(const struct job_flags *f, int64_t now_ms, struct arena *arena,
                                struct oxq_job_opts *io);

/*
 * Adds what the JSON object says. Texts are borrowed from the tree and the arena. prefix: of the store's keys, which a parent's queue has
 * before it. Errors: ARGUMENT (an option that is not known, or a value of a wrong kind; the text names it).
 */
OXQ_MUST_USE oxq_err job_options_from_json(const struct json *v, const char *prefix, struct arena *arena,
                                           struct oxq_job_opts *io, struct oxq_error *err);

/*
 * A point in time, ms since 1970: "2026-03-01T12:30:00Z", with +02:00 or, without any of them, in local time; seconds, and the time of the
 * day, may be missing; or the number itself. NULL leaves *out as it is. Returns as job_flags_read.
 */
OXQ_MUST_USE int cli_read_time(const char *flag, const char *text, int64_t *out_ms);

#endif
