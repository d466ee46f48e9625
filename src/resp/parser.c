/* SPDX-License-Identifier: MIT */
/*
 * A request is `*<args>\r\n` and for each argument `$<bytes>\r\n<bytes>\r\n`, or one line of words as a person types it.
 *
 *   AT_START --take_header--> IN_ARGS --take_args--> AT_START    '*' first
 *   AT_START --take_inline--> IN_INLINE --take_inline--> AT_START    anything else first
 *
 * The parser remembers how far it came (used_bytes) and never looks at a complete argument again, so a request
 * that arrives in many pieces costs the same as in one. It keeps slices into the input; when the input has moved between two
 * calls (its buffer grew) they are moved along. A length is only believed as far as bytes arrive: neither argv nor the input
 * grows on a claim.
 *
 * Leniencies are Redis's, since clients may live on them: the byte after a CR and the two after an argument are not
 * looked at, and a length of arguments of 0 or below is an empty request.
 */
#include "resp/parser.h"

#include "base/mem.h"
#include "base/num.h"

#include <stdio.h>

#define ARGS_FIRST 8

/* Rare: kept out of the way of what runs for each request. */
#define SELDOM __attribute__((noinline, cold))

enum line { LINE_OK, LINE_MORE, LINE_TOO_LONG, LINE_BAD };

void resp_parser_deinit(struct resp_parser *p)
{
    mem_free(p->argv);
    *p = (struct resp_parser){0};
}

void resp_parser_trim(struct resp_parser *p)
{
    if (p->state != RESP_AT_START || p->argv_cap <= RESP_ARGS_KEPT) return;
    mem_free(p->argv);
    p->argv = NULL;
    p->argv_cap = 0;
    p->argc = 0;
}

size_t resp_parser_missing(const struct resp_parser *p, size_t len)
{
    if (p->state != RESP_IN_ARGS || p->bulk_bytes < 0) return 1;
    return p->used_bytes + (size_t)p->bulk_bytes + 2 - len;
}

static enum resp_parsed fail(struct resp_parser *p, const char *why)
{
    snprintf(p->error, sizeof(p->error), "Protocol error: %s", why);
    return RESP_BROKEN;
}

static void push_arg(struct resp_parser *p, struct slice arg)
{
    if (p->argc == p->argv_cap) {
        p->argv_cap = p->argv_cap ? p->argv_cap * 2 : ARGS_FIRST;
        p->argv = mem_resize(p->argv, sizeof(*p->argv) * (size_t)p->argv_cap);
    }
    p->argv[p->argc++] = arg;
}

/* A number of up to three digits, CR and the byte after it, within 5 bytes; NULL when it is anything else. */
static inline const char *read_short_number(const char *at, size_t *out)
{
    size_t n = (unsigned char)(at[0] - '0');
    if (n > 9) return NULL;
    size_t digit = (unsigned char)(at[1] - '0');
    if (digit <= 9 && n > 0) {
        n = n * 10 + digit;
        at++;
        digit = (unsigned char)(at[1] - '0');
        if (digit <= 9) {
            n = n * 10 + digit;
            at++;
        }
    }
    if (at[1] != '\r') return NULL;
    *out = n;
    return at + 3;
}

/* The number in a line, whose first byte, its mark, stands before `at`; *out_used is the line's length with CR LF. */
static enum line read_number(const char *at, size_t len, int64_t *out, size_t *out_used)
{
    const char *cr = memchr(at, '\r', len);
    if (!cr) return len + 1 > RESP_LINE_BYTES_MAX ? LINE_TOO_LONG : LINE_MORE;
    size_t digits = (size_t)(cr - at);
    if (len - digits < 2) return LINE_MORE;
    if (!num_parse_int(slice_of(at, digits), out)) return LINE_BAD;
    *out_used = digits + 2;
    return LINE_OK;
}

/* ---------------------------------------------------------------- inline commands */

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One character inside double quotes, from an at least one byte long text; returns how many bytes it stood in. */
static size_t unescape(const char *at, const char *end, char *out)
{
    static const char names[] = "nrtba", values[] = "\n\r\t\b\a";
    if (*at != '\\' || end - at < 2) {
        *out = *at;
        return 1;
    }
    if (at[1] == 'x' && end - at >= 4 && hex_digit(at[2]) >= 0 && hex_digit(at[3]) >= 0) {
        *out = (char)(hex_digit(at[2]) * 16 + hex_digit(at[3]));
        return 4;
    }
    const char *name = at[1] ? strchr(names, at[1]) : NULL;
    *out = name ? values[name - names] : at[1];
    return 2;
}

/*
 * Decodes a quoted part of a word: *at stands behind the opening quote and ends behind the closing one, *to is where the
 * bytes go. False: it is not closed, or something stands right behind the closing quote.
 */
static bool take_quoted(char quote, char **at, const char *end, char **to)
{
    char *from = *at;
    while (from < end && *from != quote) {
        if (quote == '"') {
            char c;
            from += unescape(from, end, &c);
            *(*to)++ = c;
        } else {
            if (*from == '\\' && end - from >= 2 && from[1] == '\'') from++;
            *(*to)++ = *from++;
        }
    }
    if (from >= end) return false;
    *at = from + 1;
    return *at == end || is_space(**at);
}

/* Decodes the word at *at in place. False: unbalanced quotes. */
static bool take_word(struct resp_parser *p, char **at, const char *end)
{
    char *from = *at;
    char *to = from;
    while (from < end && *from != ' ' && *from != '\t' && *from != '\r') {
        char c = *from++;
        if (c != '"' && c != '\'') {
            *to++ = c;
        } else if (take_quoted(c, &from, end, &to)) {
            break;
        } else {
            return false;
        }
    }
    push_arg(p, slice_of(*at, (size_t)(to - *at)));
    *at = from;
    return true;
}

SELDOM static enum resp_parsed take_inline(struct resp_parser *p, char *input, size_t len)
{
    char *line_end = memchr(input + p->used_bytes, '\n', len - p->used_bytes);
    if (!line_end) {
        p->state = RESP_IN_INLINE;
        p->used_bytes = len;
        return len > RESP_LINE_BYTES_MAX ? fail(p, "too big inline request") : RESP_NEED_MORE;
    }
    p->used_bytes = (size_t)(line_end - input) + 1;
    p->state = RESP_AT_START;
    p->is_inline = true;
    if (line_end > input && line_end[-1] == '\r') line_end--;
    char *at = input;
    for (;;) {
        while (at < line_end && is_space(*at)) at++;
        if (at == line_end) return RESP_REQUEST;
        if (!take_word(p, &at, line_end)) return fail(p, "unbalanced quotes in request");
    }
}

/* ---------------------------------------------------------------- arrays of bulk strings */

static void begin_args(struct resp_parser *p, size_t header_bytes, int args)
{
    p->used_bytes = header_bytes;
    p->is_inline = false;
    p->bulk_bytes = -1;
    p->args_left = args;
    p->state = RESP_IN_ARGS;
}

/* "*12" and the like, with a few bytes behind it: nearly all that ever come. */
static inline bool take_short_header(struct resp_parser *p, const char *input, size_t len,
                                     const struct resp_limits *limits)
{
    size_t args;
    const char *after = len >= 6 ? read_short_number(input + 1, &args) : NULL;
    if (!after || (args > RESP_UNAUTHENTICATED_ARGS_MAX && !limits->is_authenticated)) return false;
    begin_args(p, (size_t)(after - input), (int)args);
    return true;
}

SELDOM static enum resp_parsed take_header(struct resp_parser *p, const char *input, size_t len,
                                           const struct resp_limits *limits)
{
    int64_t args = 0;
    size_t line_bytes = 0;
    switch (read_number(input + 1, len - 1, &args, &line_bytes)) {
    case LINE_MORE: return RESP_NEED_MORE;
    case LINE_TOO_LONG: return fail(p, "too big mbulk count string");
    case LINE_BAD: return fail(p, "invalid multibulk length");
    case LINE_OK: break;
    }
    if (args > RESP_ARGS_MAX) return fail(p, "invalid multibulk length");
    if (args > RESP_UNAUTHENTICATED_ARGS_MAX && !limits->is_authenticated)
        return fail(p, "unauthenticated multibulk length");
    begin_args(p, 1 + line_bytes, args > 0 ? (int)args : 0);
    return RESP_REQUEST;
}

/* Reads `$<bytes>\r\n`. REQUEST here means: bulk_bytes is known now. */
SELDOM static enum resp_parsed take_bulk_header(struct resp_parser *p, const char *input, size_t len,
                                                const struct resp_limits *limits)
{
    const char *at = input + p->used_bytes;
    size_t rest = len - p->used_bytes;
    if (rest == 0) return RESP_NEED_MORE;
    int64_t bytes = 0;
    size_t line_bytes = 0;
    enum line line = read_number(at + 1, rest - 1, &bytes, &line_bytes);
    if (at[0] != '$' && (line == LINE_OK || line == LINE_BAD || at[0] == '\r')) {
        if (at[0] == '\r' && rest < 2) return RESP_NEED_MORE;
        char why[] = "expected '$', got ' '";
        if (at[0] && at[0] != '\r' && at[0] != '\n') why[sizeof(why) - 3] = at[0];
        return fail(p, why);
    }
    switch (line) {
    case LINE_MORE: return RESP_NEED_MORE;
    case LINE_TOO_LONG: return fail(p, "too big bulk count string");
    case LINE_BAD: return fail(p, "invalid bulk length");
    case LINE_OK: break;
    }
    if (bytes < 0 || bytes > limits->bulk_bytes) return fail(p, "invalid bulk length");
    if (bytes > RESP_UNAUTHENTICATED_BULK_BYTES_MAX && !limits->is_authenticated)
        return fail(p, "unauthenticated bulk length");
    p->used_bytes += 1 + line_bytes;
    p->bulk_bytes = bytes;
    return RESP_REQUEST;
}

/*
 * Takes arguments as long as they are short, complete and have room in argv: nearly all that ever come. No limit is as low as
 * their length can be. Whatever else stands there is left to take_bulk_header.
 */
static void take_short_args(struct resp_parser *p, const char *input, size_t len)
{
    int room = p->argv_cap - p->argc;
    int most = p->args_left < room ? p->args_left : room;
    if (most == 0) return;
    const char *at = input + p->used_bytes, *end = input + len;
    struct slice *arg = p->argv + p->argc;
    int taken = 0;
    for (; taken < most && end - at >= 6 && at[0] == '$'; taken++) {
        size_t bytes;
        const char *from = read_short_number(at + 1, &bytes);
        if (!from || (size_t)(end - from) < bytes + 2) break;
        arg[taken] = slice_of(from, bytes);
        at = from + bytes + 2;
    }
    p->used_bytes = (size_t)(at - input);
    p->argc += taken;
    p->args_left -= taken;
}

static enum resp_parsed take_args(struct resp_parser *p, const char *input, size_t len,
                                  const struct resp_limits *limits)
{
    for (;;) {
        if (p->bulk_bytes < 0) take_short_args(p, input, len);
        if (p->args_left == 0) break;
        if (p->bulk_bytes < 0) {
            enum resp_parsed parsed = take_bulk_header(p, input, len, limits);
            if (parsed != RESP_REQUEST) return parsed;
        }
        size_t bytes = (size_t)p->bulk_bytes;
        if (len - p->used_bytes < bytes + 2) return RESP_NEED_MORE;
        push_arg(p, slice_of(input + p->used_bytes, bytes));
        p->used_bytes += bytes + 2;
        p->bulk_bytes = -1;
        p->args_left--;
    }
    p->state = RESP_AT_START;
    return RESP_REQUEST;
}

static void follow_input(struct resp_parser *p, const char *input)
{
    /* As numbers: the bytes at the old place may be gone. */
    uintptr_t base = (uintptr_t)p->base;
    for (int i = 0; i < p->argc; i++) p->argv[i].at = input + ((uintptr_t)p->argv[i].at - base);
}

enum resp_parsed resp_parser_next(struct resp_parser *p, char *input, size_t len, const struct resp_limits *limits)
{
    if (p->state == RESP_AT_START) {
        p->argc = 0;
        p->used_bytes = 0;
        if (len == 0) return RESP_NEED_MORE;
        if (input[0] == '*' && !take_short_header(p, input, len, limits)) {
            enum resp_parsed parsed = take_header(p, input, len, limits);
            if (parsed != RESP_REQUEST) return parsed;
        }
    } else if (p->base != input) {
        follow_input(p, input);
    }
    p->base = input;
    return p->state == RESP_IN_ARGS ? take_args(p, input, len, limits) : take_inline(p, input, len);
}
