/* SPDX-License-Identifier: MIT */
/* Filling errors, and the checks on our own mistakes. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <oxq/error.h>

/* Fills *err (if not NULL) with the code and the formatted text; returns the code, so that callers write
 * `return err_set(err, OXQ_ERR_IO, "open %s: %s", path, strerror(errno));`. */
oxq_err err_set(struct oxq_error *err, oxq_err code, const char *format, ...) OXQ_PRINTF(3, 4);

/* CHECK holds always, for our own mistakes only; data from outside never reaches one. A broken one prints its place and aborts. */
#define CHECK(condition) ((condition) ? (void)0 : err_check_failed(__FILE__, __LINE__, #condition))
#ifdef OXQ_SLOW_CHECKS
#define SLOW_CHECK(condition) CHECK(condition)
#else
#define SLOW_CHECK(condition) ((void)sizeof(condition))
#endif

_Noreturn void err_check_failed(const char *file, int line, const char *condition);

/* Owning locals: `OWNED(buf_deinit) struct buf b = ...;` calls buf_deinit(&b) at the end of the scope. */
#define OWNED(deinit) __attribute__((cleanup(deinit)))

#endif
