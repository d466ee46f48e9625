/* SPDX-License-Identifier: MIT */
#include "native/native.h"

#include "native/ours.h"

#include <native/transitions_sha.h>

const struct twin native_twins[] = {
    {LUA_ADD_PLAIN_SHA1, ours_add_plain},
    {0},
};
