/* SPDX-License-Identifier: MIT */
/*
 * Visits: a thread of the process that hosts a folder does the host's work itself, between two turns of the host's loop, where that is a
 * script with a twin. It pays neither for a socket nor for another thread, which for such a short piece of work is most of the cost; decisions/0013.
 *
 *   embed_visit --turn_enter_as_guest--> visit_run --> engine_execute_native --> engine_commit --> durable? the reply
 *                                                           ^                          |
 *                                     the journal's thread, or another's commit  <-- sleep, outside of the turn
 */
#ifndef EMBED_VISIT_H
#define EMBED_VISIT_H

#include "engine/engine.h"
#include "server/server.h"

/* Of one host. */
struct visits;

/* turn, server: borrowed. wake_fd: borrowed; a waker that the server's loop looks at. */
struct visits *visits_new(struct turn *turn, struct server *server, int wake_fd);
/* What engine_new wants, and for server_opts. */
struct engine_guests *visits_guests(struct visits *v);
/* Is the host to end, because its journal failed? Within the turn. */
bool visits_have_failed(const struct visits *v);
void visit_released(struct engine_client *client);
/* The engine (borrowed) is there. */
void visits_open(struct visits *v, struct engine *engine);
/*
 * By the owner, outside of the turn, when the server has ended: all who wait for the disk get their replies, and nobody comes any more. Blocks:
 * for a sync.
 */
void visits_end(struct visits *v);
/* Before the engine is freed. NULL is fine. */
void visits_free(struct visits *v);

/*
 * Executes one request (RESP bytes) and appends its reply to *out. As a guest within the turn, which is left when it returns. Errors: AGAIN (it
 * is not for a visit: nothing was done; send it), UNCERTAIN (the disk took longer than until_us).
 */
OXQ_MUST_USE oxq_err visit_run(struct visits *v, struct slice request, struct buf *out, int64_t until_us,
                               struct oxq_error *err);

#endif
