/* SPDX-License-Identifier: MIT */
#include "jobs/fetch.h"

/* In the reply: the codes and two times, then each job. */
#define HEAD_COUNT 3
#define ITEMS_PER_JOB 3

oxq_err fetch_check(const struct fetch_opts *opts, struct oxq_error *err)
{
    if (opts->count < 0 || opts->count > FETCH_JOBS_MAX) {
        return err_set(err, OXQ_ERR_LIMIT, "%lld jobs to take at once: write 0 .. %d", (long long)opts->count,
                       FETCH_JOBS_MAX);
    }
    if (opts->count > 0 && opts->token.len > 0 && opts->lock_ms <= 0)
        return err_set(err, OXQ_ERR_ARGUMENT, "a lock of %lld ms: write 1 or more", (long long)opts->lock_ms);
    if (opts->rate_max < 0 || (opts->rate_max > 0 && opts->rate_ms <= 0)) {
        return err_set(err, OXQ_ERR_ARGUMENT, "a rate of %lld jobs in %lld ms: write 1 or more of both",
                       (long long)opts->rate_max, (long long)opts->rate_ms);
    }
    return OXQ_OK;
}

void fetch_begin(struct request *r, struct arena *arena, const struct transition *t, const struct fetch_opts *opts)
{
    request_begin(r, arena, t, opts->prefix);
    request_put_int(r, opts->now_ms);
    request_put_int(r, opts->count);
    request_put(r, opts->token.len > 0 ? opts->token : SLICE_LIT("0"));
    request_put_int(r, opts->lock_ms);
    request_put(r, opts->worker);
    if (opts->rate_max > 0) {
        request_put_int(r, opts->rate_max);
        request_put_int(r, opts->rate_ms);
    } else {
        request_put_text(r, "");
        request_put_text(r, "");
    }
}

oxq_err fetch_request(struct arena *arena, const struct fetch_opts *opts, struct request *out, struct oxq_error *err)
{
    oxq_err e = fetch_check(opts, err);
    if (!e) fetch_begin(out, arena, &transition_fetch, opts);
    return e;
}

oxq_err fetch_retake(struct arena *arena, const struct fetch_opts *opts, struct request *out, struct oxq_error *err)
{
    oxq_err e = fetch_check(opts, err);
    if (e) return e;
    request_begin(out, arena, &transition_retake, opts->prefix);
    request_put(out, opts->token);
    request_put_int(out, opts->lock_ms);
    request_put_int(out, opts->count);
    out->command.is_idempotent = true;
    return OXQ_OK;
}

/* ---------------------------------------------------------------- replies */

static void read_job(const struct resp_value *items, const struct fetch_opts *opts, struct arena *arena,
                     struct fetched_job *out)
{
    struct oxq_error why = {0};
    *out = (struct fetched_job){.fields = &items[2]};
    if (job_read(&items[2], items[0].text, &out->job, &why)) {
        out->job = (struct job){
            .id = items[0].text,
            .deferred_failure = arena_copy(arena, slice_from_text(why.text)),
        };
    }
    out->job.processed_ms = opts->now_ms;
    out->job.attempts_started = items[1].integer;
    if (opts->worker.len > 0) out->job.processed_by = opts->worker;
}

static void read_jobs(const struct resp_value *reply, const struct fetch_opts *opts, struct arena *arena,
                      struct fetched *out)
{
    size_t most = (reply->count - HEAD_COUNT) / ITEMS_PER_JOB + 1;
    struct fetched_job *jobs = ARENA_ARRAY(arena, struct fetched_job, most);
    struct fetched_damage *damaged = NULL;
    for (size_t i = HEAD_COUNT; i < reply->count; i += ITEMS_PER_JOB) {
        const struct resp_value *items = reply->items + i;
        if (items[2].kind == RESP_ARRAY) {
            read_job(items, opts, arena, &jobs[out->count++]);
            continue;
        }
        if (!damaged) damaged = ARENA_ARRAY(arena, struct fetched_damage, most);
        damaged[out->damaged_count++] = (struct fetched_damage){items[0].text, items[2].text};
    }
    out->jobs = jobs;
    out->damaged = damaged;
}

oxq_err fetch_read(const struct resp_value *reply, const struct fetch_opts *opts, struct arena *arena,
                   struct fetched *out, struct oxq_error *err)
{
    oxq_err e = request_check(reply, "take jobs of", opts->prefix, err);
    if (e) return e;
    bool is_whole = reply->kind == RESP_ARRAY && reply->count >= HEAD_COUNT &&
                    (reply->count - HEAD_COUNT) % ITEMS_PER_JOB == 0 && reply->items[0].kind == RESP_ARRAY;
    if (!is_whole) return err_set(err, OXQ_ERR_FORMAT, "take jobs: the server's answer is none of this transition");
    *out = (struct fetched){
        .rate_wait_ms = reply->items[1].integer,
        .next_due_ms = reply->items[2].integer,
        .codes = reply->items[0].items,
        .codes_count = reply->items[0].count,
    };
    read_jobs(reply, opts, arena, out);
    return OXQ_OK;
}

oxq_err fetch_code(const struct fetched *f, size_t i, const char *what, struct slice id, int64_t *out_number,
                   struct oxq_error *err)
{
    if (i >= f->codes_count || f->codes[i].kind != RESP_INTEGER)
        return err_set(err, OXQ_ERR_FORMAT, "%s: the server's answer has no job %zu", what, i + 1);
    oxq_err e = request_check(&f->codes[i], what, id, err);
    if (!e) *out_number = f->codes[i].integer;
    return e;
}
