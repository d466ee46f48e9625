/* SPDX-License-Identifier: MIT */
/* The process as the system sees it: its limit of open files, its standard descriptors, its processors, and the service manager that started it. */
#ifndef OS_PROCESS_H
#define OS_PROCESS_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

/* Raises the limit of open files to `want` or as near as the system lets us; returns what it is now. */
size_t process_raise_files(size_t want);
/*
 * Descriptors 0 to 2 are for what is printed and read: where one of them is closed, it would be given to the next file or socket, and what
 * somebody prints would go into the data. Its place is taken by one that fails as a closed one does.
 */
void process_take_standard(void);
/* The same of one that was just opened: `fd`, or one beyond 2 in its place, as close-on-exec; -1 with errno where fd is -1 or there is none. */
int process_move_off_standard(int fd);
/* On how many processors it may run. */
size_t process_cpus(void);
/*
 * Tells the service manager a state ("READY=1") when it asked to be told (NOTIFY_SOCKET, see sd_notify(3)). Does nothing
 * otherwise. Errors: IO, ARGUMENT.
 */
OXQ_MUST_USE oxq_err process_notify(const char *state, struct oxq_error *err);

#endif
