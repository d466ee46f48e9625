/* SPDX-License-Identifier: MIT */
/*
 * What `oxq check --json` prints: one object, at the end, whatever was found.
 *
 *   {"folder":"data","is_sound":false,"is_quick":false,
 *    "checkpoint":{"record":100,"saved_ms":1790000000000,"keys":500,"rows":500,"bytes":73728},      null: none, or it is lost
 *    "journal":{"records":40,"effects":80,"last_record":140,"segments":1,"bytes":16384,"torn_bytes":0},
 *    "databases":[{"db":0,"keys":2,"types":{"string":1,"hash":1}}],
 *    "lost":{"keys":1,"records":0,"journal_bytes":0,"checkpoint":false},
 *    "damages_count":1,"damages":["..."]}                                                           the first CHECK_TOLD_MAX
 *
 * Behind "torn_bytes", where it is not 0, stand "torn_offset" and "torn_segment"; "repaired" is the folder that --repair has made.
 */
#include "cli/check.h"

#include "cli/text.h"

static void write_bool(struct json_writer *w, const char *name, bool b)
{
    json_write_name(w, name);
    json_write_bool(w, b);
}

static void open_member(struct json_writer *w, const char *name, char bracket)
{
    json_write_name(w, name);
    json_write_open(w, bracket);
}

static void write_checkpoint(struct json_writer *w, const struct check *c)
{
    if (c->is_checkpoint_lost || c->checkpoint.seq == 0) {
        json_write_name(w, "checkpoint");
        json_write_null(w);
        return;
    }
    open_member(w, "checkpoint", '{');
    text_write_number(w, "record", (int64_t)c->checkpoint.seq);
    text_write_number(w, "saved_ms", c->checkpoint.saved_at_ms);
    text_write_number(w, "keys", (int64_t)c->checkpoint.keys_count);
    text_write_number(w, "rows", (int64_t)c->checkpoint.rows_count);
    text_write_number(w, "bytes", (int64_t)c->checkpoint.file_bytes);
    json_write_close(w, '}');
}

static void write_journal(struct json_writer *w, const struct check *c)
{
    /* An end behind a damage is no torn one: its bytes are lost. */
    uint64_t torn_bytes = c->unread_bytes == 0 ? c->journal.dropped_bytes : 0;
    open_member(w, "journal", '{');
    text_write_number(w, "records", (int64_t)c->journal.records_count);
    text_write_number(w, "effects", (int64_t)c->effects_count);
    text_write_number(w, "last_record", (int64_t)c->last_seq);
    text_write_number(w, "segments", (int64_t)c->journal.segments_count);
    text_write_number(w, "bytes", (int64_t)c->journal.bytes);
    text_write_number(w, "torn_bytes", (int64_t)torn_bytes);
    if (torn_bytes > 0) {
        text_write_number(w, "torn_offset", (int64_t)c->journal.offset);
        text_write(w, "torn_segment", c->journal.segment);
    }
    json_write_close(w, '}');
}

static void write_database(struct json_writer *w, const struct check *c, uint32_t db)
{
    uint64_t sum = 0;
    for (int type = 0; type < VALUE_TYPES_COUNT; type++) sum += c->keys[db][type];
    if (sum == 0) return;
    json_write_open(w, '{');
    text_write_number(w, "db", db);
    text_write_number(w, "keys", (int64_t)sum);
    open_member(w, "types", '{');
    for (int type = 0; type < VALUE_TYPES_COUNT; type++)
        json_write_some_integer(w, value_type_name((enum value_type)type), (int64_t)c->keys[db][type]);
    json_write_close(w, '}');
    json_write_close(w, '}');
}

static void write_damages(struct json_writer *w, const struct check *c)
{
    open_member(w, "lost", '{');
    text_write_number(w, "keys", (int64_t)c->lost_keys);
    text_write_number(w, "records", (int64_t)c->lost_records);
    text_write_number(w, "journal_bytes", (int64_t)c->unread_bytes);
    write_bool(w, "checkpoint", c->is_checkpoint_lost);
    json_write_close(w, '}');
    text_write_number(w, "damages_count", (int64_t)c->damages_count);
    open_member(w, "damages", '[');
    for (uint64_t i = 0; i < c->damages_count && i < CHECK_TOLD_MAX; i++) text_write(w, NULL, c->told[i]);
    json_write_close(w, ']');
}

int check_print_json(const struct check *c)
{
    OWNED(buf_deinit) struct buf line = {.limit_bytes = SIZE_MAX};
    struct json_writer w = {.out = &line};
    json_write_open(&w, '{');
    text_write(&w, "folder", c->folder);
    write_bool(&w, "is_sound", c->damages_count == 0);
    write_bool(&w, "is_quick", c->is_quick);
    write_checkpoint(&w, c);
    write_journal(&w, c);
    open_member(&w, "databases", '[');
    for (uint32_t db = 0; db < KEYSPACE_DBS_COUNT; db++) write_database(&w, c, db);
    json_write_close(&w, ']');
    write_damages(&w, c);
    if (c->is_repaired) text_write(&w, "repaired", c->repaired_folder);
    json_write_close(&w, '}');
    return text_end_line(&w);
}
