/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"
#include "cli/progress.h"
#include "cli/stats.h"
#include "cli/table.h"
#include "cli/text.h"

#include <stdio.h>

#define BAR_CHARS 30
#define GROUPS_SHOWN 10
/* From this many on, more attempts are not what helps. */
#define MANY_ATTEMPTS 3
#define LINE_BYTES_MAX ((size_t)64 << 20)

/* ---------------------------------------------------------------- for programs */

static void write_number(struct json_writer *w, const char *name, int64_t n)
{
    json_write_name(w, name);
    json_write_integer(w, n);
}

static void write_spread(struct json_writer *w, const char *name, const struct spread *s)
{
    json_write_name(w, name);
    json_write_open(w, '{');
    write_number(w, "count", s->count);
    write_number(w, "p50", spread_at(s, 50));
    write_number(w, "p95", spread_at(s, 95));
    write_number(w, "max", s->max_ms);
    json_write_close(w, '}');
}

static void write_minutes(struct json_writer *w, const char *name, const struct stats_minutes *m)
{
    json_write_name(w, name);
    json_write_open(w, '{');
    write_number(w, "count", m->metrics.count);
    json_write_some_integer(w, "prevTS", m->metrics.last_ms);
    json_write_name(w, "data");
    json_write_open(w, '[');
    for (size_t i = 0; i < m->metrics.points; i++) json_write_integer(w, m->points[i]);
    json_write_close(w, ']');
    json_write_close(w, '}');
}

static void write_counts(struct json_writer *w, const struct stats *s)
{
    json_write_name(w, "counts");
    json_write_open(w, '{');
    for (int state = OXQ_STATE_WAITING; state < OXQ_STATES_COUNT; state++)
        write_number(w, oxq_state_name((oxq_state)state), s->counts.of[state]);
    json_write_close(w, '}');
    json_write_name(w, "paused");
    json_write_bool(w, s->counts.is_paused);
    json_write_name(w, "sampled");
    json_write_open(w, '{');
    write_number(w, "completed", s->completed);
    write_number(w, "failed", s->failed);
    json_write_close(w, '}');
}

static void write_attempts(struct json_writer *w, const struct stats *s)
{
    json_write_name(w, "attempts");
    json_write_open(w, '{');
    for (int i = 0; i <= STATS_ATTEMPTS; i++) {
        char name[16];
        snprintf(name, sizeof(name), "%d%s", i, i == STATS_ATTEMPTS ? "+" : "");
        if (s->attempts[i] > 0) write_number(w, name, s->attempts[i]);
    }
    json_write_close(w, '}');
}

static void write_errors(struct json_writer *w, struct stats *s)
{
    size_t count;
    const struct group **groups = groups_in_order(&s->errors, &count);
    json_write_name(w, "errors");
    json_write_open(w, '[');
    for (size_t i = 0; i < count; i++) {
        json_write_open(w, '{');
        write_number(w, "count", groups[i]->count);
        text_write(w, "error", groups[i]->shape);
        json_write_some_integer(w, "first", groups[i]->first_ms);
        json_write_some_integer(w, "last", groups[i]->last_ms);
        text_write(w, "sampleId", groups[i]->sample_id);
        text_write(w, "sample", groups[i]->sample);
        json_write_close(w, '}');
    }
    json_write_close(w, ']');
    if (s->errors.others > 0) write_number(w, "otherErrors", s->errors.others);
}

int stats_print_json(struct stats *s)
{
    OWNED(buf_deinit) struct buf line = {.limit_bytes = LINE_BYTES_MAX};
    struct json_writer w = {.out = &line};
    json_write_open(&w, '{');
    text_write(&w, "queue", s->queue);
    write_counts(&w, s);
    write_attempts(&w, s);
    write_spread(&w, "waited", &s->waited);
    write_spread(&w, "ran", &s->ran);
    write_errors(&w, s);
    json_write_name(&w, "metrics");
    json_write_open(&w, '{');
    write_minutes(&w, "completed", &s->completed_minutes);
    write_minutes(&w, "failed", &s->failed_minutes);
    json_write_close(&w, '}');
    json_write_close(&w, '}');
    return text_end_line(&w);
}

/* ---------------------------------------------------------------- for people */

static const char *count_text(int64_t n, char out[PROGRESS_TEXT_CHARS])
{
    return progress_count((uint64_t)n, out);
}

static void print_counts(struct arena *arena, const struct stats *s)
{
    char text[PROGRESS_TEXT_CHARS];
    printf("queue %s%s\n ", table_clean(arena, s->queue, false), s->counts.is_paused ? ", paused" : "");
    for (int state = OXQ_STATE_WAITING; state < OXQ_STATES_COUNT; state++)
        printf(" %s %s%s", count_text(s->counts.of[state], text), oxq_state_name((oxq_state)state),
               state + 1 < OXQ_STATES_COUNT ? "," : "\n");
}

/* "the newest 1,000 of 31,204 completed and all 12 failed jobs" */
static void print_sample(const struct stats *s)
{
    const int64_t looked[] = {s->completed, s->failed};
    const oxq_state states[] = {OXQ_STATE_COMPLETED, OXQ_STATE_FAILED};
    printf("\nLooked at");
    for (int i = 0; i < 2; i++) {
        char some[PROGRESS_TEXT_CHARS], all[PROGRESS_TEXT_CHARS];
        count_text(looked[i], some);
        count_text(s->counts.of[states[i]], all);
        if (looked[i] < s->counts.of[states[i]])
            printf(" the newest %s of %s", some, all);
        else
            printf(" all %s", some);
        printf(" %s%s", oxq_state_name(states[i]), i == 0 ? " and" : " jobs.\n");
    }
}

static void print_bar(int64_t part, int64_t whole)
{
    int64_t chars = whole > 0 ? part * BAR_CHARS / whole : 0;
    for (int64_t i = 0; i < chars; i++) fputs("█", stdout);
    putchar('\n');
}

static void print_attempts(const struct stats *s)
{
    int64_t all = s->completed + s->failed;
    printf("\nAttempts of finished jobs\n");
    for (int i = 0; i <= STATS_ATTEMPTS; i++) {
        char text[PROGRESS_TEXT_CHARS], label[16];
        if (s->attempts[i] == 0) continue;
        snprintf(label, sizeof(label), "%d%s", i, i == STATS_ATTEMPTS ? "+" : "");
        printf("  %-4s %10s %3d%%  ", label, count_text(s->attempts[i], text), (int)(s->attempts[i] * 100 / all));
        print_bar(s->attempts[i], all);
    }
    int percent = stats_percent_from(s, MANY_ATTEMPTS);
    if (percent > 50)
        printf(
            "  %d%% of the jobs took %d attempts or more: what fails them comes again and again; look at the errors\n"
            "  below, and at what the jobs call, before giving them more attempts.\n",
            percent, MANY_ATTEMPTS);
}

static void print_spread(const char *what, const struct spread *s)
{
    char p50[TABLE_TEXT_CHARS], p95[TABLE_TEXT_CHARS], max[TABLE_TEXT_CHARS];
    if (s->count == 0) return;
    printf("  %-8s %10s %10s %10s\n", what, table_duration(spread_at(s, 50), p50),
           table_duration(spread_at(s, 95), p95), table_duration(s->max_ms, max));
}

static void print_times(const struct stats *s)
{
    if (s->waited.count + s->ran.count == 0) return;
    printf("\n%-10s %10s %10s %10s\n", "Times", "half", "95%", "longest");
    print_spread("waited", &s->waited);
    print_spread("ran", &s->ran);
}

static void print_errors(struct arena *arena, struct stats *s, int64_t now_ms)
{
    size_t count;
    const struct group **groups = groups_in_order(&s->errors, &count);
    if (count == 0) return;
    printf("\nErrors of failed jobs\n");
    for (size_t i = 0; i < count && i < GROUPS_SHOWN; i++) {
        char text[PROGRESS_TEXT_CHARS], first[TEXT_WHEN_CHARS], last[TEXT_WHEN_CHARS];
        const struct group *g = groups[i];
        printf("  %8s  %s\n", count_text(g->count, text),
               g->shape[0] ? table_clean(arena, g->shape, false) : "(no text)");
        printf("            first %s, last %s, such as job %s\n", text_when(g->first_ms, now_ms, first),
               text_when(g->last_ms, now_ms, last), table_clean(arena, g->sample_id, false));
    }
    if (count > GROUPS_SHOWN) printf("  and %zu other groups: --json has all\n", count - GROUPS_SHOWN);
    if (s->errors.others > 0) printf("  and %lld errors of groups beyond those\n", (long long)s->errors.others);
}

static void print_minutes(const char *what, const struct stats_minutes *m)
{
    static const char *const bars[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    char total[PROGRESS_TEXT_CHARS], most[PROGRESS_TEXT_CHARS], at[TABLE_TEXT_CHARS];
    int64_t max = 0;
    for (size_t i = 0; i < m->metrics.points; i++) max = m->points[i] > max ? m->points[i] : max;
    if (m->metrics.points == 0 || max == 0) return;
    printf("  %-10s ", what);
    for (size_t i = m->metrics.points; i-- > 0;) fputs(m->points[i] > 0 ? bars[m->points[i] * 7 / max] : " ", stdout);
    printf("  at most %s a minute, %s in all, until %s\n", count_text(max, most), count_text(m->metrics.count, total),
           table_time(m->metrics.last_ms, at));
}

int stats_print(struct stats *s, int64_t now_ms)
{
    struct arena arena = {0};
    print_counts(&arena, s);
    if (s->completed + s->failed > 0) {
        print_sample(s);
        print_attempts(s);
        print_times(s);
        print_errors(&arena, s, now_ms);
    }
    if (s->completed_minutes.metrics.points + s->failed_minutes.metrics.points > 0) printf("\nJobs per minute\n");
    print_minutes("completed", &s->completed_minutes);
    print_minutes("failed", &s->failed_minutes);
    arena_deinit(&arena);
    return CLI_OK;
}
