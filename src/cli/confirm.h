/* SPDX-License-Identifier: MIT */
#ifndef CLI_CONFIRM_H
#define CLI_CONFIRM_H

#include "cli/cli.h"

/*
 * Asks on the terminal before something is lost: prints the question and takes `word` for yes, anything else for no. Without a terminal, or
 * with is_agreed (--yes), nothing is asked; without both it is refused. Returns CLI_OK, or the exit code after a line on standard error.
 */
OXQ_MUST_USE int cli_confirm(bool is_agreed, const char *word, const char *format, ...) OXQ_PRINTF(3, 4);

#endif
