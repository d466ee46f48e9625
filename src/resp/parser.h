/* SPDX-License-Identifier: MIT */
/*
 * Requests: takes RESP arrays of bulk strings and inline commands off the bytes that a client sent, one at a time,
 * however the bytes were cut into pieces on their way.
 */
#ifndef RESP_PARSER_H
#define RESP_PARSER_H

#include "base/slice.h"

/* An inline command, and the line of a length, may not be longer (Redis's PROTO_INLINE_MAX_SIZE). */
#define RESP_LINE_BYTES_MAX ((size_t)64 * 1024)
/* Arguments of one request. */
#define RESP_ARGS_MAX (1024 * 1024)
/* What a client may send before it has given the password: enough for AUTH and HELLO, too little to fill memory. */
#define RESP_UNAUTHENTICATED_ARGS_MAX 10
#define RESP_UNAUTHENTICATED_BULK_BYTES_MAX 16384
/* Room for arguments that a parser keeps between requests. */
#define RESP_ARGS_KEPT 32

struct resp_limits {
    int64_t bulk_bytes;    /* of one argument: proto-max-bulk-len */
    bool is_authenticated; /* false: the limits for clients without a password hold as well */
};

enum resp_parsed {
    RESP_NEED_MORE, /* call again when there are more bytes after the same ones */
    RESP_REQUEST,   /* argv[0 .. argc) is a request; argc 0: an empty one, which gets no reply */
    RESP_BROKEN     /* `error` says why; nothing can be read from this client any more */
};

enum resp_parser_state { RESP_AT_START, RESP_IN_INLINE, RESP_IN_ARGS };

/* All zero is a parser at the start of a request. */
struct resp_parser {
    struct slice *argv; /* owned; the slices borrow from the input */
    int argc;
    int argv_cap;
    int args_left; /* arguments of the request under way that are not complete */
    enum resp_parser_state state;
    bool is_inline;     /* the request was an inline command */
    int64_t bulk_bytes; /* length of the argument under way; -1: its length has not come yet */
    size_t used_bytes;  /* bytes of the input that are parsed; after REQUEST, the request's length */
    const char *base;   /* where the input stood at the last call */
    char error[64];     /* "Protocol error: ..." after BROKEN */
};

void resp_parser_deinit(struct resp_parser *p);

/*
 * Looks for the end of the request that starts at `input`. After NEED_MORE call it again with the same bytes and more
 * behind them; they may have moved. After REQUEST call it with what follows the `used_bytes` first bytes. Inline arguments with quotes
 * are decoded in place, so the input must be writable. Nothing is allocated once argv has its room.
 */
enum resp_parsed resp_parser_next(struct resp_parser *p, char *input, size_t len, const struct resp_limits *limits);

/* After NEED_MORE on an input of len bytes: how many more the argument under way needs at least (1 when not known). */
size_t resp_parser_missing(const struct resp_parser *p, size_t len);

/* Gives back room that a request with very many arguments left behind. Only between requests. */
void resp_parser_trim(struct resp_parser *p);

#endif
