/* SPDX-License-Identifier: MIT */
#include "base/buf.h"
#include "cli/cli.h"
#include "engine/engine.h"

#include <stdio.h>

int cli_commands_list(int argc, char **argv)
{
    bool is_json = false, is_help = false;
    const struct cli_flag flags[] = {{"--json", NULL, &is_json}, {"--help", NULL, &is_help}};
    int code = cli_take_flags(&argc, argv, flags, sizeof(flags) / sizeof(flags[0]));
    if (code) return code;
    if (is_help) {
        puts("Usage: oxq commands [flags]\n\nPrints the Redis commands that oxq answers, as Markdown.\n\n"
             "  --json             one object a line instead, for programs");
        return CLI_OK;
    }
    if (argc > 0) return cli_refuse("commands takes no argument '%s'", argv[0]);
    OWNED(buf_deinit) struct buf text = {0};
    oxq_err e = is_json ? engine_describe_commands_json(&text) : engine_describe_commands(&text);
    if (e) return cli_fail("not enough memory for the list");
    fwrite(text.at, 1, text.len, stdout);
    return CLI_OK;
}
