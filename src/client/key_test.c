/* SPDX-License-Identifier: MIT */
#include "client/key.h"

#include <criterion/criterion.h>

static int slot_of(const char *key)
{
    return client_key_slot(slice_from_text(key));
}

Test(client_key, has_the_slots_of_the_cluster_specification)
{
    /* CLUSTER KEYSLOT of a Redis 7.0.15. */
    cr_assert_eq(slot_of("foo"), 12182);
    cr_assert_eq(slot_of("bar"), 5061);
    cr_assert_eq(slot_of("hello"), 866);
    cr_assert_eq(slot_of(""), 0);
}

Test(client_key, takes_what_stands_in_the_first_braces)
{
    cr_assert_eq(slot_of("{foo}"), 12182);
    cr_assert_eq(slot_of("bull:{foo}:wait"), 12182);
    cr_assert_eq(slot_of("{foo}{bar}"), 12182);
    cr_assert_neq(slot_of("foo{}{bar}"), slot_of("bar"), "empty braces: the whole key counts");
    cr_assert_neq(slot_of("foo{bar"), 5061, "braces that are not closed");
    cr_assert_eq(slot_of("foo{{bar}}zap"), slot_of("{bar"));
}

/* The slot that the words' command has, by words separated by spaces. */
static int command_slot(const char *text)
{
    struct slice argv[16];
    size_t argc = 0;
    while (*text && argc < 16) {
        size_t len = strcspn(text, " ");
        argv[argc++] = slice_of(text, len);
        text += len + (text[len] == ' ');
    }
    return client_command_slot(argv, argc);
}

Test(client_key, finds_the_key_of_each_kind_of_command)
{
    static const char *const with_foo[] = {"GET foo",
                                           "zadd foo 1 a",
                                           "BZPOPMIN foo 1",
                                           "EVALSHA abc 2 foo bar x",
                                           "XREAD BLOCK 5 COUNT 1 STREAMS foo $",
                                           "XREADGROUP GROUP g c STREAMS foo >",
                                           "XGROUP CREATE foo g $",
                                           "OBJECT ENCODING foo",
                                           "ZMPOP 2 foo bar MIN",
                                           "BLMPOP 0 1 foo LEFT",
                                           "TYPE foo"};
    for (size_t i = 0; i < sizeof(with_foo) / sizeof(with_foo[0]); i++)
        cr_assert_eq(command_slot(with_foo[i]), 12182, "%s", with_foo[i]);
    static const char *const without[] = {"PING",          "PING foo", "EVAL x 0 foo", "SCRIPT LOAD foo",
                                          "XREAD BLOCK 5", "EVAL",     "GET"};
    for (size_t i = 0; i < sizeof(without) / sizeof(without[0]); i++)
        cr_assert_eq(command_slot(without[i]), CLIENT_SLOT_NONE, "%s", without[i]);
}
