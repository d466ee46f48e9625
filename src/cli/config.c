/* SPDX-License-Identifier: MIT */
/* get and set speak to a running server; print tells what `oxq serve` would start with. */
#include "cli/cli.h"

#include "base/mem.h"
#include "cli/table.h"
#include "cli/text.h"
#include "daemon/daemon.h"

#include <stdio.h>
#include <string.h>

static void print_help(void)
{
    puts("Usage: oxq config get [flags] <pattern> ...\n"
         "       oxq config set [flags] <name> <value> ...\n"
         "       oxq config print [flags of oxq serve]\n"
         "\n"
         "get shows parameters of a running server, set changes them until it ends, all or none. print shows what\n"
         "oxq serve with the same flags would start with, and where each value comes from.\n"
         "\n"
         "  --json             of get and print: one object, for programs\n"
         "\n"
         "Flags of get and set:");
    puts(cli_server_flags);
}

/* CONFIG <word> <argv>; the reply is borrowed from the line. */
static int call(struct client_line *line, struct slice word, int argc, char **argv, struct resp_value *out)
{
    struct oxq_error err;
    size_t count = 2 + (size_t)argc;
    struct slice *args = mem_alloc(sizeof(*args) * count);
    args[0] = SLICE_LIT("CONFIG");
    args[1] = word;
    for (int i = 0; i < argc; i++) args[2 + i] = slice_from_text(argv[i]);
    oxq_err e = client_line_call(line, &(struct client_command){.argv = args, .argc = count}, 0, out, &err);
    mem_free(args);
    if (e) return cli_fail("%s", err.text);
    if (out->kind == RESP_ERROR) return cli_fail("the server answers: %.*s", (int)out->text.len, out->text.at);
    return CLI_OK;
}

static void print(const struct resp_value *pairs)
{
    OWNED(arena_deinit) struct arena arena = {0};
    for (size_t i = 0; i + 1 < pairs->count; i += 2) {
        const char *name = arena_copy_text(&arena, pairs->items[i].text);
        const char *value = arena_copy_text(&arena, pairs->items[i + 1].text);
        printf("%s: %s\n", table_clean(&arena, name, false), table_clean(&arena, value, false));
    }
}

/* One object, whose values are texts. */
static int print_json(const struct resp_value *pairs)
{
    OWNED(buf_deinit) struct buf line = {.limit_bytes = SIZE_MAX};
    OWNED(arena_deinit) struct arena arena = {0};
    struct json_writer w = {.out = &line};
    json_write_open(&w, '{');
    for (size_t i = 0; i + 1 < pairs->count; i += 2)
        text_write(&w, arena_copy_text(&arena, pairs->items[i].text),
                   arena_copy_text(&arena, pairs->items[i + 1].text));
    json_write_close(&w, '}');
    return text_end_line(&w);
}

static int get(struct client_line *line, bool is_json, int argc, char **argv)
{
    struct resp_value reply = {0};
    int code = call(line, SLICE_LIT("GET"), argc, argv, &reply);
    if (code) return code;
    if (reply.count == 0) return cli_fail("no parameter has such a name");
    if (is_json) return print_json(&reply);
    print(&reply);
    return CLI_OK;
}

static int set(struct client_line *line, int argc, char **argv)
{
    struct resp_value reply = {0};
    return call(line, SLICE_LIT("SET"), argc, argv, &reply);
}

static int ask_server(bool is_get, int argc, char **argv)
{
    struct cli_server server;
    struct client_line *line = NULL;
    bool is_json = false;
    const struct cli_flag own[] = {{"--json", NULL, &is_json}};
    int code = cli_take_server(&argc, argv, &server, own, is_get ? 1 : 0);
    if (code) return code;
    if (server.is_help) {
        print_help();
        return CLI_OK;
    }
    if (is_get && argc == 0) return cli_refuse("config get needs a name or a pattern: oxq config get 'max*'");
    if (!is_get && (argc == 0 || argc % 2 != 0))
        return cli_refuse("config set needs names and values: oxq config set maxmemory 1gb");
    code = cli_connect(&server, &line);
    if (!code) code = is_get ? get(line, is_json, argc, argv) : set(line, argc, argv);
    cli_disconnect(line);
    return code;
}

int cli_config(int argc, char **argv)
{
    const char *word = argc > 0 ? argv[0] : "";
    if (strcmp(word, "print") == 0) return daemon_print_config(argc - 1, argv + 1);
    if (strcmp(word, "get") == 0) return ask_server(true, argc - 1, argv + 1);
    if (strcmp(word, "set") == 0) return ask_server(false, argc - 1, argv + 1);
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        print_help();
        return CLI_OK;
    }
    return cli_refuse("config needs one of get, set and print%s%s", word[0] ? ", not " : "", word);
}
