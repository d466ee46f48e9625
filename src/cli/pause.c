/* SPDX-License-Identifier: MIT */
#include "cli/store.h"

#include <stdio.h>

static int set_paused(int argc, char **argv, bool is_paused, const char *help)
{
    const char *verb = is_paused ? "pause" : "resume";
    OWNED(cli_store_deinit) struct cli_store s = {0};
    int code = cli_take_store(&argc, argv, &s, NULL, 0);
    if (code) return code;
    if (s.is_help) return cli_print_help(help);
    if (argc != 1) return cli_refuse("%s takes the name of a queue: oxq %s QUEUE", verb, verb);
    code = cli_open_queue(&s, argv[0]);
    if (code) return code;
    struct oxq_error err;
    code = cli_result(is_paused ? oxq_queue_pause(s.queue, &err) : oxq_queue_resume(s.queue, &err), &err);
    if (!code && s.is_json) printf("{\"paused\":%s}\n", is_paused ? "true" : "false");
    return code;
}

int cli_pause(int argc, char **argv)
{
    return set_paused(argc, argv, true,
                      "Usage: oxq pause QUEUE [flags]\n\n"
                      "No worker takes another job of the queue until `oxq resume QUEUE`; those that run go on.\n");
}

int cli_resume(int argc, char **argv)
{
    return set_paused(argc, argv, false,
                      "Usage: oxq resume QUEUE [flags]\n\nWorkers take jobs of a paused queue again.\n");
}
