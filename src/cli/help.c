/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

int cli_help(int argc, char **argv)
{
    if (argc > 1) return cli_refuse("help takes one command, not '%s' too", argv[1]);
    char flag[] = "--help";
    if (argc == 1 && argv[0][0] != '-') {
        const struct cli_command *c = cli_commands;
        while (c->name && strcmp(argv[0], c->name) != 0) c++;
        if (!c->name) return cli_refuse_command(argv[0], "oxq help ");
        if (c->run != cli_help) return c->run(1, (char *[]){flag, NULL});
    }
    puts("Usage: oxq <command> [flags]");
    for (const struct cli_command *c = cli_commands; c->name; c++) {
        if (c->heading) printf("\n%s\n", c->heading);
        char left[64];
        snprintf(left, sizeof(left), "%s %s", c->name, c->args);
        printf("  %-34s %s\n", left, c->summary);
    }
    puts("\noxq help <command> tells more.");
    return CLI_OK;
}
