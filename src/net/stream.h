/* SPDX-License-Identifier: MIT */
/* A connected socket, plain or TLS behind one face; it never blocks. */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include "base/slice.h"
#include "net/loop.h"
#include "net/tls.h"

struct net_stream;

struct net_stream_opts {
    struct net_loop *loop; /* borrowed; NULL: nobody watches it, net_stream_wait does */
    net_ready_fn *fn;      /* with a loop: told when there may be something to read or room to write */
    void *ctx;
    struct net_tls *tls; /* borrowed, NULL: plain */
    const char *host;    /* of a TLS client: the server's name */
    /* Without a loop: one thread may read and wait while another writes, and any may interrupt it. */
    bool is_shared;
};

/*
 * Gives fd (non-blocking, connected) to a new stream, also on failure. The TLS handshake happens inside the first reads
 * and writes. Errors: MEMORY (the TLS library has none), TLS.
 */
OXQ_MUST_USE oxq_err net_stream_new(int fd, const struct net_stream_opts *opts, struct net_stream **out,
                                    struct oxq_error *err);
/* Closes it. NULL is fine. */
void net_stream_free(struct net_stream *s);

/*
 * Reads up to cap bytes. Errors: AGAIN (nothing now), CLOSED (by the other side; the text says how), TLS.
 */
OXQ_MUST_USE oxq_err net_stream_read(struct net_stream *s, char *to, size_t cap, size_t *out_bytes,
                                     struct oxq_error *err);
/* Bytes came already, or the end, of which the loop will not tell: read again before waiting. */
bool net_stream_has_more(const struct net_stream *s);
/*
 * Writes as much as goes now. When that is not all, the loop tells when there is room. Errors: CLOSED, TLS; nothing written is
 * OK with *out_bytes 0. A write that went in part must be gone on with the same bytes.
 */
OXQ_MUST_USE oxq_err net_stream_write(struct net_stream *s, struct slice bytes, size_t *out_bytes,
                                      struct oxq_error *err);
/* May a write that failed have sent something all the same? */
bool net_stream_may_send_and_fail(const struct net_stream *s);
/*
 * For a thread beside the owner's: may net_stream_send be called? Not on TLS, nor while the loop is to tell of room.
 */
bool net_stream_can_send(const struct net_stream *s);
/*
 * Sends as much as goes now and returns how much; nobody is told of room. Where that is not all, net_stream_write with the rest says
 * why. Threads: any one, while the owner does not write.
 */
size_t net_stream_send(const struct net_stream *s, struct slice bytes);
/* From now on the loop does not tell of bytes to read. */
void net_stream_stop_reading(struct net_stream *s);
/*
 * Without a loop: waits until the last read (NET_READABLE) or write (NET_WRITABLE) or one of both can go on, or TIMEOUT. It may
 * return early.
 */
OXQ_MUST_USE oxq_err net_stream_wait(struct net_stream *s, uint32_t ready, int64_t timeout_ms);
/*
 * Without a loop: waits for bytes, no longer than timeout_ms, and reads them, in one system call where that can be.
 * Errors: AGAIN (none came; it may say so early), those of net_stream_read.
 */
OXQ_MUST_USE oxq_err net_stream_receive(struct net_stream *s, int64_t timeout_ms, char *to, size_t cap,
                                        size_t *out_bytes, struct oxq_error *err);
/* Ends what goes on in both directions: who reads, writes or waits now or later gets CLOSED. Threads: any. */
void net_stream_interrupt(struct net_stream *s);

/* Turns on TCP's keep-alive probes: the first after idle_s seconds (0: none), a dead peer is noticed after twice that. */
void net_stream_keep_alive(struct net_stream *s, int64_t idle_s);
/* TCP: bytes that nobody acknowledges for this long (0: as long as the system likes) mean that the peer is gone. */
void net_stream_limit_silence(struct net_stream *s, int64_t silence_ms);

#endif
