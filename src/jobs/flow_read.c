/* SPDX-License-Identifier: MIT */
/* Reading a flow: the nodes' array is in levels, and the last level says which requests come next. */
#include "jobs/flow.h"
#include "jobs/keys.h"

void flow_read_begin(struct flow_read *r, struct arena *arena, struct slice prefix, struct slice id, size_t depth_max,
                     size_t children_max)
{
    *r = (struct flow_read){
        .arena = arena,
        .nodes = ARENA_ARRAY(arena, struct flow_read_node, 16),
        .nodes_count = 1,
        .nodes_cap = 16,
        .level_end = 1,
        .depth_max = depth_max == 0               ? FLOW_DEPTH_DEFAULT
                     : depth_max < FLOW_DEPTH_MAX ? depth_max
                                                  : FLOW_DEPTH_MAX,
        .children_max = children_max > 0 ? children_max : FLOW_CHILDREN_DEFAULT,
    };
    r->nodes[0] = (struct flow_read_node){.prefix = prefix, .id = id, .state = FLOW_ROOT, .depth = 1};
}

size_t flow_read_count(const struct flow_read *r)
{
    return r->level_end - r->level_begin;
}

void flow_read_request(struct flow_read *r, size_t i, struct request *out)
{
    const struct flow_read_node *node = &r->nodes[r->level_begin + i];
    request_begin(out, r->arena, &transition_read_node, node->prefix);
    request_put(out, node->id);
    request_put_int(out, node->depth < r->depth_max ? (int64_t)r->children_max : 0);
    for (size_t f = 0; r->is_brief && f < JOB_BRIEF_FIELDS; f++) request_put_text(out, job_brief_fields[f]);
}

/* A job whose texts live as long as the arena. */
static void copy_job(struct arena *arena, struct job *job)
{
    struct slice *const texts[] = {
        &job->name,           &job->data,
        &job->opts,           &job->returnvalue,
        &job->progress,       &job->stacktrace,
        &job->failed_reason,  &job->parent_key,
        &job->parent,         &job->deferred_failure,
        &job->repeat_job_key, &job->deduplication_id,
        &job->processed_by,   &job->next_run_id,
        &job->dead_id,
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) *texts[i] = arena_copy(arena, *texts[i]);
}

/* One that there is no room for is not read: its parent has more children then (has_more). */
static void add_child(struct flow_read *r, size_t parent, struct slice key, enum flow_child_state state)
{
    struct slice prefix, id;
    if (r->nodes_count == FLOW_READ_JOBS_MAX) return;
    if (!keys_split_job(key, &prefix, &id)) return; /* a member that is no job's key has no job */
    if (r->nodes_count == r->nodes_cap) {
        struct flow_read_node *wider = ARENA_ARRAY(r->arena, struct flow_read_node, r->nodes_cap * 2);
        memcpy(wider, r->nodes, r->nodes_count * sizeof(*wider));
        r->nodes = wider;
        r->nodes_cap *= 2;
    }
    r->nodes[r->nodes_count++] = (struct flow_read_node){
        .prefix = arena_copy(r->arena, prefix),
        .id = arena_copy(r->arena, id),
        .state = state,
        .depth = r->nodes[parent].depth + 1,
        .parent = parent,
    };
    r->nodes[parent].children_count++;
}

/* Once the last reply of a level has come, its children are the next. */
static void end_reply(struct flow_read *r, size_t i)
{
    if (r->level_begin + i + 1 < r->level_end) return;
    r->level_begin = r->level_end;
    r->level_end = r->nodes_count;
}

oxq_err flow_read_reply(struct flow_read *r, size_t i, const struct resp_value *reply, struct oxq_error *err)
{
    static const enum flow_child_state states[] = {FLOW_PROCESSED, FLOW_PENDING, FLOW_FAILED, FLOW_IGNORED};
    size_t at = r->level_begin + i;
    oxq_err e = request_check(reply, "read job", r->nodes[at].id, err);
    if (e) return e;
    if (reply->kind != RESP_ARRAY || reply->count != 7) {
        return err_set(err, OXQ_ERR_SERVER, "read job %.*s: the server's answer has another form",
                       (int)r->nodes[at].id.len, r->nodes[at].id.at);
    }
    e = job_read(&reply->items[0], r->nodes[at].id, &r->nodes[at].job, err);
    if (e && e != OXQ_ERR_NOT_FOUND) return e;
    r->nodes[at].is_there = !e;
    if (!e) copy_job(r->arena, &r->nodes[at].job);
    r->nodes[at].place = arena_copy(r->arena, reply->items[6].text);
    r->nodes[at].first_child = r->nodes_count;
    for (size_t s = 0; s < sizeof(states) / sizeof(states[0]); s++) {
        const struct resp_value *keys = &reply->items[s + 1];
        for (size_t k = 0; k < keys->count; k++) add_child(r, at, keys->items[k].text, states[s]);
    }
    r->nodes[at].has_more = (int64_t)r->nodes[at].children_count < reply->items[5].integer;
    end_reply(r, i);
    return OXQ_OK;
}
