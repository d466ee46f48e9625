/* SPDX-License-Identifier: MIT */
/*
 * file: URLs: a data folder without a server of its own. The first process that opens it hosts it in a thread; others
 * reach that one by the socket in the folder, as they do a daemon that serves it. When the host goes, however it goes, the next
 * attempt to connect of anybody who has it open makes that one the host, which loads what the last one had acknowledged.
 *
 * Within a process all that open one folder share it. Threads: any.
 */
#ifndef EMBED_EMBED_H
#define EMBED_EMBED_H

#include "client/client.h"

struct embed;

/*
 * file:DIR or file://DIR, with settings of the host behind a ?: file:./data?durability=interval:1000&memory-target=1gb. Settings
 * are those of `oxq serve` that are about data (durability, memory-target, maxmemory, checkpoint-interval,
 * checkpoint-journal-size, journal-segment-size); they count when this process hosts. The path is taken as it is. Makes the folder if it
 * is not there, and nothing else. Errors: ARGUMENT (the URL, an unknown setting: the nearest is named), PERMISSION, EXISTS, IO.
 * Owns: caller, embed_close.
 */
OXQ_MUST_USE oxq_err embed_open(const char *url, struct embed **out, struct oxq_error *err);
/* The last one of a process that hosts the folder ends it: what was acknowledged is on the disk. Blocks: for that. NULL is fine. */
void embed_close(struct embed *e);

/*
 * A client_locate_fn, whose ctx is a struct embed: says where the folder is served, and serves it here when nobody does. The
 * socket may not be there yet, or not any more: try again. Errors: FORMAT (the data is damaged), NEWER (it is of a later version), PERMISSION,
 * IO, ...: nobody can serve it until that is mended.
 */
OXQ_MUST_USE oxq_err embed_locate(void *ctx, int64_t until_us, struct client_address *out, struct oxq_error *err);

/* A client_visit_fn, whose ctx is a struct embed: where this process hosts the folder, the calling thread does the work itself; embed/visit.h. */
OXQ_MUST_USE oxq_err embed_visit(void *ctx, struct slice request, struct buf *out, int64_t until_us,
                                 struct oxq_error *err);

#endif
