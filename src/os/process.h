/* SPDX-License-Identifier: MIT */
/* The process as the system sees it: its limit of open files, its processors, and the service manager that started it. */
#ifndef OS_PROCESS_H
#define OS_PROCESS_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

/* Raises the limit of open files to `want` or as near as the system lets us; returns what it is now. */
size_t process_raise_files(size_t want);
/* On how many processors it may run. */
size_t process_cpus(void);
/*
 * Tells the service manager a state ("READY=1") when it asked to be told (NOTIFY_SOCKET, see sd_notify(3)). Does nothing
 * otherwise. Errors: IO, ARGUMENT.
 */
OXQ_MUST_USE oxq_err process_notify(const char *state, struct oxq_error *err);

#endif
