/* SPDX-License-Identifier: MIT */
/*
 * Waiting for jobs: one thread of a worker waits for the queue's marker, which whoever makes a job available puts there. Its member 0
 * says that there is a job now; 1, with a time as score, when the first delayed one is due. The marker is taken: who has
 * taken it looks for jobs, and that puts it there again when it finds some. One that may take none any more when its wait ends, because the
 * worker was paused, say, puts it there itself: another worker may wait for it.
 */
#include "worker/state.h"

#include "base/num.h"
#include "os/clock.h"

#include <stdio.h>

/* Shorter waits make some servers wait for ever. */
#define WAIT_MS_MIN 2
/* The reply comes that much later at most, before the server counts as gone. */
#define REPLY_SLACK_MS 5000

/* What the marker says: when there will be a job, ms since 1970; 0: now. */
static int64_t read_marker(const struct resp_value *reply)
{
    int64_t at_ms = 0;
    if (reply->count < 3) return 0;
    const struct resp_value *score = &reply->items[2];
    if (score->kind == RESP_REAL) return (int64_t)score->real;
    return num_parse_int(score->text, &at_ms) ? at_ms : 0;
}

static int64_t wait_ms(const oxq_worker *w, int64_t at_most_ms, int64_t now_ms)
{
    int64_t ms = at_most_ms;
    if (w->due_ms > 0 && w->due_ms - now_ms < ms) ms = w->due_ms - now_ms;
    return ms < WAIT_MS_MIN ? WAIT_MS_MIN : ms;
}

/* Without the lock. */
static oxq_err wait_on_line(oxq_worker *w, int64_t ms, int64_t *out_at_ms, bool *out_has_marker, struct oxq_error *err)
{
    char seconds[32];
    snprintf(seconds, sizeof(seconds), "%lld.%03lld", (long long)(ms / 1000), (long long)(ms % 1000));
    struct slice argv[] = {SLICE_LIT("BZPOPMIN"), w->marker_key, slice_from_text(seconds)};
    struct client_command command = {.argv = argv, .argc = 3};
    struct resp_value reply;
    oxq_err e = client_line_call(w->line, &command, ms + REPLY_SLACK_MS, &reply, err);
    if (!e) e = client_reply_check(&reply, err);
    if (e) return e;
    *out_has_marker = reply.count > 0;
    *out_at_ms = read_marker(&reply);
    return OXQ_OK;
}

/* Without the lock. What fails here is made good when the others' waits end. */
static void put_marker(oxq_worker *w, int64_t at_ms)
{
    struct arena arena = {0};
    struct client_reply reply = {0};
    struct request r;
    request_begin_plain(&r, &arena, "ZADD");
    request_put(&r, w->marker_key);
    request_put_text(&r, "LT");
    request_put_int(&r, at_ms);
    request_put_text(&r, at_ms > 0 ? "1" : "0");
    r.command.is_idempotent = true;
    if (client_call(w->client, &r.command, 0, &reply, NULL) == OXQ_OK) client_reply_deinit(&reply);
    arena_deinit(&arena);
}

void wait_for_jobs(oxq_worker *w, int64_t at_most_ms)
{
    int64_t now_ms = store_now_ms();
    if (w->due_ms > 0 && w->due_ms <= now_ms) {
        w->due_ms = 0;
        w->is_hungry = true;
        return;
    }
    int64_t ms = wait_ms(w, at_most_ms, now_ms), at_ms = 0;
    bool has_marker = false;
    struct oxq_error err;
    w->is_waiting = true;
    lock_leave(&w->lock);
    oxq_err e = wait_on_line(w, ms, &at_ms, &has_marker, &err);
    if (e && e != OXQ_ERR_CANCELLED)
        worker_tell(w, (struct oxq_worker_event){.kind = OXQ_WORKER_ERROR, .text = err.text});
    lock_enter(&w->lock);
    if (has_marker && !pool_has_room(w)) {
        lock_leave(&w->lock);
        put_marker(w, at_ms);
        lock_enter(&w->lock);
    }
    w->is_waiting = false;
    condition_notify_all(&w->change);
    if (e == OXQ_ERR_CANCELLED) return;
    if (e) {
        /* The marker may have been taken, and the answer lost. */
        w->is_hungry = true;
        worker_pause_briefly(w);
        return;
    }
    bool is_later = has_marker && at_ms > store_now_ms();
    w->due_ms = is_later ? at_ms : 0;
    w->is_hungry = !is_later;
}

void wait_cancel(oxq_worker *w)
{
    if (w->line) client_line_cancel(w->line);
}
