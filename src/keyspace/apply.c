/* SPDX-License-Identifier: MIT */
/*
 * Doing an effect again: those of whole keys here, those of a type in its edit_*.c.
 *
 * Effects come from disk, so nothing about them is trusted: an effect that does not fit the keyspace is refused before
 * anything is changed.
 */
#include "keyspace/db.h"
#include "keyspace/edit_hash.h"
#include "keyspace/edit_list.h"
#include "keyspace/edit_set.h"
#include "keyspace/edit_stream.h"
#include "keyspace/edit_string.h"
#include "keyspace/edit_zset.h"

typedef oxq_err apply_fn(struct db *db, const struct effect *e);

static bool is_db(int64_t n)
{
    return n >= 0 && n < KEYSPACE_DBS_COUNT;
}

static oxq_err apply_to_database(struct db *db, const struct effect *e)
{
    if (e->kind == EFFECT_DB_FLUSH) {
        db_flush(db);
        return OXQ_OK;
    }
    if (!is_db(e->n)) return OXQ_ERR_FORMAT;
    db_swap(db, &db->keyspace->dbs[e->n]);
    return OXQ_OK;
}

static oxq_err apply_to_key(struct db *db, const struct effect *e)
{
    bool is_value_needed = e->kind != EFFECT_KEY_DELETE && e->kind != EFFECT_KEY_EXPIRE;
    struct entry *entry = is_value_needed ? db_find(db, e->key) : db_peek(db, e->key);
    if (!entry) return OXQ_ERR_NOT_FOUND;
    struct keyspace *ks = db->keyspace;
    if (e->kind == EFFECT_KEY_DELETE) {
        db_delete(db, entry);
    } else if (e->kind == EFFECT_KEY_EXPIRE) {
        if (e->n < 0) return OXQ_ERR_FORMAT;
        db_set_expiry(db, entry, e->n);
    } else if (e->kind == EFFECT_KEY_RENAME) {
        if (slice_equal(e->key, e->a)) return OXQ_ERR_FORMAT;
        db_rename(db, entry, e->a);
    } else {
        if (!is_db(e->n)) return OXQ_ERR_FORMAT;
        struct db *to = &ks->dbs[e->n];
        if (e->kind == EFFECT_KEY_MOVE) {
            if (to == db || db_peek(to, e->key)) return OXQ_ERR_FORMAT;
            db_move(db, entry, to);
        } else {
            if (to == db && slice_equal(e->key, e->a)) return OXQ_ERR_FORMAT;
            db_copy(db, entry, to, e->a);
        }
    }
    return OXQ_OK;
}

static apply_fn *const appliers[EFFECT_KINDS_COUNT] = {
    [EFFECT_KEY_DELETE] = apply_to_key,
    [EFFECT_KEY_EXPIRE] = apply_to_key,
    [EFFECT_KEY_RENAME] = apply_to_key,
    [EFFECT_KEY_MOVE] = apply_to_key,
    [EFFECT_KEY_COPY] = apply_to_key,
    [EFFECT_DB_FLUSH] = apply_to_database,
    [EFFECT_DB_SWAP] = apply_to_database,
    [EFFECT_STRING_SET] = edit_string_apply,
    [EFFECT_STRING_RANGE] = edit_string_apply,
    [EFFECT_HASH_SET] = edit_hash_apply,
    [EFFECT_HASH_DELETE] = edit_hash_apply,
    [EFFECT_LIST_PUSH_HEAD] = edit_list_apply,
    [EFFECT_LIST_PUSH_TAIL] = edit_list_apply,
    [EFFECT_LIST_POP_HEAD] = edit_list_apply,
    [EFFECT_LIST_POP_TAIL] = edit_list_apply,
    [EFFECT_LIST_SET] = edit_list_apply,
    [EFFECT_LIST_INSERT] = edit_list_apply,
    [EFFECT_LIST_REMOVE] = edit_list_apply,
    [EFFECT_SET_ADD] = edit_set_apply,
    [EFFECT_SET_REMOVE] = edit_set_apply,
    [EFFECT_ZSET_SET] = edit_zset_apply,
    [EFFECT_ZSET_REMOVE] = edit_zset_apply,
    [EFFECT_STREAM_ADD] = edit_stream_apply,
    [EFFECT_STREAM_DELETE] = edit_stream_apply,
    [EFFECT_STREAM_TRIM] = edit_stream_apply,
    [EFFECT_STREAM_SET_ID] = edit_stream_apply,
    [EFFECT_STREAM_GROUP_SET] = edit_stream_apply,
    [EFFECT_STREAM_GROUP_DELETE] = edit_stream_apply,
    [EFFECT_STREAM_CONSUMER_SET] = edit_stream_apply,
    [EFFECT_STREAM_CONSUMER_DELETE] = edit_stream_apply,
    [EFFECT_STREAM_PENDING_SET] = edit_stream_apply,
    [EFFECT_STREAM_PENDING_DELETE] = edit_stream_apply,
};

oxq_err keyspace_apply(struct keyspace *ks, const struct effect *e)
{
    if ((unsigned)e->kind >= EFFECT_KINDS_COUNT || e->db >= KEYSPACE_DBS_COUNT) return OXQ_ERR_FORMAT;
    return appliers[e->kind](&ks->dbs[e->db], e);
}
