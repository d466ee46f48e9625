/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"
#include "os/clock.h"

#include <stdio.h>

static int ping(struct client_line *line, bool is_json)
{
    struct slice argv[] = {SLICE_LIT("PING")};
    struct resp_value reply = {0};
    struct oxq_error err;
    int64_t from_us = clock_mono_us(os_clock());
    if (client_line_call(line, &(struct client_command){.argv = argv, .argc = 1}, 0, &reply, &err) != OXQ_OK)
        return cli_fail("%s", err.text);
    int64_t took_us = clock_mono_us(os_clock()) - from_us;
    if (reply.kind != RESP_STATUS || !slice_is(reply.text, "pong")) {
        bool needs_password = reply.text.len > 6 && slice_is(slice_of(reply.text.at, 6), "noauth");
        return cli_fail("the server answers: %.*s%s", (int)reply.text.len, reply.text.at,
                        needs_password ? " Give the password in the URL or as OXQ_PASSWORD." : "");
    }
    printf(is_json ? "{\"ms\":%.3f}\n" : "PONG %.3f ms\n", (double)took_us / 1000);
    return CLI_OK;
}

int cli_ping(int argc, char **argv)
{
    struct cli_server server;
    struct client_line *line = NULL;
    bool is_json = false;
    const struct cli_flag own[] = {{"--json", NULL, &is_json}};
    int code = cli_take_server(&argc, argv, &server, own, 1);
    if (code) return code;
    if (server.is_help) {
        puts("Usage: oxq ping [flags]\n\nPrints PONG and the time that it took; exit code 1 when no server answers.\n\n"
             "  --json             {\"ms\":0.1} instead, for programs");
        puts(cli_server_flags);
        return CLI_OK;
    }
    if (argc > 0) return cli_refuse("ping takes no argument '%s'", argv[0]);
    code = cli_connect(&server, &line);
    if (!code) code = ping(line, is_json);
    cli_disconnect(line);
    return code;
}
