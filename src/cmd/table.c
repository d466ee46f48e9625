/* SPDX-License-Identifier: MIT */
#include "cmd/table.h"

#include "base/mem.h"

/* The longest name is shorter; anything longer is unknown without a look. */
#define NAME_MAX_BYTES 32

struct slot {
    struct map_node node;
    const struct command *row;
};

static struct slice key_of_slot(const struct map_node *node)
{
    return slice_from_text(((const struct slot *)node)->row->name);
}

void cmd_table_init(struct cmd_table *t)
{
    *t = (struct cmd_table){.by_name = {.key_of = key_of_slot}};
}

void cmd_table_add(struct cmd_table *t, const struct command *rows)
{
    for (const struct command *row = rows; row->name; row++) {
        struct slot *slot = mem_alloc_zero(sizeof(*slot));
        slot->row = row;
        CHECK(!map_find(&t->by_name, slice_from_text(row->name)));
        map_insert(&t->by_name, &slot->node);
        t->rows = mem_resize(t->rows, (t->count + 1) * sizeof(*t->rows));
        t->rows[t->count++] = row;
    }
}

static void free_slot(void *ctx, struct map_node *node)
{
    (void)ctx;
    mem_free(node);
}

void cmd_table_deinit(struct cmd_table *t)
{
    map_deinit(&t->by_name, free_slot, NULL);
    mem_free(t->rows);
    t->rows = NULL;
    t->count = 0;
}

const struct command *cmd_table_find(struct cmd_table *t, struct slice name)
{
    char lower[NAME_MAX_BYTES];
    if (name.len > sizeof(lower)) return NULL;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        lower[i] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
    }
    struct slot *slot = (struct slot *)map_find(&t->by_name, slice_of(lower, name.len));
    return slot ? slot->row : NULL;
}

const struct command *cmd_find_sub(const struct command *container, struct slice name)
{
    for (const struct command *row = container->subs; row->name; row++) {
        if (slice_is(name, row->name)) return row;
    }
    return NULL;
}

int cmd_find_keys(const struct command *row, const struct slice *argv, int argc, int *indexes, int max)
{
    if (row->find_keys) return row->find_keys(argv, argc, indexes, max);
    if (row->keys.first == 0) return 0;
    int last = row->keys.last < 0 ? argc + row->keys.last : row->keys.last;
    int count = 0;
    for (int i = row->keys.first; i <= last; i += row->keys.step) {
        if (i >= argc) return -1;
        if (count < max) indexes[count] = i;
        count++;
    }
    return count;
}

void cmd_table_add_data(struct cmd_table *t)
{
    static const struct command *const families[] = {cmd_string_rows, cmd_key_rows,  cmd_hash_rows,  cmd_list_rows,
                                                     cmd_set_rows,    cmd_zset_rows, cmd_stream_rows};
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        if (families[i]) cmd_table_add(t, families[i]);
    }
}
