/* SPDX-License-Identifier: MIT */
/* Operations of operators: src/jobs/operate.h. */
#include "driver.h"

#include "jobs/operate.h"

static bool truth(const struct json *args, const char *name)
{
    return json_truth(json_member(args, name));
}

static oxq_err answer_code(struct driver_call *call, const struct request *r)
{
    struct resp_value reply;
    oxq_err e = driver_send(call, r, &reply);
    if (!e && request_check(&reply, "driver", SLICE_LIT(""), &call->err) == OXQ_ERR_SERVER) e = OXQ_ERR_SERVER;
    if (!e) json_write_integer(call->answer, reply.integer);
    return e;
}

/* args: id, children */
static oxq_err run_remove(struct driver_call *call)
{
    struct request r;
    operate_remove(&call->arena, call->prefix, driver_text(call->args, "id"), truth(call->args, "children"), &r);
    return answer_code(call, &r);
}

static oxq_err run_promote(struct driver_call *call)
{
    struct slice id = driver_text(call->args, "id");
    struct request r;
    struct resp_value reply;
    oxq_err e = operate_promote(&call->arena, call->prefix, &id, 1, &r, &call->err);
    if (!e) e = driver_send(call, &r, &reply);
    if (!e && operate_read_promote(&reply, 0, id, &call->err) == OXQ_ERR_SERVER) e = OXQ_ERR_SERVER;
    if (!e) json_write_integer(call->answer, reply.items[0].integer);
    return e;
}

/* args: id, delay */
static oxq_err run_change_delay(struct driver_call *call)
{
    struct operate_delay delay = {driver_text(call->args, "id"), call->now_ms, driver_number(call->args, "delay")};
    struct request r;
    oxq_err e = operate_change_delay(&call->arena, call->prefix, &delay, &r, &call->err);
    return e ? e : answer_code(call, &r);
}

/* args: id, priority, lifo */
static oxq_err run_change_priority(struct driver_call *call)
{
    struct operate_priority priority = {driver_text(call->args, "id"), driver_number(call->args, "priority"),
                                        truth(call->args, "lifo")};
    struct request r;
    oxq_err e = operate_change_priority(&call->arena, call->prefix, &priority, &r, &call->err);
    return e ? e : answer_code(call, &r);
}

static oxq_err run_disown_child(struct driver_call *call)
{
    struct request r;
    operate_disown_child(&call->arena, call->prefix, driver_text(call->args, "id"), &r);
    return answer_code(call, &r);
}

static oxq_err purge(struct driver_call *call, struct operate_purge *purge, int64_t *out_removed)
{
    struct operate_purged purged = {.may_have_more = true};
    oxq_err e = OXQ_OK;
    while (!e && purged.may_have_more) {
        struct request r;
        struct resp_value reply;
        operate_purge(&call->arena, purge, &r);
        e = driver_send(call, &r, &reply);
        if (!e) e = operate_read_purge(&reply, &purged, &call->err);
        if (e) break;
        *out_removed += purged.removed_count;
        purge->kept_count += purged.kept_count;
    }
    return e;
}

/* args: delayed */
static oxq_err run_drain(struct driver_call *call)
{
    static const char *const states[] = {"wait", "paused", "delayed", "prioritized"};
    int64_t removed = 0;
    oxq_err e = OXQ_OK;
    for (size_t i = 0; !e && i < 4; i++) {
        struct operate_purge one = {.prefix = call->prefix, .state = states[i], .count = OPERATE_JOBS_MAX};
        if (i == 2 && !truth(call->args, "delayed")) continue;
        e = purge(call, &one, &removed);
    }
    if (!e) json_write_null(call->answer);
    return e;
}

/* args: state, before; the result is how many were removed */
static oxq_err run_clean(struct driver_call *call)
{
    struct slice state = driver_text(call->args, "state");
    char name[32] = "";
    if (state.len < sizeof(name)) memcpy(name, state.at, state.len);
    struct operate_purge one = {.prefix = call->prefix,
                                .state = name,
                                .has_before = true,
                                .before_ms = driver_number(call->args, "before"),
                                .count = OPERATE_JOBS_MAX,
                                .is_told = true};
    int64_t removed = 0;
    oxq_err e = purge(call, &one, &removed);
    if (!e) json_write_integer(call->answer, removed);
    return e;
}

static oxq_err run_remove_children(struct driver_call *call)
{
    struct slice id = driver_text(call->args, "id");
    struct operate_purged purged;
    struct request r;
    struct resp_value reply;
    operate_remove_children(&call->arena, call->prefix, id, &r);
    oxq_err e = driver_send(call, &r, &reply);
    if (!e) e = operate_read_remove_children(&reply, id, &purged, &call->err);
    if (!e) json_write_integer(call->answer, purged.removed_count);
    return e;
}

/* args: id; the result is how many were removed */
static oxq_err run_remove_orphans(struct driver_call *call)
{
    struct slice id = driver_text(call->args, "id");
    int64_t removed = 0;
    size_t seen;
    struct request r;
    struct resp_value reply;
    operate_remove_orphans(&call->arena, call->prefix, &id, 1, 1, &r);
    oxq_err e = driver_send(call, &r, &reply);
    if (!e) e = operate_read_remove_orphans(&reply, &removed, &seen, &call->err);
    if (!e) json_write_integer(call->answer, removed);
    return e;
}

/* args: count, of a portion; force */
static oxq_err run_obliterate(struct driver_call *call)
{
    struct operate_purged purged = {.may_have_more = true};
    oxq_err e = OXQ_OK;
    while (!e && purged.may_have_more) {
        struct request r;
        struct resp_value reply;
        operate_obliterate(&call->arena, call->prefix, driver_number(call->args, "count"), truth(call->args, "force"),
                           &r);
        e = driver_send(call, &r, &reply);
        if (!e) e = operate_read_obliterate(&reply, driver_text(call->args, "queue"), &purged, &call->err);
    }
    if (!e) json_write_null(call->answer);
    return e;
}

const struct driver_op driver_operate_ops[] = {
    {"remove", run_remove},
    {"promote", run_promote},
    {"change_delay", run_change_delay},
    {"change_priority", run_change_priority},
    {"disown_child", run_disown_child},
    {"remove_children", run_remove_children},
    {"remove_orphans", run_remove_orphans},
    {"drain", run_drain},
    {"clean", run_clean},
    {"obliterate", run_obliterate},
    {NULL, NULL},
};
