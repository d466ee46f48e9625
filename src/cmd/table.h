/* SPDX-License-Identifier: MIT */
/* The table of all commands: look-up by name. Families are joined once, at start. */
#ifndef CMD_TABLE_H
#define CMD_TABLE_H

#include "base/map.h"
#include "cmd/cmd.h"

struct cmd_table {
    struct map by_name; /* of struct cmd_table_slot */
    size_t count;
};

/* Rows end with a row without a name. The rows must outlive the table. */
void cmd_table_init(struct cmd_table *t);
void cmd_table_add(struct cmd_table *t, const struct command *rows);
void cmd_table_deinit(struct cmd_table *t);
/* By name, whatever its case; NULL when unknown. Not for subcommands. */
const struct command *cmd_table_find(const struct cmd_table *t, struct slice name);
/* A container's row by argv[1]; NULL when there is none. */
const struct command *cmd_find_sub(const struct command *container, struct slice name);
/* Rows in the order they were added; index < count. */
const struct command *cmd_table_at(const struct cmd_table *t, size_t index);
/* The indexes of keys in argv for a row (find_keys or first/last/step); -1: invalid arguments. */
int cmd_find_keys(const struct command *row, const struct slice *argv, int argc, int *indexes, int max);

/* The families of this layer. */
extern const struct command cmd_string_rows[], cmd_key_rows[], cmd_hash_rows[], cmd_list_rows[], cmd_set_rows[], cmd_zset_rows[], cmd_stream_rows[];
/* All of them. */
void cmd_table_add_data(struct cmd_table *t);

#endif
