/* SPDX-License-Identifier: MIT */
/* What load.c and load_value.c share. Private to cli/. */
#ifndef CLI_LOAD_H
#define CLI_LOAD_H

#include "cli/dump.h"
#include "codec/json.h"

struct load {
    struct client_line *server; /* borrowed */
    struct arena arena;         /* of one line */
    struct slice *argv;         /* owned: the command that is being built */
    size_t argc, argv_cap;
    uint64_t sent_count; /* commands queued of the batch */
    bool is_out_of_memory;
};

/* The command so far, and its end: it is queued. */
void load_word(struct load *l, struct slice word);
void load_send(struct load *l);
#define load_command(l, ...)                                                                                           \
    load_command_all(l, (const struct slice[]){__VA_ARGS__},                                                           \
                     sizeof((const struct slice[]){__VA_ARGS__}) / sizeof(struct slice))
void load_command_all(struct load *l, const struct slice *argv, size_t argc);

/* load_value.c: does one command make all of the value, which then is there whole or not at all? */
bool load_is_one_command(enum dump_type type, const struct json *line);
/*
 * load_value.c: queues the commands that add what a line has (value, group, pending, stream) to the value under `to`.
 * Errors: FORMAT; the text says which member is wrong.
 */
OXQ_MUST_USE oxq_err load_line_content(struct load *l, enum dump_type type, const struct json *line, struct slice to,
                                       struct oxq_error *err);

#endif
