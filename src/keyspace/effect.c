/* SPDX-License-Identifier: MIT */
#include "keyspace/effect.h"

const char *effect_name(enum effect_kind kind)
{
    static const char *const names[] = {
#define EFFECT_NAME(name, fields) [EFFECT_##name] = #name,
        EFFECT_TABLE(EFFECT_NAME)
#undef EFFECT_NAME
    };
    return (unsigned)kind < EFFECT_KINDS_COUNT ? names[kind] : "UNKNOWN";
}
