/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include "base/nearest.h"

#include <string.h>

/* The dashes before a name make it no more like another. */
static int refuse_flag(const char *flag, const struct cli_flag *known, size_t known_count)
{
    size_t dashes = strspn(flag, "-");
    struct nearest n = nearest_to(slice_of(flag + dashes, strcspn(flag + dashes, "=")));
    for (size_t i = 0; i < known_count; i++) nearest_offer(&n, known[i].name + 2);
    if (n.best) return cli_refuse("unknown flag %s: did you mean --%s?", flag, n.best);
    return cli_refuse("unknown flag %s", flag);
}

static const struct cli_flag *find_flag(const char *arg, const struct cli_flag *known, size_t known_count)
{
    size_t len = strcspn(arg, "=");
    if (strcmp(arg, "-h") == 0) return find_flag("--help", known, known_count);
    for (size_t i = 0; i < known_count; i++) {
        if (strlen(known[i].name) == len && strncmp(arg, known[i].name, len) == 0) return &known[i];
    }
    return NULL;
}

/* The flag at argv[*at], with its value; *at moves to the value where that stands apart. */
static int take_flag(int argc, char **argv, int *at, const struct cli_flag *known, size_t known_count)
{
    const char *arg = argv[*at];
    const char *value = strchr(arg, '=');
    const struct cli_flag *flag = find_flag(arg, known, known_count);
    if (!flag) return refuse_flag(arg, known, known_count);
    if (flag->is_on) {
        if (value) return cli_refuse("%s takes no value", flag->name);
        *flag->is_on = true;
        return CLI_OK;
    }
    if (!value && *at + 1 == argc) return cli_refuse("%s needs a value", arg);
    const char *given = value ? value + 1 : argv[++*at];
    /* Often a variable of a script that is not set: what would be done without the flag is not what was meant. */
    if (!given[0]) return cli_refuse("%s needs a value, and has an empty one", flag->name);
    *flag->value = given;
    return CLI_OK;
}

int cli_take_flags(int *argc, char **argv, const struct cli_flag *known, size_t known_count)
{
    int kept = 0;
    bool is_over = false;
    for (int i = 0; i < *argc; i++) {
        bool is_flag = !is_over && (strncmp(argv[i], "--", 2) == 0 || strcmp(argv[i], "-h") == 0);
        if (!is_flag) {
            argv[kept++] = argv[i];
        } else if (strcmp(argv[i], "--") == 0) {
            is_over = true;
        } else {
            int code = take_flag(*argc, argv, &i, known, known_count);
            if (code) return code;
        }
    }
    *argc = kept;
    return CLI_OK;
}
