/* SPDX-License-Identifier: MIT */
#include "cli/width.h"

#include "base/utf8.h"

#include <locale.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

/* What libc knows of characters it tells in a locale of UTF-8 alone; the user's may be another one. Where there is none, all are one wide. */
static int columns_of(uint32_t code)
{
    static locale_t utf8;
    if (code < 0x300) return 1;
    if (!utf8) utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    if (!utf8) return 1;
    locale_t before = uselocale(utf8);
    int columns = wcwidth((wchar_t)code);
    uselocale(before);
    return columns < 0 ? 1 : columns;
}

/* The next character, or a byte that is none, which terminals show as one; its columns. */
static size_t next(struct slice rest, size_t *out_bytes)
{
    size_t len = utf8_length(rest);
    *out_bytes = len > 0 ? len : 1;
    return len > 0 ? (size_t)columns_of(utf8_code(rest, len)) : 1;
}

size_t width_of(struct slice text)
{
    size_t columns = 0, bytes;
    for (; text.len > 0; text = slice_from(text, bytes)) columns += next(text, &bytes);
    return columns;
}

size_t width_fit(struct slice text, size_t columns)
{
    size_t fitting = 0, used = 0, bytes;
    while (fitting < text.len) {
        used += next(slice_from(text, fitting), &bytes);
        if (used > columns) break;
        fitting += bytes;
    }
    return fitting;
}

size_t width_of_terminal(int fd)
{
    struct winsize size = {0};
    return isatty(fd) == 1 && ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : SIZE_MAX;
}
