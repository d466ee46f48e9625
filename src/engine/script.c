/* SPDX-License-Identifier: MIT */
#include "engine/script.h"

const struct command script_rows[] = {{0}};

oxq_err engine_script_open(struct engine *e, struct oxq_error *err)
{
    (void)e;
    (void)err;
    return OXQ_OK;
}

void engine_script_close(struct engine *e)
{
    (void)e;
}

void engine_script_configure(struct engine *e)
{
    (void)e;
}

size_t engine_script_memory(const struct engine *e)
{
    (void)e;
    return 0;
}

size_t engine_script_count(const struct engine *e)
{
    (void)e;
    return 0;
}
