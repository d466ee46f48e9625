/* SPDX-License-Identifier: MIT */
#include "oxq/version.h"
#include "cli/cli.h"

#include <stdio.h>

int cli_version(int argc, char **argv)
{
    if (argc > 0) return cli_refuse("version takes no argument '%s'", argv[0]);
    printf("oxq %s\n", oxq_version());
    return CLI_OK;
}
