/* SPDX-License-Identifier: MIT */
/*
 * The lines that oxq dump writes and oxq load reads, and what dump.c and dump_large.c share. Private to cli/.
 *
 *   {"oxq_dump":1,"db":0,"at_ms":1790000000000}                      opens a dump: format, database, when
 *   {"key":"k","type":"hash","expire_ms":1790000360000,"value":[["field","value"],...]}
 *   {"key":"l","type":"list","more":true,"value":[...]}              a large value: its first line,
 *   {"key":"l","value":[...]}                                        more of it,
 *   {"key":"l","end":true}                                           and its last line
 *   {"oxq_dump_end":true,"keys":2}                                   closes it: a file without was cut off
 *
 * value   string: a text; list, set: [member, ...]; hash: [[field, value], ...]; zset: [[member, "score"], ...];
 *         stream: [["id", [field, value, ...]], ...]
 * Bytes that are not UTF-8 are {"base64": "..."}. expire_ms is milliseconds since 1970. A stream goes on with
 *   {"key":"s","group":{"name":"g","last_id":"5-0","entries_read":3,"consumers":["c",...]}}
 *   {"key":"s","pending":{"group":"g","entries":[["4-0","c",<delivered at, ms>,<times delivered>],...]}}
 * and its last line has "stream":{"last_id":"7-0","entries_added":9,"max_deleted_id":"3-0"}.
 */
#ifndef CLI_DUMP_H
#define CLI_DUMP_H

#include "base/arena.h"
#include "base/buf.h"
#include "cli/cli.h"
#include "cli/progress.h"

#include <stdio.h>

#define DUMP_FORMAT 1

enum dump_type {
    DUMP_STRING,
    DUMP_LIST,
    DUMP_SET,
    DUMP_HASH,
    DUMP_ZSET,
    DUMP_STREAM,
    DUMP_TYPES_COUNT /* also: none of these */
};
/* By Redis's name; DUMP_TYPES_COUNT when it has none of these. */
enum dump_type dump_type_of(struct slice name);
const char *dump_type_name(enum dump_type type);

struct dump_key {
    struct slice name; /* borrowed from the batch's arena */
    enum dump_type type;
    int64_t expire_ms; /* 0: never */
    bool is_small;     /* it is read at once and stands in one line */
};

struct dump {
    struct client_line *server; /* borrowed */
    FILE *out;                  /* borrowed */
    struct buf line;
    struct arena arena; /* of one batch */
    struct progress progress;
    uint64_t keys_count, total_count, bytes, changed_count, unknown_count;
    bool has_expire_time; /* the server knows PEXPIRETIME */
    bool is_out_of_memory;
};

/* Queues a command: dump_send(d, SLICE_LIT("GET"), key). */
#define dump_send(d, ...)                                                                                              \
    dump_send_all(d, (const struct slice[]){__VA_ARGS__},                                                              \
                  sizeof((const struct slice[]){__VA_ARGS__}) / sizeof(struct slice))
void dump_send_all(struct dump *d, const struct slice *argv, size_t argc);
/* The next reply; also an error that the server replies. Returns an exit code, after a line when it is not CLI_OK. */
OXQ_MUST_USE int dump_next(struct dump *d, struct resp_value *out);
/* The same where an error is none that can be gone on with. */
OXQ_MUST_USE int dump_next_ok(struct dump *d, struct resp_value *out);

/* The same where the key, or its group, may have gone meanwhile, or become one of another type: then *out_has_changed, and it is no error. */
OXQ_MUST_USE int dump_next_of_key(struct dump *d, struct resp_value *out, bool *out_has_changed);

/* One line: begin, members, end. */
void dump_line_begin(struct dump *d, const struct dump_key *key);
void dump_line_type(struct dump *d, const struct dump_key *key);
/* "value" from a reply's values as the server gave them. */
void dump_line_value(struct dump *d, enum dump_type type, const struct resp_value *items, size_t count);
void dump_add(struct dump *d, const char *text);
void dump_add_number(struct dump *d, int64_t n);
void dump_add_bytes(struct dump *d, struct slice bytes);
/* Returns an exit code. */
OXQ_MUST_USE int dump_line_end(struct dump *d);

/* dump_large.c: reads a large value, or a stream, in windows. Returns an exit code. */
OXQ_MUST_USE int dump_large(struct dump *d, const struct dump_key *key);

#endif
