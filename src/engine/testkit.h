/* SPDX-License-Identifier: MIT */
/* For tests: a host that does nothing, and clients that speak without sockets. */
#ifndef ENGINE_TESTKIT_H
#define ENGINE_TESTKIT_H

#include "engine/engine.h"

/* Every call does nothing: a test replaces those that it wants to hear of. */
struct engine_host testkit_host(void);

/* Makes them from nothing; they are closed before the engine is freed. */
void testkit_open_clients(struct engine *e, struct engine_client *clients, int count);
void testkit_close_clients(struct engine_client *clients, int count);

/* Words separated by single spaces are one request. */
void testkit_send(struct engine_client *c, const char *line);
/* Takes the first `len` bytes out of what it got; NUL-terminated, valid until the next call. */
const char *testkit_take(struct engine_client *c, size_t len);

#endif
