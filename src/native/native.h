/* SPDX-License-Identifier: MIT */
/* The twins that there are; cmd/twin.h says what one is, decisions/0012 how they are written and held to their originals. */
#ifndef NATIVE_NATIVE_H
#define NATIVE_NATIVE_H

#include "cmd/twin.h"

extern const struct twin native_twins[];

#endif
