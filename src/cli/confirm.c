/* SPDX-License-Identifier: MIT */
#include "cli/confirm.h"

#include "cli/table.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ANSWER_CHARS 1024

int cli_confirm(bool is_agreed, const char *word, const char *format, ...)
{
    OWNED(arena_deinit) struct arena arena = {0};
    char question[ANSWER_CHARS], answer[ANSWER_CHARS];
    va_list args;
    if (is_agreed) return CLI_OK;
    va_start(args, format);
    vsnprintf(question, sizeof(question), format, args);
    va_end(args);
    const char *clean = table_clean(&arena, question, false);
    if (isatty(STDIN_FILENO) != 1)
        return cli_refuse("%s: without a terminal to ask on, --yes says that this is meant", clean);
    fprintf(stderr, "oxq: %s. Type %s to go on: ", clean, table_clean(&arena, word, false));
    fflush(stderr);
    if (!fgets(answer, sizeof(answer), stdin)) answer[0] = '\0';
    answer[strcspn(answer, "\r\n")] = '\0';
    return strcmp(answer, word) == 0 ? CLI_OK : cli_fail("nothing was done");
}
