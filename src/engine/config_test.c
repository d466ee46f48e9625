/* SPDX-License-Identifier: MIT */
#include "engine/config.h"

#include <criterion/criterion.h>
#include <string.h>

static struct config config;

static void set_up(void)
{
    config_init(&config);
}

static void tear_down(void)
{
    config_deinit(&config);
}

TestSuite(config, .init = set_up, .fini = tear_down);

static oxq_err set(const char *name, const char *value, struct oxq_error *err)
{
    return config_set(&config, slice_from_text(name), slice_from_text(value), CONFIG_RUNTIME, err);
}

static const char *get(const char *name)
{
    static char text[CONFIG_TEXT_MAX];
    for (size_t row = 0; row < config_rows_count(); row++) {
        if (strcmp(config_row_name(row), name) != 0) continue;
        config_row_text(&config, row, text, sizeof(text));
        return text;
    }
    return "(no such row)";
}

static void expect_set(const char *name, const char *value, const char *shown)
{
    struct oxq_error err = {0};
    cr_assert_eq(set(name, value, &err), OXQ_OK, "%s %s: %s", name, value, err.text);
    cr_assert_str_eq(get(config_row_name((size_t)config_row_find(slice_from_text(name)))), shown, "%s %s", name, value);
}

static void expect_refused(const char *name, const char *value, const char *text)
{
    struct oxq_error err = {0};
    char before[CONFIG_TEXT_MAX];
    const char *row_name = config_row_name((size_t)config_row_find(slice_from_text(name)));
    strcpy(before, get(row_name));
    cr_assert_eq(set(name, value, &err), OXQ_ERR_ARGUMENT, "%s %s", name, value);
    cr_assert_str_eq(err.text, text);
    cr_assert_str_eq(get(row_name), before, "%s was changed", name);
}

Test(config, starts_with_the_defaults_of_the_design)
{
    cr_assert_eq(config.port, 7700);
    cr_assert_eq(config.http_port, 7780);
    cr_assert_str_eq(config.bind, "127.0.0.1");
    cr_assert_str_eq(config.dir, "./oxq-data");
    cr_assert_str_eq(config.durability, "always");
    cr_assert_str_eq(config.password, "");
    cr_assert_eq(config.max_clients, 10000);
    cr_assert_eq(config.max_bulk_bytes, 512 << 20);
    cr_assert_eq(config.output_pubsub.soft_s, 60);
    cr_assert_eq(config_row_source(&config, 0), CONFIG_DEFAULT);
}

Test(config, every_row_accepts_the_text_it_prints)
{
    char text[CONFIG_TEXT_MAX];
    struct oxq_error err = {0};
    for (size_t row = 0; row < config_rows_count(); row++) {
        config_row_text(&config, row, text, sizeof(text));
        cr_assert_eq(set(config_row_name(row), text, &err), OXQ_OK, "%s '%s': %s", config_row_name(row), text,
                     err.text);
        char again[CONFIG_TEXT_MAX];
        config_row_text(&config, row, again, sizeof(again));
        cr_assert_str_eq(again, text);
    }
}

Test(config, every_parameter_has_a_help_line_and_a_name_of_its_own)
{
    for (size_t row = 0; row < config_rows_count(); row++) {
        if (config_row_classify(row) == CONFIG_ROW_OWN) cr_assert_gt(strlen(config_row_help(row)), 0);
        for (size_t other = 0; other < row; other++) cr_assert_str_neq(config_row_name(row), config_row_name(other));
    }
}

Test(config, reads_sizes_with_the_units_of_redis)
{
    expect_set("maxmemory", "100", "100");
    expect_set("maxmemory", "100b", "100");
    expect_set("maxmemory", "10k", "10000");
    expect_set("maxmemory", "10KB", "10240");
    expect_set("maxmemory", "1M", "1000000");
    expect_set("maxmemory", "64mb", "67108864");
    expect_set("maxmemory", "2g", "2000000000");
    expect_set("maxmemory", "1gb", "1073741824");
    expect_refused("maxmemory", "abc", "argument must be a memory value");
    expect_refused("maxmemory", "", "argument must be a memory value");
    struct oxq_error err = {0};
    cr_assert_eq(config_set(&config, SLICE_LIT("maxmemory"), (struct slice){0}, CONFIG_FLAG, &err), OXQ_ERR_ARGUMENT);
    expect_refused("maxmemory", "-5", "argument must be a memory value");
    expect_refused("maxmemory", "1.5gb", "argument must be a memory value");
    expect_refused("maxmemory", "10XB", "argument must be a memory value");
    expect_refused("maxmemory", "99999999999gb", "argument must be a memory value");
    expect_refused("proto-max-bulk-len", "5", "argument must be between 1048576 and 9223372036854775807 inclusive");
}

Test(config, keeps_numbers_within_their_range)
{
    expect_set("timeout", "300", "300");
    expect_refused("timeout", "-1", "argument must be between 0 and 2147483647 inclusive");
    expect_refused("timeout", "99999999999", "argument must be between 0 and 2147483647 inclusive");
    expect_refused("timeout", "1mb", "argument couldn't be parsed into an integer");
    expect_refused("port", "70000", "argument must be between 0 and 65535 inclusive");
    expect_refused("maxclients", "0", "argument must be between 1 and 4294967295 inclusive");
    expect_refused("slowlog-log-slower-than", "-5", "argument must be between -1 and 9223372036854775807 inclusive");
    expect_set("unixsocketperm", "0660", "660");
    cr_assert_eq(config.unix_perm, 0660);
    expect_refused("unixsocketperm", "9", "argument couldn't be parsed as an octal number");
    expect_refused("unixsocketperm", "1000", "argument must be between 0 and 777 inclusive");
}

Test(config, takes_the_words_that_a_word_row_has)
{
    expect_set("loglevel", "DEBUG", "debug");
    expect_set("loglevel", "notice", "info");
    expect_set("log-format", "json", "json");
    expect_refused("loglevel", "loud", "argument(s) must be one of the following: debug, info, warning, error");
    expect_refused("log-format", "", "argument(s) must be one of the following: text, json");
    expect_refused("log-format", "tex", "argument(s) must be one of the following: text, json");
    expect_set("durability", "off", "off");
    expect_set("durability", "interval:250", "interval:250");
    expect_refused("durability", "interval:0", "argument must be always, interval:<ms>, off or none");
    expect_set("durability", "interval:2147483647", "interval:2147483647");
    expect_refused("durability", "interval:2147483648", "argument must be always, interval:<ms>, off or none");
    expect_refused("durability", "interval:", "argument must be always, interval:<ms>, off or none");
    expect_refused("durability", "sometimes", "argument must be always, interval:<ms>, off or none");
}

Test(config, sets_output_limits_by_class)
{
    expect_set("client-output-buffer-limit", "normal 1 2 3 pubsub 1gb 2mb 3",
               "normal 1 2 3 slave 268435456 67108864 60 pubsub 1073741824 2097152 3");
    expect_set("client-output-buffer-limit", "pubsub 0 0 0", "normal 1 2 3 slave 268435456 67108864 60 pubsub 0 0 0");
    cr_assert_eq(config.output_normal.soft_bytes, 2);
    expect_refused("client-output-buffer-limit", "normal 1",
                   "Wrong number of arguments in buffer limit configuration.");
    expect_refused("client-output-buffer-limit", "foo 1 2 3",
                   "Invalid client class specified in buffer limit configuration.");
    expect_refused("client-output-buffer-limit", "pubsub 9 9 9 normal a 2 3",
                   "Error in hard, soft or soft_seconds setting in buffer limit configuration.");
    expect_refused("client-output-buffer-limit", "normal 1 2 9223372036854775807",
                   "Error in hard, soft or soft_seconds setting in buffer limit configuration.");
}

Test(config, keeps_what_is_always_so)
{
    struct oxq_error err;
    cr_assert_eq(set("maxmemory-policy", "noeviction", &err), OXQ_OK);
    cr_assert_eq(set("save", "", &err), OXQ_OK);
    expect_refused("maxmemory-policy", "volatile-lru", "oxq never evicts: the policy is always noeviction");
    expect_refused("appendonly", "yes", "in oxq this is always 'no'");
    cr_assert_str_eq(get("databases"), "16");
}

Test(config, has_one_value_under_all_its_names)
{
    expect_set("lua-time-limit", "100", "100");
    cr_assert_eq(config.busy_reply_ms, 100);
    cr_assert_str_eq(get("lua-time-limit"), "100");
    expect_set("Password", "secret", "secret");
    cr_assert_str_eq(config.password, "secret");
    expect_set("tls_cert", "/a/b", "/a/b");
    cr_assert_str_eq(config.tls_cert, "/a/b");
}

Test(config, refuses_texts_that_are_too_long_or_have_a_zero_byte)
{
    struct oxq_error err = {0};
    char text[CONFIG_TEXT_MAX + 1];
    memset(text, 'x', sizeof(text));
    cr_assert_eq(config_set(&config, SLICE_LIT("dir"), slice_of(text, CONFIG_TEXT_MAX), CONFIG_FLAG, &err),
                 OXQ_ERR_ARGUMENT);
    cr_assert_eq(config_set(&config, SLICE_LIT("dir"), SLICE_LIT("a\0b"), CONFIG_FLAG, &err), OXQ_ERR_ARGUMENT);
    cr_assert_eq(config_set(&config, SLICE_LIT("dir"), slice_of(text, CONFIG_TEXT_MAX - 1), CONFIG_FLAG, &err), OXQ_OK);
}

Test(config, remembers_where_a_value_came_from)
{
    int row = config_row_find(SLICE_LIT("lua-time-limit"));
    cr_assert_eq(config_set(&config, SLICE_LIT("lua-time-limit"), SLICE_LIT("7"), CONFIG_FILE, NULL), OXQ_OK);
    cr_assert_eq(config_row_source(&config, (size_t)row), CONFIG_FILE);
    cr_assert_neq(config_set(&config, SLICE_LIT("lua-time-limit"), SLICE_LIT("x"), CONFIG_FLAG, NULL), OXQ_OK);
    cr_assert_eq(config_row_source(&config, (size_t)row), CONFIG_FILE);
}

Test(config, names_the_parameter_that_was_meant)
{
    cr_assert_str_eq(config_nearest(SLICE_LIT("prot")), "port");
    cr_assert_str_eq(config_nearest(SLICE_LIT("max-memory")), "maxmemory");
    cr_assert_str_eq(config_nearest(SLICE_LIT("requirepas")), "requirepass");
    cr_assert_str_eq(config_nearest(SLICE_LIT("tls-crt")), "tls-cert");
    cr_assert_null(config_nearest(SLICE_LIT("something-else")));
    cr_assert_null(config_nearest(SLICE_LIT("an-endless-name-that-is-longer-than-any-name-could-be")));
    struct oxq_error err;
    cr_assert_eq(set("prot", "1", &err), OXQ_ERR_NOT_FOUND);
}

Test(config, knows_when_only_this_machine_can_connect)
{
    cr_assert_not(config_is_open(&config));
    expect_set("bind", "127.0.0.1 ::1, localhost", "127.0.0.1 ::1, localhost");
    cr_assert_not(config_is_open(&config));
    static const char *const open[] = {"*", "0.0.0.0", "127.0.0.1 10.0.0.1", "127.0.0.1.example.org", "::"};
    for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++) {
        expect_set("bind", open[i], open[i]);
        cr_assert(config_is_open(&config), "%s", open[i]);
    }
    config.port = 0;
    cr_assert_not(config_is_open(&config));
    config.tls_port = 1;
    cr_assert(config_is_open(&config));
}

Test(config, keeps_a_password_where_others_can_connect)
{
    expect_set("requirepass", "secret", "secret");
    expect_set("requirepass", "", "");
    expect_set("requirepass", "secret", "secret");
    expect_set("bind", "*", "*");
    expect_refused("requirepass", "", "a server that others than this machine reach needs a password");
    config.port = 0;
    expect_set("requirepass", "", "");
}

Test(config, walks_the_addresses_of_bind)
{
    char address[64];
    const char *at = " 127.0.0.1  ::1,10.0.0.1 ";
    cr_assert(config_next_address(&at, address, sizeof(address)));
    cr_assert_str_eq(address, "127.0.0.1");
    cr_assert(config_next_address(&at, address, sizeof(address)));
    cr_assert_str_eq(address, "::1");
    cr_assert(config_next_address(&at, address, sizeof(address)));
    cr_assert_str_eq(address, "10.0.0.1");
    cr_assert_not(config_next_address(&at, address, sizeof(address)));
}
