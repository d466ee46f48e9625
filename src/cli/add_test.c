/* SPDX-License-Identifier: MIT */
/* oxq add --wait beside a server that is not ready. */
#include "cli/cli.h"
#include "client/fakeserver.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define COMPLETED                                                                                                      \
    "*1\r\n*2\r\n$16\r\nbull:mail:events\r\n*1\r\n*2\r\n$3\r\n2-0\r\n*6\r\n$5\r\nevent\r\n$9\r\ncompleted\r\n"         \
    "$5\r\njobId\r\n$1\r\n7\r\n$11\r\nreturnvalue\r\n$1\r\n5\r\n"

Test(add, a_server_that_is_not_ready_is_waited_for)
{
    /* A client hands this refusal on at once, where it repeats what is answered with LOADING for seconds. */
    static const char not_ready[] = "-NOSCRIPT not now\r\n";
    static const struct fakeserver_step steps[] = {{"PING", "+PONG\r\n"},
                                                   {"XREVRANGE bull:mail:events", "*0\r\n"},
                                                   {"SCRIPT LOAD", "+OK\r\n"},
                                                   {"EVALSHA", "*1\r\n$1\r\n7\r\n"},
                                                   {"HGETALL bull:mail:7", not_ready},
                                                   {"XREAD", COMPLETED},
                                                   {"", NULL}};
    struct fakeserver *server = fakeserver_start(steps);
    char queue[] = "mail", name[] = "x", data[] = "{}", wait[] = "--wait", flag[] = "--url", url[64];
    snprintf(url, sizeof(url), "%s", fakeserver_url(server, ""));
    char *argv[] = {queue, name, data, wait, flag, url, NULL};
    cr_assert_eq(cli_add(6, argv), CLI_OK);
    fakeserver_stop(server);
}
