/* SPDX-License-Identifier: MIT */
#include "jobs/running.h"

#include "codec/json.h"
#include "jobs/keys.h"

/* ---------------------------------------------------------------- locks */

static oxq_err put_locks(struct request *r, const struct running_lock *locks, size_t count, struct oxq_error *err)
{
    if (count == 0 || count > RUNNING_LOCKS_MAX)
        return err_set(err, OXQ_ERR_LIMIT, "%zu locks at once: write 1 .. %d", count, RUNNING_LOCKS_MAX);
    for (size_t i = 0; i < count; i++) {
        request_put(r, locks[i].id);
        request_put(r, locks[i].token);
    }
    return OXQ_OK;
}

oxq_err running_extend(struct arena *arena, struct slice prefix, const struct running_renewal *renewal,
                       struct request *out, struct oxq_error *err)
{
    if (renewal->ms < 1)
        return err_set(err, OXQ_ERR_ARGUMENT, "a lock of %lld ms: write 1 or more", (long long)renewal->ms);
    request_begin(out, arena, &transition_extend_locks, prefix);
    request_put_int(out, renewal->ms);
    out->command.is_idempotent = true;
    return put_locks(out, renewal->locks, renewal->count, err);
}

oxq_err running_release(struct arena *arena, struct slice prefix, const struct running_lock *locks, size_t count,
                        struct request *out, struct oxq_error *err)
{
    request_begin(out, arena, &transition_release_locks, prefix);
    return put_locks(out, locks, count, err);
}

/* ---------------------------------------------------------------- one job */

static oxq_err check_json(struct slice json, const char *what, struct slice id, struct oxq_error *err)
{
    struct oxq_error why = {0};
    oxq_err e = json_check(json, &why);
    if (!e) return OXQ_OK;
    return err_set(err, e, "the %s of job %.*s is not JSON: %s; a text needs its quotes", what,
                   id.len < 80 ? (int)id.len : 80, id.at ? id.at : "", why.text);
}

static void begin_fields(struct request *r, struct arena *arena, struct slice prefix, struct slice id)
{
    request_begin(r, arena, &transition_set_fields, prefix);
    request_put(r, id);
    r->command.is_idempotent = true;
}

oxq_err running_progress(struct arena *arena, struct slice prefix, struct slice id, struct slice json,
                         struct request *out, struct oxq_error *err)
{
    oxq_err e = check_json(json, "progress", id, err);
    if (e) return e;
    request_begin(out, arena, &transition_progress, prefix);
    request_put(out, id);
    request_put(out, json);
    return OXQ_OK;
}

oxq_err running_set_data(struct arena *arena, struct slice prefix, struct slice id, struct slice json,
                         struct request *out, struct oxq_error *err)
{
    oxq_err e = check_json(json, "data", id, err);
    if (e) return e;
    begin_fields(out, arena, prefix, id);
    request_put_text(out, "data");
    request_put(out, json);
    return OXQ_OK;
}

void running_set_failure(struct arena *arena, struct slice prefix, struct slice id, struct slice reason,
                         struct slice stacktrace, struct request *out)
{
    begin_fields(out, arena, prefix, id);
    request_put_text(out, "failedReason");
    request_put(out, reason);
    request_put_text(out, "stacktrace");
    request_put(out, stacktrace.len > 0 ? stacktrace : SLICE_LIT("[]"));
}

void running_log(struct arena *arena, struct slice prefix, struct slice id, struct slice line, int64_t keep,
                 struct request *out)
{
    request_begin(out, arena, &transition_log, prefix);
    request_put(out, id);
    request_put_int(out, keep);
    request_put(out, line);
}

static void read_children(struct arena *arena, struct slice prefix, struct slice id, struct slice kind,
                          struct request *out)
{
    request_begin_plain(out, arena, "HGETALL");
    request_put(out, keys_join(arena, keys_join(arena, prefix, id), kind));
    out->command.is_idempotent = true;
}

void running_children_results(struct arena *arena, struct slice prefix, struct slice id, struct request *out)
{
    read_children(arena, prefix, id, SLICE_LIT(":processed"), out);
}

void running_children_failures(struct arena *arena, struct slice prefix, struct slice id, struct request *out)
{
    read_children(arena, prefix, id, SLICE_LIT(":failed"), out);
}

void running_attempts(struct arena *arena, struct slice prefix, struct slice id, struct request *out)
{
    request_begin_plain(out, arena, "HMGET");
    request_put(out, keys_join(arena, prefix, id));
    request_put_text(out, "ats");
    request_put_text(out, "atm");
    out->command.is_idempotent = true;
}

/* ---------------------------------------------------------------- steps */

void running_keep_step(struct arena *arena, struct slice prefix, const struct running_step *step, struct request *out)
{
    request_begin(out, arena, &transition_keep_step, prefix);
    out->command.is_idempotent = true;
    request_put(out, step->lock.id);
    request_put(out, step->lock.token);
    request_put_int(out, step->starts);
    request_put(out, keys_join(arena, SLICE_LIT(RUNNING_STEP_PREFIX), step->name));
    request_put(out, step->result);
}

bool running_find_step(const struct resp_value *fields, struct slice step, struct slice *out)
{
    const struct slice prefix = SLICE_LIT(RUNNING_STEP_PREFIX);
    for (size_t i = 0; i + 1 < fields->count; i += 2) {
        struct slice name = fields->items[i].text;
        bool is_step = name.len == prefix.len + step.len && slice_equal(slice_of(name.at, prefix.len), prefix) &&
                       slice_equal(slice_from(name, prefix.len), step);
        if (!is_step) continue;
        *out = fields->items[i + 1].text;
        return true;
    }
    return false;
}

/* ---------------------------------------------------------------- stalled jobs */

void running_sweep(struct arena *arena, const struct running_sweep *sweep, struct request *out)
{
    request_begin(out, arena, &transition_stalled, sweep->prefix);
    request_put_int(out, sweep->now_ms);
    request_put_int(out, sweep->interval_ms);
    request_put_int(out, sweep->stalls_max);
    request_put_int(out, RUNNING_SWEEP_IDS);
    request_put_int(out, sweep->from);
}

oxq_err running_read_sweep(const struct resp_value *reply, struct running_stalled *out, struct oxq_error *err)
{
    oxq_err e = request_check(reply, "look for", SLICE_LIT("stalled jobs"), err);
    if (e) return e;
    if (reply->kind != RESP_ARRAY || reply->count == 0 || reply->items[0].kind != RESP_INTEGER)
        return err_set(err, OXQ_ERR_FORMAT, "look for stalled jobs: the server's answer is none of this transition");
    *out = (struct running_stalled){
        .next = reply->items[0].integer,
        .ids = reply->items + 1,
        .count = reply->count - 1,
    };
    return OXQ_OK;
}
