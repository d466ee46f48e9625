/* SPDX-License-Identifier: MIT */
/*
 * Jobs without anything special are three arguments each, of which the script looks at none (lua/add_plain.lua). As soon as one job of a
 * request has more, all go by lua/add.lua: what else a job may have is one MessagePack map. Options are stored as the JSON text that is made here.
 */
#include "jobs/add.h"

#include "codec/json_writer.h"
#include "codec/mpack.h"
#include "jobs/keys.h"

/* Of the options' JSON and of the map: both hold a few texts that users choose. */
#define ADD_TEXT_BYTES_MAX ((size_t)1 << 20)

static const struct slice default_options = SLICE_INIT("{\"attempts\":0}");
static const struct slice default_data = SLICE_INIT("{}");
static const struct job_options no_options = {0};

static const struct job_options *options_of(const struct new_job *job)
{
    return job->options ? job->options : &no_options;
}

/* ---------------------------------------------------------------- checks */

static oxq_err check_texts(const struct new_job *job, const struct job_options *o, struct oxq_error *err)
{
    const struct slice texts[] = {job->name,       o->job_id,       o->deduplication.id, o->parent.id,
                                  o->parent.queue, o->backoff.type, o->trace_metadata};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (!json_is_utf8(texts[i]))
            return err_set(err, OXQ_ERR_ARGUMENT, "names, ids and options are UTF-8; send bytes as base64");
        if (texts[i].len > ADD_TEXT_BYTES_MAX / 8)
            return err_set(err, OXQ_ERR_LIMIT, "a name, id or option of more than 128 KiB");
    }
    return OXQ_OK;
}

oxq_err add_check(const struct new_job *job, int64_t now_ms, struct oxq_error *err)
{
    const struct job_options *o = options_of(job);
    struct oxq_error why = {0};
    oxq_err e = job->data.len > 0 ? json_check(job->data, &why) : OXQ_OK;
    if (e) return err_set(err, e, "the data is not JSON: %s; a text needs its quotes", why.text);
    e = check_texts(job, o, err);
    if (!e) e = job_options_check(o, job->data.len > 0 ? job->data.len : default_data.len, err);
    if (!e && o->job_id.len > 0) e = keys_check_job_id(o->job_id, err);
    if (e) return e;
    if ((o->timestamp_ms > 0 ? o->timestamp_ms : now_ms) + o->delay_ms > JOB_TIME_MAX_MS) {
        return err_set(err, OXQ_ERR_ARGUMENT,
                       "delay %lld: the job would be due after September 2039, where BullMQ's clock ends",
                       (long long)o->delay_ms);
    }
    return OXQ_OK;
}

/* ---------------------------------------------------------------- what belongs to a job */

/* What the child keeps of its parent. */
static oxq_err put_parent_json(const struct job_options *o, struct buf *out)
{
    static const char *const names[] = {
        [JOB_CHILD_DEFAULT] = NULL,      [JOB_CHILD_FAILS_PARENT] = "fpof", [JOB_CHILD_CONTINUES_PARENT] = "cpof",
        [JOB_CHILD_IS_IGNORED] = "idof", [JOB_CHILD_IS_REMOVED] = "rdof",
    };
    struct json_writer w = {.out = out};
    json_write_open(&w, '{');
    json_write_name(&w, "id");
    json_write_text(&w, o->parent.id);
    json_write_name(&w, "queueKey");
    json_write_text(&w, o->parent.queue);
    if (names[o->on_failure]) {
        json_write_name(&w, names[o->on_failure]);
        json_write_bool(&w, true);
    }
    json_write_close(&w, '}');
    return w.error;
}

static oxq_err put_name(struct buf *out, const char *name)
{
    return mpack_put_text(out, slice_from_text(name));
}

static oxq_err put_integer(struct buf *out, const char *name, int64_t n)
{
    oxq_err e = put_name(out, name);
    return e ? e : mpack_put_integer(out, n);
}

static oxq_err put_flag(struct buf *out, const char *name, bool is_set)
{
    if (!is_set) return OXQ_OK;
    oxq_err e = put_name(out, name);
    return e ? e : mpack_put_bool(out, true);
}

static oxq_err put_text(struct buf *out, const char *name, struct slice text)
{
    oxq_err e = put_name(out, name);
    return e ? e : mpack_put_text(out, text);
}

static oxq_err put_parent(struct buf *out, const struct job_options *o)
{
    OWNED(buf_deinit) struct buf json = {.limit_bytes = ADD_TEXT_BYTES_MAX};
    OWNED(buf_deinit) struct buf prefix = {.limit_bytes = ADD_TEXT_BYTES_MAX};
    oxq_err e = put_parent_json(o, &json);
    if (!e) e = buf_append(&prefix, o->parent.queue);
    if (!e) e = buf_append(&prefix, SLICE_LIT(":"));
    if (!e) e = put_name(out, "parent");
    if (!e) e = mpack_put_array(out, 3);
    if (!e) e = mpack_put_text(out, buf_borrow(&prefix));
    if (!e) e = mpack_put_text(out, o->parent.id);
    return e ? e : mpack_put_text(out, buf_borrow(&json));
}

static oxq_err put_deduplication(struct buf *out, const struct job_deduplication *d)
{
    oxq_err e = put_name(out, "de");
    if (!e)
        e = mpack_put_map(out, 1U + (d->ttl_ms > 0) + d->extend + d->reschedule + d->replace + d->keep_last_if_active);
    if (!e) e = put_text(out, "id", d->id);
    if (!e && d->ttl_ms > 0) e = put_integer(out, "ttl", d->ttl_ms);
    if (!e) e = put_flag(out, "extend", d->extend);
    if (!e) e = put_flag(out, "reschedule", d->reschedule);
    if (!e) e = put_flag(out, "replace", d->replace);
    return e ? e : put_flag(out, "keepLastIfActive", d->keep_last_if_active);
}

static uint32_t count_more(const struct new_job *job)
{
    const struct job_options *o = options_of(job);
    return (uint32_t)((o->timestamp_ms > 0) + (o->delay_ms > 0) + (o->priority > 0) + o->lifo + job->has_children +
                      (job->queue.len > 0) + (o->parent.id.len > 0) + (o->deduplication.id.len > 0));
}

/* The map; nothing when it would be empty. */
static oxq_err put_more(struct buf *out, const struct new_job *job)
{
    const struct job_options *o = options_of(job);
    uint32_t count = count_more(job);
    if (count == 0) return OXQ_OK;
    oxq_err e = mpack_put_map(out, count);
    if (!e && o->timestamp_ms > 0) e = put_integer(out, "timestamp", o->timestamp_ms);
    if (!e && o->delay_ms > 0) e = put_integer(out, "delay", o->delay_ms);
    if (!e && o->priority > 0) e = put_integer(out, "priority", o->priority);
    if (!e) e = put_flag(out, "lifo", o->lifo);
    if (!e) e = put_flag(out, "children", job->has_children);
    if (!e && job->queue.len > 0) e = put_text(out, "queue", job->queue);
    if (!e && o->parent.id.len > 0) e = put_parent(out, o);
    if (!e && o->deduplication.id.len > 0) e = put_deduplication(out, &o->deduplication);
    return e;
}

/* ---------------------------------------------------------------- the request */

static struct slice id_of(const struct new_job *job)
{
    return job->made_id.len > 0 ? job->made_id : options_of(job)->job_id;
}

static oxq_err put_job(struct request *r, const struct new_job *job, struct buf *scratch)
{
    bool is_plain = r->command.script == &transition_add_plain.script;
    scratch->len = 0;
    oxq_err e = job->options ? job_options_write(job->options, scratch) : OXQ_OK;
    if (e) return e;
    if (!is_plain) request_put(r, id_of(job));
    request_put(r, job->name);
    request_put(r, job->data.len > 0 ? job->data : default_data);
    request_put(r, job->options ? arena_copy(r->arena, buf_borrow(scratch)) : default_options);
    if (is_plain) return OXQ_OK;
    scratch->len = 0;
    e = put_more(scratch, job);
    if (!e) request_put(r, arena_copy(r->arena, buf_borrow(scratch)));
    return e;
}

bool add_is_plain(const struct new_job *job)
{
    return id_of(job).len == 0 && count_more(job) == 0;
}

static bool are_plain(const struct add_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        if (!add_is_plain(&batch->jobs[i])) return false;
    }
    return true;
}

/* A job with a parent, or of another queue, may be refused or counts elsewhere: then numbers are taken one by one. */
static int64_t count_numbered(const struct add_batch *batch)
{
    if (batch->is_split) return -1;
    if (batch->is_whole) return -2;
    for (size_t i = 0; i < batch->count; i++) {
        const struct new_job *job = &batch->jobs[i];
        if (job->queue.len > 0 || options_of(job)->parent.id.len > 0) return 0;
    }
    return (int64_t)batch->count;
}

/* A parent may be gone, and a job with an id of the user's may be another's child. */
bool add_may_be_refused(const struct new_job *jobs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (options_of(&jobs[i])->parent.id.len > 0 && jobs[i].made_id.len == 0) return true;
    }
    return false;
}

size_t add_portion(const struct new_job *jobs, size_t count)
{
    size_t bytes = 0, n = 0;
    for (; n < count && n < ADD_JOBS_MAX; n++) {
        bytes += jobs[n].data.len + jobs[n].name.len;
        if (bytes > ADD_BYTES_MAX) break;
    }
    return n > 0 ? n : 1;
}

static oxq_err put_checked(struct request *r, const struct add_batch *batch, size_t i, struct buf *scratch,
                           struct oxq_error *err)
{
    const struct new_job *job = &batch->jobs[i];
    struct oxq_error why = {0};
    oxq_err e = batch->is_checked ? OXQ_OK : add_check(job, batch->now_ms, &why);
    if (!e) e = put_job(r, job, scratch);
    if (!e) return OXQ_OK;
    int shown = job->name.len < 40 ? (int)job->name.len : 40;
    const char *name = job->name.at ? job->name.at : "";
    const char *text = why.text[0] ? why.text : oxq_err_text(e);
    if (batch->count == 1) return err_set(err, e, "job \"%.*s\": %s", shown, name, text);
    return err_set(err, e, "job %zu, \"%.*s\": %s", i + 1, shown, name, text);
}

oxq_err add_request(struct arena *arena, const struct add_batch *batch, struct request *out, struct oxq_error *err)
{
    if (batch->count == 0 || (batch->count > ADD_JOBS_MAX && !batch->is_whole)) {
        return err_set(err, OXQ_ERR_LIMIT, "%zu jobs at once: write 1 .. %d, and the rest in further calls",
                       batch->count, ADD_JOBS_MAX);
    }
    OWNED(buf_deinit) struct buf scratch = {.limit_bytes = ADD_TEXT_BYTES_MAX};
    bool is_plain = are_plain(batch);
    request_begin(out, arena, is_plain ? &transition_add_plain : &transition_add, batch->prefix);
    request_put_int(out, batch->now_ms);
    if (!is_plain) request_put_int(out, count_numbered(batch));
    oxq_err e = OXQ_OK;
    for (size_t i = 0; i < batch->count && !e; i++) e = put_checked(out, batch, i, &scratch, err);
    return e;
}

/* A refusal that has to do with its parent names it. */
static oxq_err check_one(const struct resp_value *one, const struct new_job *job, struct oxq_error *err)
{
    const struct job_parent *p = &options_of(job)->parent;
    OWNED(buf_deinit) struct buf parent = {.limit_bytes = ADD_TEXT_BYTES_MAX};
    oxq_err e = p->id.len > 0 ? buf_append(&parent, p->queue) : OXQ_ERR_NOT_FOUND;
    if (!e) e = buf_append(&parent, SLICE_LIT(":"));
    if (!e) e = buf_append(&parent, p->id);
    return e ? request_check(one, "add", SLICE_LIT("job"), err)
             : request_check(one, "add a child of", buf_borrow(&parent), err);
}

oxq_err add_result(const struct resp_value *reply, size_t i, const struct new_job *job, struct slice *out_id,
                   struct oxq_error *err)
{
    oxq_err e = request_check(reply, "add", SLICE_LIT("jobs"), err);
    if (e) return e;
    if (reply->kind != RESP_ARRAY || i >= reply->count) {
        return err_set(err, OXQ_ERR_SERVER, "add: the server's answer has no job %zu", i + 1);
    }
    const struct resp_value *one = &reply->items[i];
    e = check_one(one, job, err);
    if (e) return e;
    *out_id = one->text;
    return OXQ_OK;
}

void add_free_deduplication(struct arena *arena, struct slice prefix, struct slice deduplication_id,
                            struct slice job_id, struct request *out)
{
    request_begin(out, arena, &transition_remove_deduplication, prefix);
    request_put(out, deduplication_id);
    request_put(out, job_id);
}
