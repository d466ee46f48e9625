/* SPDX-License-Identifier: MIT */
/* The table of all commands: look-up by name. Families are joined once, at start. */
#ifndef CMD_TABLE_H
#define CMD_TABLE_H

#include "base/map.h"
#include "cmd/cmd.h"

struct cmd_table {
    struct map by_name;          /* of slots, table.c */
    const struct command **rows; /* owned array: rows in the order they were added */
    size_t count;
};

/* Rows end with a row without a name. The rows must outlive the table. */
void cmd_table_init(struct cmd_table *t);
void cmd_table_add(struct cmd_table *t, const struct command *rows);
void cmd_table_deinit(struct cmd_table *t);
/* By name, whatever its case; NULL when unknown. Not for subcommands. */
const struct command *cmd_table_find(struct cmd_table *t, struct slice name);
/* A container's row by argv[1]; NULL when there is none. */
const struct command *cmd_find_sub(const struct command *container, struct slice name);
/* The indexes of keys in argv for a row (find_keys or first/last/step); -1: invalid arguments. */
int cmd_find_keys(const struct command *row, const struct slice *argv, int argc, int *indexes, int max);

/* The families of this layer. */
extern const struct command cmd_string_rows[] __attribute__((weak)), cmd_key_rows[] __attribute__((weak)),
    cmd_hash_rows[] __attribute__((weak)), cmd_list_rows[] __attribute__((weak)), cmd_set_rows[] __attribute__((weak)),
    cmd_zset_rows[] __attribute__((weak)), cmd_stream_rows[] __attribute__((weak));
/* All of them. */
void cmd_table_add_data(struct cmd_table *t);

#endif
