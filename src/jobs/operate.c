/* SPDX-License-Identifier: MIT */
#include "jobs/operate.h"

#include "jobs/options.h"

/* ---------------------------------------------------------------- one job */

void operate_remove(struct arena *arena, struct slice prefix, struct slice id, bool with_children, struct request *out)
{
    request_begin(out, arena, &transition_remove, prefix);
    request_put(out, id);
    request_put_text(out, with_children ? "1" : "0");
    request_put_int(out, OPERATE_JOBS_MAX);
}

oxq_err operate_read_remove(const struct resp_value *reply, struct slice id, bool *out_has_more, struct oxq_error *err)
{
    oxq_err e = request_check(reply, "remove job", id, err);
    if (e) return e;
    if (reply->kind != RESP_INTEGER)
        return err_set(err, OXQ_ERR_FORMAT, "remove a job: the server's answer is none of this transition");
    if (reply->integer == 0)
        return err_set(err, OXQ_ERR_LOCK_LOST,
                       "remove job %.*s: a worker has it, or a child of it; wait for its end, or until it is stalled",
                       id.len < 80 ? (int)id.len : 80, id.at ? id.at : "");
    *out_has_more = reply->integer == 2;
    return OXQ_OK;
}

oxq_err operate_change_delay(struct arena *arena, struct slice prefix, const struct operate_delay *delay,
                             struct request *out, struct oxq_error *err)
{
    if (delay->delay_ms < 0 || delay->delay_ms > (JOB_TIME_MAX_MS - delay->now_ms))
        return err_set(err, OXQ_ERR_ARGUMENT, "a delay of %lld ms: write 0 .. %lld", (long long)delay->delay_ms,
                       (long long)(JOB_TIME_MAX_MS - delay->now_ms));
    request_begin(out, arena, &transition_change_delay, prefix);
    request_put_int(out, delay->now_ms);
    request_put(out, delay->id);
    request_put_int(out, delay->delay_ms);
    return OXQ_OK;
}

oxq_err operate_change_priority(struct arena *arena, struct slice prefix, const struct operate_priority *priority,
                                struct request *out, struct oxq_error *err)
{
    if (priority->priority < 0 || priority->priority > JOB_PRIORITY_MAX)
        return err_set(err, OXQ_ERR_ARGUMENT, "priority %lld: write 0 (none) .. %lld", (long long)priority->priority,
                       (long long)JOB_PRIORITY_MAX);
    request_begin(out, arena, &transition_change_priority, prefix);
    request_put(out, priority->id);
    request_put_int(out, priority->priority);
    request_put_text(out, priority->is_first ? "1" : "0");
    return OXQ_OK;
}

void operate_disown_child(struct arena *arena, struct slice prefix, struct slice id, struct request *out)
{
    request_begin(out, arena, &transition_disown_child, prefix);
    request_put(out, id);
}

void operate_remove_children(struct arena *arena, struct slice prefix, struct slice id, struct request *out)
{
    request_begin(out, arena, &transition_remove_children, prefix);
    request_put(out, id);
    request_put_int(out, OPERATE_JOBS_MAX);
}

/* ---------------------------------------------------------------- many */

oxq_err operate_promote(struct arena *arena, struct slice prefix, const struct slice *ids, size_t count,
                        struct request *out, struct oxq_error *err)
{
    if (count == 0 || count > OPERATE_JOBS_MAX)
        return err_set(err, OXQ_ERR_LIMIT, "%zu jobs at once: write 1 .. %d", count, OPERATE_JOBS_MAX);
    request_begin(out, arena, &transition_promote, prefix);
    for (size_t i = 0; i < count; i++) request_put(out, ids[i]);
    return OXQ_OK;
}

oxq_err operate_read_promote(const struct resp_value *reply, size_t i, struct slice id, struct oxq_error *err)
{
    oxq_err e = request_check(reply, "promote job", id, err);
    if (e) return e;
    if (reply->kind != RESP_ARRAY || i >= reply->count)
        return err_set(err, OXQ_ERR_FORMAT, "promote jobs: the server's answer has no job %zu", i + 1);
    return request_check(&reply->items[i], "promote job", id, err);
}

void operate_purge(struct arena *arena, const struct operate_purge *purge, struct request *out)
{
    request_begin(out, arena, &transition_purge, purge->prefix);
    request_put_text(out, purge->state);
    if (purge->has_before)
        request_put_int(out, purge->before_ms);
    else
        request_put_text(out, "");
    request_put_int(out, purge->count);
    request_put_int(out, purge->kept_count);
    request_put_text(out, purge->is_told ? "1" : "0");
}

oxq_err operate_read_purge(const struct resp_value *reply, struct operate_purged *out, struct oxq_error *err)
{
    oxq_err e = request_check(reply, "remove", SLICE_LIT("jobs"), err);
    if (e) return e;
    bool is_known = reply->kind == RESP_ARRAY && reply->count == 3;
    for (size_t i = 0; is_known && i < 3; i++) is_known = reply->items[i].kind == RESP_INTEGER;
    if (!is_known) return err_set(err, OXQ_ERR_FORMAT, "remove jobs: the server's answer is none of this transition");
    *out = (struct operate_purged){
        .removed_count = reply->items[0].integer,
        .kept_count = reply->items[1].integer,
        .may_have_more = reply->items[2].integer == 1,
    };
    return OXQ_OK;
}

oxq_err operate_read_remove_children(const struct resp_value *reply, struct slice id, struct operate_purged *out,
                                     struct oxq_error *err)
{
    oxq_err e = request_check(reply, "remove the children of job", id, err);
    if (e) return e;
    if (reply->kind != RESP_ARRAY || reply->count != 2)
        return err_set(err, OXQ_ERR_FORMAT, "remove children: the server's answer is none of this transition");
    *out = (struct operate_purged){.removed_count = reply->items[0].integer,
                                   .may_have_more = reply->items[1].integer == 1};
    return OXQ_OK;
}

void operate_remove_orphans(struct arena *arena, struct slice prefix, const struct slice *ids, size_t count,
                            int64_t max, struct request *out)
{
    request_begin(out, arena, &transition_remove_orphans, prefix);
    request_put_int(out, max);
    for (size_t i = 0; i < count; i++) request_put(out, ids[i]);
}

oxq_err operate_read_remove_orphans(const struct resp_value *reply, int64_t *out_removed, size_t *out_seen,
                                    struct oxq_error *err)
{
    oxq_err e = request_check(reply, "remove", SLICE_LIT("orphans"), err);
    if (e) return e;
    if (reply->kind != RESP_ARRAY || reply->count != 2 || reply->items[1].integer < 1)
        return err_set(err, OXQ_ERR_FORMAT, "remove orphans: the server's answer is none of this transition");
    *out_removed = reply->items[0].integer;
    *out_seen = (size_t)reply->items[1].integer;
    return OXQ_OK;
}

/* ---------------------------------------------------------------- all of a queue */

void operate_obliterate(struct arena *arena, struct slice prefix, int64_t count, bool with_active, struct request *out)
{
    request_begin(out, arena, &transition_obliterate, prefix);
    request_put_int(out, count);
    request_put_text(out, with_active ? "1" : "0");
}

oxq_err operate_read_obliterate(const struct resp_value *reply, struct slice queue, struct operate_purged *out,
                                struct oxq_error *err)
{
    int shown = queue.len < 80 ? (int)queue.len : 80;
    oxq_err e = request_check(reply, "obliterate", queue, err);
    if (e) return e;
    if (reply->kind != RESP_ARRAY || reply->count != 2 || reply->items[0].kind != RESP_INTEGER)
        return err_set(err, OXQ_ERR_FORMAT, "obliterate %.*s: the server's answer is none of this transition", shown,
                       queue.at);
    if (reply->items[0].integer == -1)
        return err_set(err, OXQ_ERR_STATE, "obliterate %.*s: somebody has resumed it; what is left of it works again",
                       shown, queue.at);
    if (reply->items[0].integer < 0)
        return err_set(err, OXQ_ERR_STATE,
                       "obliterate %.*s: jobs are active; it is paused now, so wait for their end, or remove them too",
                       shown, queue.at);
    *out = (struct operate_purged){.removed_count = reply->items[0].integer,
                                   .may_have_more = reply->items[1].integer == 1};
    return OXQ_OK;
}
