/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "version") == 0) {
        puts("oxq 0.1.0");
        return 0;
    }
    fputs("oxq: unknown command; the commands are: version\n", stderr);
    return 2;
}
