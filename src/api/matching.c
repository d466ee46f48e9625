/* SPDX-License-Identifier: MIT */
/*
 * What happens to the jobs that a list gives: they are taken from it in portions, each of jobs of one state, and each portion is one request
 * or one pipeline. The list bears that its jobs leave (list.c).
 */
#include "api/many.h"
#include "api/state.h"
#include "jobs/dead.h"
#include "jobs/operate.h"
#include "jobs/rerun.h"

#define PORTION_MAX 100

struct portion {
    struct arena arena; /* of the ids, and of the request */
    oxq_state state;
    struct slice ids[PORTION_MAX];
    size_t count;
    size_t next; /* of the ids: those before have been dealt with */
};

/* Goes on with p->next, at least one further, and adds to *out_done the jobs that it happened to. */
typedef oxq_err portion_fn(oxq_queue *q, struct portion *p, int64_t *out_done, struct oxq_error *err);

/* ---------------------------------------------------------------- what can happen to a portion */

/* A request whose reply has an answer for each job, or for the first of them: a number below 0 says why it did not happen. */
static oxq_err send_portion(oxq_queue *q, struct portion *p, const struct request *r, int64_t *out_done,
                            struct oxq_error *err)
{
    struct client_reply reply = {0};
    oxq_err e = client_call(q->client, &r->command, 0, &reply, err);
    if (!e) e = client_reply_check(&reply.value, err);
    for (size_t i = 0; !e && i < reply.value.count; i++) {
        const struct resp_value *answer = &reply.value.items[i];
        *out_done += answer->kind != RESP_INTEGER || answer->integer > 0;
    }
    if (!e && reply.value.count == 0)
        e = err_set(err, OXQ_ERR_FORMAT, "job %.*s: the server's answer does not tell what became of it",
                    (int)p->ids[p->next].len, p->ids[p->next].at);
    if (!e) p->next += reply.value.count;
    client_reply_deinit(&reply);
    return e;
}

static oxq_err retry_portion(oxq_queue *q, struct portion *p, int64_t *out_done, struct oxq_error *err)
{
    struct rerun_batch batch = {.prefix = q->prefix,
                                .have_failed = p->state == OXQ_STATE_FAILED,
                                .resets_attempts = true,
                                .resets_starts = true,
                                .heeds_lifo = true,
                                .ids = p->ids,
                                .count = p->count};
    struct request r;
    oxq_err e = rerun_request(&p->arena, &batch, &r, err);
    return e ? e : send_portion(q, p, &r, out_done, err);
}

static oxq_err promote_portion(oxq_queue *q, struct portion *p, int64_t *out_done, struct oxq_error *err)
{
    struct request r;
    oxq_err e = operate_promote(&p->arena, q->prefix, p->ids, p->count, &r, err);
    return e ? e : send_portion(q, p, &r, out_done, err);
}

static oxq_err replay_portion(oxq_queue *q, struct portion *p, int64_t *out_done, struct oxq_error *err)
{
    _Static_assert(PORTION_MAX <= DEAD_REPLAY_MAX, "a portion is one request");
    struct dead_replay replay = {
        .prefix = q->prefix, .now_ms = store_now_ms(), .ids = p->ids + p->next, .count = p->count - p->next};
    struct request r;
    oxq_err e = dead_replay(&p->arena, &replay, &r, err);
    return e ? e : send_portion(q, p, &r, out_done, err);
}

static oxq_err remove_portion(oxq_queue *q, struct portion *p, int64_t *out_done, struct oxq_error *err)
{
    struct client_batch b = {0};
    for (size_t i = 0; i < p->count; i++) {
        struct request r;
        operate_remove(&p->arena, q->prefix, p->ids[i], false, &r);
        client_batch_add(&b, &r.command);
    }
    oxq_err e = client_batch_run(q->client, &b, 0, err);
    for (size_t i = 0; !e && i < p->count; i++) {
        const struct resp_value *answer = client_batch_reply(&b, i);
        e = client_reply_check(answer, err);
        *out_done += !e && answer->integer > 0;
    }
    client_batch_deinit(&b);
    p->next = p->count;
    return e;
}

/* ---------------------------------------------------------------- from one portion to the next */

struct picker {
    oxq_list *list;  /* owned */
    oxq_job *next;   /* the list's, which the last portion left; NULL: ask it */
    oxq_state state; /* of next */
};

/* Jobs of one state, up to `max`; none at the end. */
static oxq_err take_portion(struct picker *k, size_t max, struct portion *p, struct oxq_error *err)
{
    arena_reset(&p->arena);
    p->count = p->next = 0;
    while (p->count < max) {
        oxq_err e = k->next ? OXQ_OK : oxq_list_next(k->list, &k->next, &k->state, err);
        if (e || !k->next) return e;
        if (p->count > 0 && p->state != k->state) return OXQ_OK;
        p->state = k->state;
        p->ids[p->count++] = arena_copy(&p->arena, slice_from_text(oxq_job_id(k->next)));
        k->next = NULL;
    }
    return OXQ_OK;
}

static oxq_err walk(oxq_queue *q, struct picker *k, portion_fn *act, struct many *many, struct oxq_error *err)
{
    struct portion p = {.count = 0};
    oxq_err e = OXQ_OK;
    while (!e) {
        int64_t max = many_next(many, PORTION_MAX);
        if (max == 0) break;
        e = take_portion(k, (size_t)max, &p, err);
        if (e || p.count == 0) break;
        while (!e && p.next < p.count) {
            int64_t done = 0;
            e = act(q, &p, &done, err);
            oxq_err told = many_add(many, done, e ? NULL : err);
            if (!e) e = told;
        }
    }
    arena_deinit(&p.arena);
    return e;
}

/* What it is done to. */
struct choice {
    const struct oxq_list_opts *which;
    unsigned states; /* those that it can be done to */
    unsigned usual;  /* when `which` names none */
    bool is_once;    /* jobs that come to these states after the call began are not of it */
};

static oxq_err do_matching(oxq_queue *q, const struct choice *c, portion_fn *act, struct many *many,
                           struct oxq_error *err)
{
    struct oxq_list_opts o = c->which ? *c->which : (struct oxq_list_opts){0};
    if (o.states == 0) o.states = c->usual;
    if (o.states & ~c->states)
        return err_set(err, OXQ_ERR_ARGUMENT, "this is not done to jobs of all these states; see the header");
    /* What has failed for another reason is told by its failure; a dead letter has that in its data. */
    o.without_data = !o.data_path && (!o.failure || o.states == 1u << OXQ_STATE_FAILED);
    struct picker k = {.list = NULL};
    oxq_err e = oxq_queue_list(q, &o, &k.list, err);
    if (e) return e;
    if (c->is_once) list_set_until(k.list, store_now_ms());
    e = walk(q, &k, act, many, err);
    oxq_list_free(k.list);
    return e;
}

static oxq_err run(oxq_queue *q, const struct choice *c, portion_fn *act, const struct oxq_many_opts *opts,
                   int64_t *out_count, struct oxq_error *err)
{
    struct many many;
    oxq_err e = many_begin(&many, opts, err);
    if (!e) e = do_matching(q, c, act, &many, err);
    if (out_count) *out_count = many.done;
    return e;
}

/* ---------------------------------------------------------------- the public calls */

#define ALL_STATES ((1u << OXQ_STATES_COUNT) - 2)
#define ONE(state) (1u << OXQ_STATE_##state)

oxq_err oxq_queue_retry_matching(oxq_queue *queue, const struct oxq_list_opts *which, const struct oxq_many_opts *opts,
                                 int64_t *out_count, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue);
    if (e) return e;
    struct choice c = {which, ONE(FAILED) | ONE(COMPLETED), ONE(FAILED), true};
    return run(queue, &c, retry_portion, opts, out_count, err);
}

oxq_err oxq_queue_promote_matching(oxq_queue *queue, const struct oxq_list_opts *which,
                                   const struct oxq_many_opts *opts, int64_t *out_count, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue);
    if (e) return e;
    struct choice c = {which, ONE(DELAYED), ONE(DELAYED), false};
    return run(queue, &c, promote_portion, opts, out_count, err);
}

oxq_err oxq_queue_remove_matching(oxq_queue *queue, const struct oxq_list_opts *which, const struct oxq_many_opts *opts,
                                  int64_t *out_count, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue);
    if (e) return e;
    struct choice c = {which, ALL_STATES | 1u, ALL_STATES, false};
    return run(queue, &c, remove_portion, opts, out_count, err);
}

oxq_err oxq_queue_replay_matching(oxq_queue *dead, const struct oxq_list_opts *which, const struct oxq_many_opts *opts,
                                  int64_t *out_count, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, dead);
    if (e) return e;
    struct choice c = {which, ALL_STATES | 1u, ALL_STATES, true};
    return run(dead, &c, replay_portion, opts, out_count, err);
}
