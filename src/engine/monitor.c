/* SPDX-License-Identifier: MIT */
/* MONITOR: shows every command as it runs to those who asked, with secrets left out by the rows' flags. */
#include "engine/state.h"

#include "base/buf.h"

#include <ctype.h>
#include <stdio.h>

/* Longer lines are cut: they are for reading. */
#define MONITOR_LINE_MAX ((size_t)1 << 20)

static bool append_text(struct buf *line, const char *text, size_t len)
{
    return buf_append(line, slice_of(text, len)) == OXQ_OK;
}

static bool append_quoted(struct buf *line, struct slice arg)
{
    static const char plain[] = "\\\"\n\r\t\a\b";
    static const char named[] = "\\\"nrtab";
    bool is_whole = append_text(line, " \"", 2);
    for (size_t i = 0; i < arg.len && is_whole; i++) {
        char text[8];
        int len;
        const char *known = arg.at[i] ? strchr(plain, arg.at[i]) : NULL;
        if (known)
            len = snprintf(text, sizeof(text), "\\%c", named[known - plain]);
        else if (isprint((unsigned char)arg.at[i]))
            len = snprintf(text, sizeof(text), "%c", arg.at[i]);
        else
            len = snprintf(text, sizeof(text), "\\x%02x", (unsigned char)arg.at[i]);
        is_whole = append_text(line, text, (size_t)len);
    }
    return is_whole && append_text(line, "\"", 1);
}

static void feed(struct engine *e, uint32_t db_index, const char *from, const struct slice *argv, int argc)
{
    OWNED(buf_deinit) struct buf line = {.limit_bytes = MONITOR_LINE_MAX};
    char head[160];
    int64_t us = clock_wall_us(e->clock);
    int len = snprintf(head, sizeof(head), "%lld.%06lld [%u %s]", (long long)(us / 1000000), (long long)(us % 1000000),
                       db_index, from);
    bool is_whole = append_text(&line, head, (size_t)len);
    for (int i = 0; i < argc && is_whole; i++) is_whole = append_quoted(&line, argv[i]);
    for (struct link *link = e->monitors.next; link != &e->monitors; link = link->next) {
        struct engine_client *watcher = LINK_OWNER(link, struct engine_client, monitor_link);
        engine_limit_output(watcher);
        reply_status(&watcher->writer.reply, buf_borrow(&line));
        engine_mark_dirty(watcher, engine_last_seq(e));
    }
}

void monitor_feed(struct engine *e, const struct engine_client *c, const struct slice *argv, int argc)
{
    feed(e, c->db_index, c->kind == ENGINE_CLIENT_UNIX ? "unix:" : c->addr, argv, argc);
}

void monitor_feed_script(struct engine *e, uint32_t db_index, const struct slice *argv, int argc)
{
    feed(e, db_index, "lua", argv, argc);
}
