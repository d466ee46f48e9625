/* SPDX-License-Identifier: MIT */
#include "base/buf.h"
#include "cli/cli.h"
#include "engine/engine.h"

#include <stdio.h>
#include <string.h>

int cli_commands_list(int argc, char **argv)
{
    if (argc > 0 && (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0)) {
        puts("Usage: oxq commands\n\nPrints the Redis commands that oxq answers, as Markdown.");
        return CLI_OK;
    }
    if (argc > 0) return cli_refuse("commands takes no argument '%s'", argv[0]);
    OWNED(buf_deinit) struct buf text = {0};
    if (engine_describe_commands(&text) != OXQ_OK) return cli_fail("not enough memory for the list");
    fwrite(text.at, 1, text.len, stdout);
    return CLI_OK;
}
