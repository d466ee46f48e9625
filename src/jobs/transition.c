/* SPDX-License-Identifier: MIT */
#include "jobs/transition.h"

#include "jobs/transitions_lua.h"

#define TRANSITION_DEFINE(lower, UPPER)                                                                                \
    const struct transition transition_##lower = {                                                                     \
        #lower, {{LUA_##UPPER##_TEXT, sizeof(LUA_##UPPER##_TEXT) - 1}, LUA_##UPPER##_SHA1}};
TRANSITION_TABLE(TRANSITION_DEFINE)
#undef TRANSITION_DEFINE
