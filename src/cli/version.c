/* SPDX-License-Identifier: MIT */
#include "oxq/version.h"
#include "cli/cli.h"

#include <stdio.h>

int cli_version(int argc, char **argv)
{
    bool is_json = false, is_help = false;
    const struct cli_flag flags[] = {{"--json", NULL, &is_json}, {"--help", NULL, &is_help}};
    int code = cli_take_flags(&argc, argv, flags, sizeof(flags) / sizeof(flags[0]));
    if (code) return code;
    if (is_help) {
        puts("Usage: oxq version [flags]\n\nPrints the version.\n\n"
             "  --json             {\"version\":\"1.2.3\"} instead, for programs");
        return CLI_OK;
    }
    if (argc > 0) return cli_refuse("version takes no argument '%s'", argv[0]);
    printf(is_json ? "{\"version\":\"%s\"}\n" : "oxq %s\n", oxq_version());
    return CLI_OK;
}
