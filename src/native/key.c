/* SPDX-License-Identifier: MIT */
#include "native/key.h"

#include "base/num.h"

#include <string.h>

/* ---- names and numbers ---- */

struct slice native_join(struct cmd_ctx *ctx, struct slice a, struct slice b)
{
    char *text = arena_alloc(ctx->scratch, a.len + b.len + 1);
    memcpy(text, a.at, a.len);
    memcpy(text + a.len, b.at, b.len);
    return slice_of(text, a.len + b.len);
}

struct slice native_digits(struct cmd_ctx *ctx, int64_t n)
{
    char *text = arena_alloc(ctx->scratch, NUM_INT_MAX_CHARS);
    return slice_of(text, num_format_int(text, n));
}

/* ---- looking ---- */

bool native_look(struct cmd_ctx *ctx, struct slice name, enum value_type type, struct native_key *out)
{
    *out = (struct native_key){.name = name, .entry = db_find(ctx->db, name)};
    return !out->entry || out->entry->value.type == type;
}

bool native_look_hashed(struct cmd_ctx *ctx, struct slice name, uint32_t hash, enum value_type type,
                        struct native_key *out)
{
    *out = (struct native_key){.name = name, .entry = db_find_hashed(ctx->db, name, hash), .hash = hash};
    return !out->entry || out->entry->value.type == type;
}

bool native_look_once(struct cmd_ctx *ctx, struct slice name, enum value_type type, struct native_key *out)
{
    return native_look_hashed(ctx, name, map_hash(name), type, out);
}

bool native_look_at(struct cmd_ctx *ctx, struct slice prefix, const char *suffix, enum value_type type,
                    struct native_key *out)
{
    return native_look(ctx, native_join(ctx, prefix, slice_from_text(suffix)), type, out);
}

struct slice native_field(const struct native_key *hash, struct slice field)
{
    struct slice value = {0};
    if (!hash->entry || !hash_get(&hash->entry->value, field, &value)) return (struct slice){0};
    return value;
}

bool native_number(const struct native_key *string, int64_t *out)
{
    *out = 0;
    return !string->entry || string_integer(&string->entry->value, out);
}

void native_reply_fields(struct cmd_ctx *ctx, const struct native_key *hash)
{
    struct slice field, value;
    struct hash_iter it;
    reply_array(ctx->reply, 2 * hash_count(&hash->entry->value));
    hash_iter_begin(&it, &hash->entry->value);
    while (hash_iter_next(&it, &field, &value)) {
        reply_bulk(ctx->reply, field);
        reply_bulk(ctx->reply, value);
    }
    hash_iter_end(&it);
}

/* ---- changing ---- */

static struct entry *make(struct cmd_ctx *ctx, struct native_key *key, enum value_type type)
{
    if (key->entry) return key->entry;
    uint32_t hash = key->hash ? key->hash : map_hash(key->name);
    key->entry = db_create_hashed(ctx->db, key->name, hash, type);
    return key->entry;
}

void native_set_number(struct cmd_ctx *ctx, struct native_key *string, int64_t n)
{
    string->entry = edit_string_set_integer(ctx->db, string->name, string->entry, n);
}

void native_hset(struct cmd_ctx *ctx, struct native_key *hash, const struct slice *items, size_t items_count)
{
    edit_hash_set_many(ctx->db, make(ctx, hash, VALUE_HASH), items, items_count);
}

void native_push(struct cmd_ctx *ctx, struct native_key *list, enum list_end end, struct slice element)
{
    edit_list_push(ctx->db, make(ctx, list, VALUE_LIST), end, element);
}

void native_rpop(struct cmd_ctx *ctx, struct native_key *list, size_t count)
{
    if (edit_list_pop(ctx->db, list->entry, LIST_TAIL, count)) list->entry = NULL;
}

bool native_remove_last(struct cmd_ctx *ctx, struct native_key *list, struct slice element)
{
    size_t count = native_llen(list);
    if (count == 0 || edit_list_remove(ctx->db, list->entry, LIST_TAIL, element, 1) == 0) return false;
    if (count == 1) list->entry = NULL;
    return true;
}

void native_srem(struct cmd_ctx *ctx, struct native_key *set, struct slice member)
{
    if (!set->entry || !edit_set_remove(ctx->db, set->entry, member)) return;
    if (db_delete_if_empty(ctx->db, set->entry)) set->entry = NULL;
}

void native_delete(struct cmd_ctx *ctx, struct native_key *key)
{
    if (key->entry) db_delete(ctx->db, key->entry);
    key->entry = NULL;
}

void native_delete_once(struct cmd_ctx *ctx, struct slice name)
{
    struct entry *e = db_find_hashed(ctx->db, name, map_hash(name));
    if (e) db_delete(ctx->db, e);
}

void native_set_hashed(struct cmd_ctx *ctx, struct slice name, uint32_t hash, struct slice text, int64_t at_ms)
{
    bool is_new;
    struct entry *e = db_find_or_create_hashed(ctx->db, name, hash, VALUE_STRING, &is_new);
    edit_string_set(ctx->db, name, e, text, at_ms);
}

void native_zadd(struct cmd_ctx *ctx, struct native_key *zset, double score, struct slice member)
{
    edit_zset_add(ctx->db, make(ctx, zset, VALUE_ZSET), member, score, 0, NULL);
}

void native_zremrange(struct cmd_ctx *ctx, struct native_key *zset, size_t count)
{
    if (count == 0) return;
    edit_zset_remove_ranks(ctx->db, zset->entry, 0, count);
    if (db_delete_if_empty(ctx->db, zset->entry)) zset->entry = NULL;
}

void native_hdel(struct cmd_ctx *ctx, struct native_key *hash, struct slice field)
{
    edit_hash_delete(ctx->db, hash->entry, field);
}

/* ---- events ---- */

bool native_look_at_events(struct cmd_ctx *ctx, struct slice prefix, struct slice max_text, struct native_events *out)
{
    int64_t max;
    if (!num_parse_int(max_text, &max) || max < 0) return false;
    out->trim = (struct stream_trim){.by = STREAM_TRIM_MAXLEN,
                                     .is_approximate = true,
                                     .max_count = (size_t)max,
                                     .limit = cmd_stream_trim_limit(ctx->keyspace)};
    if (!native_look_at(ctx, prefix, "events", VALUE_STREAM, &out->key)) return false;
    /* The last possible id is far away, unless somebody has set it. */
    return !out->key.entry || stream_borrow(&out->key.entry->value)->last_id.ms < INT64_MAX;
}

void native_emit(struct cmd_ctx *ctx, struct native_events *events, const struct slice *items, size_t items_count)
{
    struct entry *e = make(ctx, &events->key, VALUE_STREAM);
    struct stream_id id = stream_id_generate(stream_borrow(&e->value)->last_id, cmd_now_ms(ctx));
    edit_stream_add(ctx->db, e, id, items, items_count);
}

void native_emit_and_trim(struct cmd_ctx *ctx, struct native_events *events, const struct slice *items,
                          size_t items_count)
{
    native_emit(ctx, events, items, items_count);
    edit_stream_trim(ctx->db, events->key.entry, &events->trim);
}

void native_trim(struct cmd_ctx *ctx, struct native_events *events)
{
    if (events->key.entry) edit_stream_trim(ctx->db, events->key.entry, &events->trim);
}
