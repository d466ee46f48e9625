/* SPDX-License-Identifier: MIT */
/* The table of all commands: look-up by name. Families are joined once, at start. */
#ifndef CMD_TABLE_H
#define CMD_TABLE_H

#include "base/map.h"
#include "cmd/cmd.h"

/* What was counted of a command, for INFO commandstats. */
struct cmd_stats {
    uint64_t calls;
    uint64_t us;       /* time inside it, microseconds */
    uint64_t rejected; /* refused before it ran */
    uint64_t failed;   /* answered with an error */
};

/* A row in the table, or a row of a container's subcommands. */
struct cmd_slot {
    struct map_node node;
    const struct command *row;       /* borrowed */
    const struct command *container; /* of a subcommand; else NULL */
    struct cmd_stats stats;
    char name[]; /* in full: "get", "config|get" */
};

/* The row that was found for a name as it was written, so that a hot name costs no look-up. Names of 2 to 16 bytes: their ends, which may
 * overlap, tell them apart. */
#define CMD_TABLE_HOT_BITS 7
struct cmd_hot {
    uint64_t head, tail;
    size_t len; /* 0: none */
    struct cmd_slot *slot;
};

struct cmd_table {
    struct map by_name;      /* of slots, by their full name */
    struct cmd_slot **slots; /* owned, in the order they were added; a container is followed by its subcommands */
    size_t count;
    size_t commands_count; /* without subcommands */
    struct cmd_hot hot[1 << CMD_TABLE_HOT_BITS];
};

/* Rows end with a row without a name. The rows must outlive the table. */
void cmd_table_init(struct cmd_table *t);
void cmd_table_add(struct cmd_table *t, const struct command *rows);
void cmd_table_deinit(struct cmd_table *t);
/* By full name, whatever its case; NULL when unknown. */
struct cmd_slot *cmd_table_find(struct cmd_table *t, struct slice name);
/* The subcommand of a container by its bare name; NULL when there is none. */
struct cmd_slot *cmd_table_find_sub(struct cmd_table *t, const struct cmd_slot *container, struct slice name);
/* The indexes of keys in argv for a row (find_keys or first/last/step); -1: invalid arguments. */
int cmd_find_keys(const struct command *row, const struct slice *argv, int argc, int *indexes, int max);

/* The families of this layer. */
extern const struct command cmd_string_rows[], cmd_key_rows[], cmd_hash_rows[], cmd_list_rows[], cmd_set_rows[],
    cmd_zset_rows[], cmd_stream_rows[];
/* All of them. */
void cmd_table_add_data(struct cmd_table *t);

#endif
