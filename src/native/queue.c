/* SPDX-License-Identifier: MIT */
#include "native/queue.h"

#include "base/num.h"

#include <string.h>

#define SUFFIX_BYTES_MAX 16 /* ":unsuccessful" is the longest */
#define EXACT_MAX ((int64_t)1 << 53)

bool native_whole(struct slice text, int64_t min, int64_t max, int64_t *out)
{
    return num_parse_int(text, out) && *out >= min && *out <= max;
}

/* ---- settings ---- */

enum setting {
    SETTING_PAUSED,
    SETTING_CONCURRENCY,
    SETTING_MAX,
    SETTING_EVENTS_MAX,
    SETTING_DEAD_QUEUE,
    SETTINGS_COUNT
};

static bool read_settings(struct cmd_ctx *ctx, struct native_queue *q)
{
    static const struct slice names[SETTINGS_COUNT] = {SLICE_INIT("paused"), SLICE_INIT("concurrency"),
                                                       SLICE_INIT("max"), SLICE_INIT("opts.maxLenEvents"),
                                                       SLICE_INIT("oxq.deadQueue")};
    struct slice values[SETTINGS_COUNT] = {0};
    if (q->meta.entry) hash_get_many(&q->meta.entry->value, names, SETTINGS_COUNT, values);
    q->is_paused = values[SETTING_PAUSED].at;
    q->has_rate = values[SETTING_MAX].at;
    q->has_dead_queue = values[SETTING_DEAD_QUEUE].at;
    q->has_events_max = values[SETTING_EVENTS_MAX].at;
    q->concurrency = INT64_MAX;
    struct slice concurrency = values[SETTING_CONCURRENCY];
    if (concurrency.at && !native_whole(concurrency, -EXACT_MAX, EXACT_MAX, &q->concurrency)) return false;
    struct slice max = q->has_events_max ? values[SETTING_EVENTS_MAX] : SLICE_LIT("10000");
    return native_look_at_events(ctx, q->prefix, max, &q->events);
}

bool native_queue_look(struct cmd_ctx *ctx, struct slice prefix, struct native_queue *out)
{
    *out = (struct native_queue){.prefix = prefix};
    return native_look_at(ctx, prefix, "meta", VALUE_HASH, &out->meta) && read_settings(ctx, out) &&
           native_look_at(ctx, prefix, "wait", VALUE_LIST, &out->wait) &&
           native_look_at(ctx, prefix, "active", VALUE_LIST, &out->active) &&
           native_look_at(ctx, prefix, "marker", VALUE_ZSET, &out->marker);
}

int64_t native_queue_room(const struct native_queue *q)
{
    if (q->is_paused) return 0;
    return q->concurrency - (int64_t)native_llen(&q->active);
}

void native_queue_note_max(struct cmd_ctx *ctx, struct native_queue *q)
{
    static const struct slice max[] = {SLICE_INIT("opts.maxLenEvents"), SLICE_INIT("10000")};
    if (!q->has_events_max) native_hset(ctx, &q->meta, max, 2);
    q->has_events_max = true;
}

/* ---- jobs' keys ---- */

/* Keys that are named after a job end with a colon and a word. */
static bool is_plain_id(struct slice id)
{
    const char *colon = id.len ? memrchr(id.at, ':', id.len) : NULL;
    if (!colon) return !slice_equal(id, SLICE_LIT("metrics"));
    const char *next = colon + 1;
    return next < id.at + id.len && *next >= '0' && *next <= '9';
}

bool native_job_name(struct cmd_ctx *ctx, struct slice prefix, struct slice id, struct native_job_name *out)
{
    if (!is_plain_id(id) || id.len > NATIVE_TEXT_MAX) return false;
    *out = (struct native_job_name){.len = prefix.len + id.len, .id_at = prefix.len};
    out->text = arena_alloc(ctx->scratch, out->len + SUFFIX_BYTES_MAX);
    memcpy(out->text, prefix.at, prefix.len);
    if (id.len) memcpy(out->text + prefix.len, id.at, id.len);
    return true;
}

struct slice native_job_key_of(const struct native_job_name *n, struct slice suffix)
{
    CHECK(suffix.len <= SUFFIX_BYTES_MAX);
    memcpy(n->text + n->len, suffix.at, suffix.len);
    return slice_of(n->text, n->len + suffix.len);
}

/* Its hash is made. */
static struct slice part_key(struct native_job_name *n, enum native_part part)
{
    static const struct slice suffixes[NATIVE_PARTS] = {SLICE_INIT(""), SLICE_INIT(":lock"),
                                                        SLICE_INIT(":dependencies"), SLICE_INIT(":unsuccessful")};
    struct slice key = native_job_key_of(n, suffixes[part]);
    if (!n->hashes[part]) n->hashes[part] = map_hash(key);
    return key;
}

void native_job_expect(struct cmd_ctx *ctx, struct native_job_name *n, enum native_part count)
{
    for (enum native_part part = NATIVE_JOB; part < count; part++) {
        struct slice key = part_key(n, part);
        db_prefetch(ctx->db, key, n->hashes[part]);
    }
}

void native_job_await(struct cmd_ctx *ctx, const struct native_job_name *n, enum native_part count)
{
    for (enum native_part part = NATIVE_JOB; part < count; part++) db_prefetch_entry(ctx->db, n->hashes[part]);
}

bool native_job_look(struct cmd_ctx *ctx, struct native_job_name *n, enum native_part part, enum value_type type,
                     struct native_key *out)
{
    struct slice key = part_key(n, part);
    return native_look_hashed(ctx, key, n->hashes[part], type, out);
}

void native_job_lock(struct cmd_ctx *ctx, struct native_job_name *n, struct slice token, int64_t until_ms)
{
    struct slice key = part_key(n, NATIVE_JOB_LOCK);
    native_set_hashed(ctx, key, n->hashes[NATIVE_JOB_LOCK], token, until_ms);
}

static bool is_absent(struct cmd_ctx *ctx, struct native_job_name *n, enum native_part part)
{
    struct slice key = part_key(n, part);
    return !db_find_hashed(ctx->db, key, n->hashes[part]);
}

bool native_job_is_childless(struct cmd_ctx *ctx, struct native_job_name *n)
{
    return is_absent(ctx, n, NATIVE_JOB_DEPENDENCIES) && is_absent(ctx, n, NATIVE_JOB_UNSUCCESSFUL);
}

/* ---- delayed jobs ---- */

bool native_next_due(const struct native_key *delayed, int64_t now_ms, int64_t *out)
{
    struct zset_element first;
    if (!delayed->entry) return true;
    struct zset_cursor c = zset_seek_rank(&delayed->entry->value, 0);
    if (!zset_next(&c, &first)) return false;
    if (first.score < (double)((now_ms + 1) * 0x1000) || first.score > 1e18) return false;
    *out = (int64_t)(first.score / 0x1000);
    return true;
}
