/* SPDX-License-Identifier: MIT */
#include "cmd/table.h"

#include <criterion/criterion.h>
#include <stdio.h>

/* The name with the case of some letters changed. */
static struct slice written(const char *name, int round, char text[48])
{
    size_t len = strlen(name);
    for (size_t i = 0; i < len; i++) {
        bool is_upper = round == 1 || (round == 2 && i % 2);
        text[i] = is_upper && name[i] >= 'a' && name[i] <= 'z' ? (char)(name[i] - 'a' + 'A') : name[i];
    }
    return slice_of(text, len);
}

/* Again and again in all orders, since what was found last is remembered. */
Test(table, every_command_is_found_however_it_is_written_and_nothing_else)
{
    struct cmd_table t;
    cmd_table_init(&t);
    cmd_table_add_data(&t);
    for (int round = 0; round < 6; round++) {
        for (size_t i = 0; i < t.count; i++) {
            struct cmd_slot *slot = t.slots[i];
            char text[48];
            struct slice name = written(slot->name, round % 3, text);
            cr_assert_eq(cmd_table_find(&t, name), slot, "%s", slot->name);
            cr_assert_eq(cmd_table_find(&t, name), slot, "%s", slot->name);
            text[name.len] = '!';
            cr_assert_null(cmd_table_find(&t, slice_of(text, name.len + 1)), "%s!", slot->name);
            text[name.len / 2] = '\0';
            cr_assert_null(cmd_table_find(&t, name), "%s with a NUL inside", slot->name);
        }
    }
    cr_assert_null(cmd_table_find(&t, SLICE_LIT("")));
    cr_assert_null(cmd_table_find(&t, SLICE_LIT("x")));
    cmd_table_deinit(&t);
}
