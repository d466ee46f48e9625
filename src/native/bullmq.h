/* SPDX-License-Identifier: MIT */
/*
 * Twins of BullMQ's scripts, by what they do; native.c says which releases send which. Where releases differ in effect there is a twin for
 * each effect.
 */
#ifndef NATIVE_BULLMQ_H
#define NATIVE_BULLMQ_H

#include "cmd/twin.h"

#endif
