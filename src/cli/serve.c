/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"
#include "daemon/daemon.h"

int cli_serve(int argc, char **argv)
{
    return daemon_serve(argc, argv);
}
