/* SPDX-License-Identifier: MIT */
#include "cli/tally.h"

#include "cli/interrupt.h"
#include "codec/json_writer.h"

#include <inttypes.h>
#include <stdio.h>

void tally_begin(struct tally *t, const struct cli_store *s, const char *verb, const char *done_word)
{
    *t = (struct tally){.store = s, .done_word = done_word};
    progress_begin(&t->progress, verb, "jobs", false);
    interrupt_catch();
}

static void print_refusal(const char *id, const struct oxq_error *err)
{
    OWNED(buf_deinit) struct buf text = {.limit_bytes = SIZE_MAX};
    struct json_writer w = {.out = &text};
    json_write_open(&w, '{');
    json_write_name(&w, "id");
    json_write_text(&w, slice_from_text(id));
    json_write_name(&w, "error");
    json_write_text(&w, slice_from_text(err->text));
    json_write_close(&w, '}');
    printf("%.*s\n", (int)text.len, text.at);
}

static void tell(struct tally *t, const struct oxq_error *err)
{
    progress_clear(&t->progress);
    (void)cli_fail("%s", err->text);
}

/* Not this job, but the way to the store. */
static bool is_end_of_all(oxq_err e)
{
    return oxq_err_classify(e) == OXQ_CLASS_RETRY || oxq_err_classify(e) == OXQ_CLASS_FATAL || e == OXQ_ERR_UNCERTAIN;
}

bool tally_one(struct tally *t, const char *id, oxq_err e, const struct oxq_error *err)
{
    if (e) {
        t->failed_count++;
        tell(t, err);
        if (t->store->is_json) print_refusal(id, err);
    } else {
        t->done_count++;
    }
    progress_show(&t->progress, t->done_count + t->failed_count, t->total, t->done_count);
    if ((e && is_end_of_all(e)) || interrupt_came()) t->is_stopped = true;
    return !t->is_stopped;
}

static bool on_progress(void *ctx, int64_t done)
{
    struct tally *t = ctx;
    t->told = done;
    uint64_t all = t->done_count + (uint64_t)done;
    progress_show(&t->progress, all, t->total, all);
    return !interrupt_came();
}

struct oxq_many_opts tally_opts(struct tally *t)
{
    return (struct oxq_many_opts){.on_progress = on_progress, .ctx = t};
}

void tally_all(struct tally *t, int64_t done, oxq_err e, const struct oxq_error *err)
{
    t->done_count += (uint64_t)done;
    if (!e) return;
    t->is_stopped = true;
    if (e != OXQ_ERR_CANCELLED) tell(t, err);
}

int tally_end(struct tally *t)
{
    char text[PROGRESS_TEXT_CHARS];
    progress_clear(&t->progress);
    if (t->store->is_json) {
        printf("{\"%s\":%" PRIu64 ",\"failed\":%" PRIu64 "%s}\n", t->done_word, t->done_count, t->failed_count,
               t->is_stopped ? ",\"stopped\":true" : "");
    } else {
        printf("%s %s job%s", t->done_word, progress_count(t->done_count, text), t->done_count == 1 ? "" : "s");
        if (t->failed_count > 0) printf(", not %s", progress_count(t->failed_count, text));
        putchar('\n');
    }
    fflush(stdout);
    if (t->is_stopped && interrupt_came()) (void)cli_fail("stopped; the same command does the rest");
    return t->failed_count > 0 || t->is_stopped ? CLI_FAILED : CLI_OK;
}

int tally_would(const struct cli_store *s, const char *done_word, int64_t count)
{
    char text[PROGRESS_TEXT_CHARS];
    if (s->is_json)
        printf("{\"dry_run\":true,\"%s\":%" PRId64 "}\n", done_word, count);
    else
        printf("would have %s %s job%s\n", done_word, progress_count((uint64_t)count, text), count == 1 ? "" : "s");
    return CLI_OK;
}
