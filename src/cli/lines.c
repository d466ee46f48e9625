/* SPDX-License-Identifier: MIT */
#include "cli/lines.h"

#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_BYTES_MAX ((size_t)1 << 30)
#define READ_BYTES ((size_t)64 * 1024)

int lines_open(struct lines *l, const char *path)
{
    struct stat st;
    bool is_stdin = strcmp(path, "-") == 0;
    *l = (struct lines){.name = is_stdin ? "standard input" : path, .held.limit_bytes = LINE_BYTES_MAX};
    l->fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (l->fd < 0) return cli_refuse("%s cannot be opened: %s", path, strerror(errno));
    if (fstat(l->fd, &st) == 0 && S_ISREG(st.st_mode)) l->total_bytes = (uint64_t)st.st_size;
    return CLI_OK;
}

void lines_close(struct lines *l)
{
    if (l->fd > STDERR_FILENO) close(l->fd);
    buf_deinit(&l->held);
    *l = (struct lines){0};
}

int lines_read(struct lines *l)
{
    buf_consume(&l->held, l->taken);
    l->searched -= l->taken;
    l->taken = 0;
    if (buf_reserve(&l->held, READ_BYTES) != OXQ_OK)
        return lines_fail(l, l->number + 1, "it is longer than %zu bytes", LINE_BYTES_MAX);
    ssize_t got;
    do {
        got = read(l->fd, l->held.at + l->held.len, READ_BYTES);
    } while (got < 0 && errno == EINTR);
    if (got < 0) return cli_fail("%s cannot be read: %s", l->name, strerror(errno));
    l->held.len += (size_t)got;
    l->bytes += (size_t)got;
    l->is_at_end = got == 0;
    return CLI_OK;
}

/* What some editors put before the first line to say that it is UTF-8. */
static struct slice without_mark(struct slice line)
{
    const struct slice mark = SLICE_LIT("\xef\xbb\xbf");
    bool has_mark = line.len >= mark.len && memcmp(line.at, mark.at, mark.len) == 0;
    return has_mark ? slice_from(line, mark.len) : line;
}

bool lines_take(struct lines *l, struct slice *out)
{
    size_t left = l->held.len - l->searched;
    const char *end = left > 0 ? memchr(l->held.at + l->searched, '\n', left) : NULL;
    size_t until = end ? (size_t)(end - l->held.at) : l->held.len;
    l->searched = end ? until + 1 : until;
    if (!end && !(l->is_at_end && l->taken < until)) return false;
    *out = slice_of(l->held.at + l->taken, until - l->taken);
    l->taken = l->searched;
    if (out->len > 0 && out->at[out->len - 1] == '\r') out->len--;
    if (++l->number == 1) *out = without_mark(*out);
    return true;
}

int lines_fail(struct lines *l, uint64_t number, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    progress_clear(&l->progress);
    return cli_fail("%s line %" PRIu64 ": %s", l->name, number, text);
}
