/* SPDX-License-Identifier: MIT */
#include "jobs/keys.h"

#include "codec/json.h"

static int shown(struct slice s)
{
    return s.len < 80 ? (int)s.len : 80;
}

static bool has_colon(struct slice s)
{
    return s.len > 0 && memchr(s.at, ':', s.len) != NULL;
}

oxq_err keys_prefix(struct arena *arena, struct slice prefix, struct slice queue, struct slice *out,
                    struct oxq_error *err)
{
    if (prefix.len == 0) prefix = SLICE_LIT(KEYS_PREFIX_DEFAULT);
    if (queue.len == 0) return err_set(err, OXQ_ERR_ARGUMENT, "a queue needs a name");
    if (has_colon(queue)) {
        return err_set(err, OXQ_ERR_ARGUMENT,
                       "queue %.*s: a name has no colon, which divides the parts of keys; use - or .", shown(queue),
                       queue.at);
    }
    if (queue.len > KEYS_NAME_BYTES_MAX || prefix.len > KEYS_NAME_BYTES_MAX) {
        return err_set(err, OXQ_ERR_ARGUMENT, "queue %.*s...: name and prefix have %d bytes at most", shown(queue),
                       queue.at, KEYS_NAME_BYTES_MAX);
    }
    if (!json_is_utf8(queue) || !json_is_utf8(prefix))
        return err_set(err, OXQ_ERR_ARGUMENT, "the name and the prefix of a queue are UTF-8");
    char *at = arena_alloc(arena, prefix.len + queue.len + 2);
    memcpy(at, prefix.at, prefix.len);
    at[prefix.len] = ':';
    memcpy(at + prefix.len + 1, queue.at, queue.len);
    at[prefix.len + 1 + queue.len] = ':';
    *out = slice_of(at, prefix.len + queue.len + 2);
    return OXQ_OK;
}

struct slice keys_join(struct arena *arena, struct slice prefix, struct slice name)
{
    char *at = arena_alloc(arena, prefix.len + name.len);
    memcpy(at, prefix.at, prefix.len);
    if (name.len > 0) memcpy(at + prefix.len, name.at, name.len);
    return slice_of(at, prefix.len + name.len);
}

struct slice keys_qualified(struct slice prefix)
{
    return slice_of(prefix.at, prefix.len - 1);
}

struct slice keys_queue(struct slice prefix)
{
    struct slice name = keys_qualified(prefix);
    for (size_t i = name.len; i > 0; i--) {
        if (name.at[i - 1] == ':') return slice_from(name, i);
    }
    return name;
}

static bool is_all_digits(struct slice s)
{
    for (size_t i = s.len > 1 && s.at[0] == '-'; i < s.len; i++) {
        if (s.at[i] < '0' || s.at[i] > '9') return false;
    }
    return true;
}

static size_t count_colons(struct slice s)
{
    size_t count = 0;
    for (size_t i = 0; i < s.len; i++) count += s.at[i] == ':';
    return count;
}

bool keys_is_own_name(struct slice name)
{
    static const char *const names[] = {
        "wait",    "paused",    "active",        "delayed", "prioritized", "waiting-children",
        "failed",  "completed", "stalled-check", "stalled", "events",      "meta",
        "limiter", "marker",    "repeat",        "delay",   "id",          "pc"};
    static const char *const kinds[] = {"metrics:", "de:", "dn:"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (slice_equal(name, slice_from_text(names[i]))) return true;
    }
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        size_t len = strlen(kinds[i]);
        if (name.len > len && memcmp(name.at, kinds[i], len) == 0) return true;
    }
    return false;
}

oxq_err keys_check_job_id(struct slice id, struct oxq_error *err)
{
    if (id.len == 0) return err_set(err, OXQ_ERR_ARGUMENT, "a job's id is not empty; leave it out to have one made");
    if (id.len > KEYS_JOB_ID_BYTES_MAX) {
        return err_set(err, OXQ_ERR_ARGUMENT, "job id %.*s...: ids have %d bytes at most", shown(id), id.at,
                       KEYS_JOB_ID_BYTES_MAX);
    }
    if (is_all_digits(id)) {
        return err_set(err, OXQ_ERR_ARGUMENT,
                       "job id %.*s: numbers are the ids that the queue makes; put something before it: order-%.*s",
                       shown(id), id.at, shown(id), id.at);
    }
    if (keys_is_own_name(id)) {
        return err_set(
            err, OXQ_ERR_ARGUMENT,
            "job id %.*s: under this name the queue keeps something of its own; put something before it: order-%.*s",
            shown(id), id.at, shown(id), id.at);
    }
    size_t colons = count_colons(id);
    if ((colons != 0 && colons != 2) || (colons == 2 && id.at[0] == '0' && id.at[1] == ':')) {
        return err_set(err, OXQ_ERR_ARGUMENT,
                       "job id %.*s: an id has no colon, which divides the parts of keys; use - or .", shown(id),
                       id.at);
    }
    return OXQ_OK;
}

static const char *colon_before(struct slice key, const char *end)
{
    return end ? memrchr(key.at, ':', (size_t)(end - key.at)) : NULL;
}

bool keys_split_job(struct slice key, struct slice *out_prefix, struct slice *out_id)
{
    static const struct slice mark = SLICE_INIT("repeat");
    const char *last = key.len > 0 ? colon_before(key, key.at + key.len) : NULL;
    const char *second = colon_before(key, last);
    if (!second) return false;
    const char *third = colon_before(key, second);
    const char *colon = last;
    if (third && colon_before(key, third) && slice_equal(slice_of(third + 1, (size_t)(second - third) - 1), mark)) {
        colon = third;
    }
    size_t prefix_bytes = (size_t)(colon - key.at) + 1;
    if (prefix_bytes == key.len) return false;
    *out_prefix = slice_of(key.at, prefix_bytes);
    *out_id = slice_from(key, prefix_bytes);
    return true;
}

bool keys_has_hash_tag(struct slice prefix)
{
    const char *open = prefix.len > 0 ? memchr(prefix.at, '{', prefix.len) : NULL;
    if (!open) return false;
    const char *from = open + 1;
    const char *close = memchr(from, '}', prefix.len - (size_t)(from - prefix.at));
    return close && close > from;
}
