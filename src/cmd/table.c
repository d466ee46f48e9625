/* SPDX-License-Identifier: MIT */
#include "cmd/table.h"

#include "base/mem.h"

#include <stdio.h>

/* The longest name is shorter; anything longer is unknown without a look. */
#define NAME_MAX_BYTES 40

static struct slice key_of_slot(const struct map_node *node)
{
    return slice_from_text(((const struct cmd_slot *)node)->name);
}

void cmd_table_init(struct cmd_table *t)
{
    *t = (struct cmd_table){.by_name = {.key_of = key_of_slot}};
}

static void add_slot(struct cmd_table *t, const struct command *row, const struct command *container)
{
    struct cmd_slot *slot = mem_alloc_zero(sizeof(*slot) + NAME_MAX_BYTES + 1);
    slot->row = row;
    slot->container = container;
    int len = container ? snprintf(slot->name, NAME_MAX_BYTES, "%s|%s", container->name, row->name)
                        : snprintf(slot->name, NAME_MAX_BYTES, "%s", row->name);
    CHECK(len > 0 && len < NAME_MAX_BYTES);
    CHECK(!map_find(&t->by_name, slice_from_text(slot->name)));
    map_insert(&t->by_name, &slot->node);
    t->slots = mem_resize(t->slots, (t->count + 1) * sizeof(*t->slots));
    t->slots[t->count++] = slot;
}

void cmd_table_add(struct cmd_table *t, const struct command *rows)
{
    for (const struct command *row = rows; row->name; row++) {
        add_slot(t, row, NULL);
        t->commands_count++;
        for (const struct command *sub = row->subs; sub && sub->name; sub++) add_slot(t, sub, row);
    }
}

void cmd_table_deinit(struct cmd_table *t)
{
    map_deinit(&t->by_name, NULL, NULL);
    for (size_t i = 0; i < t->count; i++) mem_free(t->slots[i]);
    mem_free(t->slots);
    *t = (struct cmd_table){0};
}

static void copy_lower(char *dst, struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        dst[i] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
    }
}

static struct cmd_slot *look_up(struct cmd_table *t, struct slice name)
{
    char lower[NAME_MAX_BYTES];
    if (name.len > sizeof(lower)) return NULL;
    copy_lower(lower, name);
    return (struct cmd_slot *)map_find(&t->by_name, slice_of(lower, name.len));
}

/* The first and the last bytes of a name: so many that together they are all of it. */
static inline struct cmd_hot ends_of(struct slice name)
{
    struct cmd_hot ends = {.len = name.len};
    size_t count = name.len >= 8 ? 8 : name.len >= 4 ? 4 : 2;
    const char *tail = name.at + name.len - count;
    if (count == 8) {
        memcpy(&ends.head, name.at, 8);
        memcpy(&ends.tail, tail, 8);
    } else if (count == 4) {
        memcpy(&ends.head, name.at, 4);
        memcpy(&ends.tail, tail, 4);
    } else {
        memcpy(&ends.head, name.at, 2);
        memcpy(&ends.tail, tail, 2);
    }
    return ends;
}

/* Odd numbers that were searched for: names that job clients and their scripts call often share no place. */
#define HOT_HEAD_FACTOR 0x7b86d257d7ba5959u
#define HOT_TAIL_FACTOR 0xf8a930a2426a4b37u

struct cmd_slot *cmd_table_find(struct cmd_table *t, struct slice name)
{
    if (name.len < 2 || name.len > 16) return look_up(t, name);
    struct cmd_hot ends = ends_of(name);
    uint64_t mixed = ends.head * HOT_HEAD_FACTOR + (ends.tail + ends.len) * HOT_TAIL_FACTOR;
    struct cmd_hot *hot = &t->hot[mixed >> (64 - CMD_TABLE_HOT_BITS)];
    if (hot->head == ends.head && hot->tail == ends.tail && hot->len == ends.len) return hot->slot;
    ends.slot = look_up(t, name);
    if (ends.slot) *hot = ends;
    return ends.slot;
}

struct cmd_slot *cmd_table_find_sub(struct cmd_table *t, const struct cmd_slot *container, struct slice name)
{
    char full[NAME_MAX_BYTES];
    size_t prefix = strlen(container->name);
    if (prefix + 1 + name.len > sizeof(full)) return NULL;
    memcpy(full, container->name, prefix);
    full[prefix] = '|';
    copy_lower(full + prefix + 1, name);
    return (struct cmd_slot *)map_find(&t->by_name, slice_of(full, prefix + 1 + name.len));
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
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) cmd_table_add(t, families[i]);
}
