/* SPDX-License-Identifier: MIT */
/* Twins of our own transitions, src/jobs/lua/<name>.lua: the arguments and the reply are told there. */
#ifndef NATIVE_OURS_H
#define NATIVE_OURS_H

#include "cmd/twin.h"

twin_fn ours_add_plain;
twin_fn ours_fetch;
twin_fn ours_finish;

#endif
