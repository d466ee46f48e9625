/* SPDX-License-Identifier: MIT */
#include "cli/job_options.h"

#include "base/num.h"
#include "cli/store.h"

#include <string.h>
#include <time.h>

const char job_flags_help[] =
    "The job's options:\n"
    "  --priority <number>       1 comes first .. 2097151; without one it comes before all of them\n"
    "  --lifo                    before the jobs that wait already\n"
    "  --attempts <number>       how often it is tried, 1\n"
    "  --backoff <how>           between attempts: fixed:5s, exponential:1s, or with a random part of it, 0 .. 1:\n"
    "                            exponential:1s:0.5; any other name is the worker's own\n"
    "  --keep-completed <what>   all, none, the newest 100, those of the last 7d, or both: 100,7d\n"
    "  --keep-failed <what>      likewise, when it has failed\n"
    "  --log-limit <lines>       the newest lines of its log that are kept\n"
    "  --stack-limit <number>    stack traces that are kept\n"
    "  --size-limit <bytes>      longer data is refused\n"
    "  --trace <text>            the context of telemetry\n";

const char job_flags_help_more[] =
    "  --delay <time>            it waits so long: 500ms, 10s, 5m, 2h, 1d\n"
    "  --at <when>               it waits until then: 2026-03-01T12:30:00Z, or without Z in local time\n"
    "  --id <text>               instead of the queue's next number; a job that exists is not added again\n"
    "  --timestamp <when>        when it was made, if not now\n"
    "  --dedup <id[:time]>       not while another job with this id has not finished, or for so long\n"
    "  --dedup-extend            each job that is refused starts that time anew\n"
    "  --dedup-replace           while the first one is delayed, the newer takes its place\n"
    "  --dedup-reschedule        while the first one is delayed, the newer one's delay begins for it\n"
    "  --dedup-keep-last         while the first one runs, the newest waits for its end\n"
    "  --parent <queue:id>       it is a child of that job\n"
    "  --on-failure <what>       then its parent: fail-parent, continue-parent, ignore, remove; otherwise it waits on\n";

void job_flags_name(struct job_flags *f, struct cli_flag *out, size_t count)
{
    const struct cli_flag flags[] = {
        {"--priority", &f->priority, NULL},
        {"--lifo", NULL, &f->is_lifo},
        {"--attempts", &f->attempts, NULL},
        {"--backoff", &f->backoff, NULL},
        {"--keep-completed", &f->keep_completed, NULL},
        {"--keep-failed", &f->keep_failed, NULL},
        {"--log-limit", &f->log_limit, NULL},
        {"--stack-limit", &f->stack_limit, NULL},
        {"--size-limit", &f->size_limit, NULL},
        {"--trace", &f->trace, NULL},
        /* Not for schedulers. */
        {"--delay", &f->delay, NULL},
        {"--at", &f->at, NULL},
        {"--id", &f->id, NULL},
        {"--timestamp", &f->timestamp, NULL},
        {"--dedup", &f->dedup, NULL},
        {"--dedup-extend", NULL, &f->extends},
        {"--dedup-replace", NULL, &f->replaces},
        {"--dedup-reschedule", NULL, &f->reschedules},
        {"--dedup-keep-last", NULL, &f->keeps_last},
        {"--parent", &f->parent, NULL},
        {"--on-failure", &f->on_failure, NULL},
    };
    _Static_assert(sizeof(flags) / sizeof(flags[0]) == JOB_FLAGS_COUNT, "job_options.h counts them");
    CHECK(count <= JOB_FLAGS_COUNT);
    memcpy(out, flags, count * sizeof(flags[0]));
}

/* ---------------------------------------------------------------- times */

/* "Z", "+02:00", "-0330" or nothing, in seconds east of Greenwich; *out_is_local for nothing. */
static bool read_offset(const char *text, int *out_s, bool *out_is_local)
{
    *out_is_local = text[0] == '\0';
    *out_s = 0;
    if (*out_is_local || strcmp(text, "Z") == 0 || strcmp(text, "z") == 0) return true;
    if (text[0] != '+' && text[0] != '-') return false;
    char digits[5];
    size_t n = 0;
    for (const char *p = text + 1; *p; p++) {
        if (*p == ':' && n == 2) continue;
        if (*p < '0' || *p > '9' || n == 4) return false;
        digits[n++] = *p;
    }
    if (n != 4) return false;
    int hours = (digits[0] - '0') * 10 + digits[1] - '0', minutes = (digits[2] - '0') * 10 + digits[3] - '0';
    *out_s = (hours * 60 + minutes) * 60 * (text[0] == '-' ? -1 : 1);
    return hours < 24 && minutes < 60;
}

/* ".25" as 250. *at moves behind it. */
static int read_fraction(const char **at)
{
    int ms = 0, unit = 100;
    if (**at != '.') return 0;
    for ((*at)++; **at >= '0' && **at <= '9'; (*at)++) {
        ms += (**at - '0') * unit;
        unit /= 10;
    }
    return ms;
}

static bool read_date(const char *text, int64_t *out_ms)
{
    static const char *const forms[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M",
                                        "%Y-%m-%d"};
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct tm tm = {.tm_isdst = -1};
        const char *rest = strptime(text, forms[i], &tm);
        int offset_s;
        bool is_local;
        if (!rest) continue;
        int ms = i < 2 ? read_fraction(&rest) : 0;
        if (!read_offset(rest, &offset_s, &is_local)) continue;
        int day = tm.tm_mday;
        time_t at = is_local ? mktime(&tm) : timegm(&tm) - offset_s;
        /* A day that its month does not have has become one of the next month. */
        if (tm.tm_mday != day) return false;
        *out_ms = (int64_t)at * 1000 + ms;
        return true;
    }
    return false;
}

int cli_read_time(const char *flag, const char *text, int64_t *out_ms)
{
    int64_t ms;
    if (!text) return CLI_OK;
    if ((num_parse_int(slice_from_text(text), &ms) || read_date(text, &ms)) && ms >= 0) {
        *out_ms = ms;
        return CLI_OK;
    }
    return cli_refuse("%s %s: it must be a time such as 2026-03-01T12:30:00Z, or \"2026-03-01 12:30\" in local time",
                      flag, text);
}

/* ---------------------------------------------------------------- values of one flag */

static int read_at(const struct job_flags *f, int64_t now_ms, struct oxq_job_opts *io)
{
    int64_t at_ms = 0;
    if (!f->at) return CLI_OK;
    if (f->delay) return cli_refuse("--delay and --at exclude each other");
    int code = cli_read_time("--at", f->at, &at_ms);
    if (code) return code;
    if (at_ms <= now_ms) return cli_refuse("--at %s is past: leave it out and the job runs at once", f->at);
    io->delay_ms = at_ms - now_ms;
    return CLI_OK;
}

/* type:delay[:jitter], or the delay alone. */
static int read_backoff(const char *text, struct arena *arena, struct oxq_backoff *out)
{
    if (!text) return CLI_OK;
    const char *colon = strchr(text, ':'), *delay = colon ? colon + 1 : text;
    bool has_no_type = !colon && text[0] >= '0' && text[0] <= '9';
    struct oxq_backoff b = {
        .type = has_no_type ? "fixed"
                            : arena_copy_text(arena, slice_of(text, colon ? (size_t)(colon - text) : strlen(text)))};
    if (!colon && !has_no_type) {
        *out = b;
        return b.type[0] ? CLI_OK : cli_refuse("--backoff: it must be such as fixed:5s or exponential:1s");
    }
    const char *second = strchr(delay, ':');
    if (second && (!num_parse_double(slice_from_text(second + 1), &b.jitter) || !(b.jitter >= 0 && b.jitter <= 1)))
        return cli_refuse("--backoff %s: behind the delay stands the random part of it, 0 .. 1", text);
    int code = cli_read_duration(
        "--backoff", arena_copy_text(arena, slice_of(delay, second ? (size_t)(second - delay) : strlen(delay))),
        &b.delay_ms);
    if (!code) *out = b;
    return code;
}

/* all, none, a count, an age, or count,age. */
static int read_keep(const char *flag, const char *text, struct arena *arena, struct oxq_keep *out)
{
    if (!text) return CLI_OK;
    *out = (struct oxq_keep){.kind = OXQ_KEEP_ALL};
    if (strcmp(text, "all") == 0) return CLI_OK;
    out->kind = OXQ_KEEP_NONE;
    if (strcmp(text, "none") == 0 || strcmp(text, "0") == 0) return CLI_OK;
    out->kind = OXQ_KEEP_SOME;
    size_t digits = strspn(text, "0123456789");
    const char *age = text;
    if (digits > 0 && (text[digits] == '\0' || text[digits] == ',')) {
        int code = cli_read_number(flag, arena_copy_text(arena, slice_of(text, digits)), 1, INT32_MAX, &out->count);
        if (code || text[digits] == '\0') return code;
        age = text + digits + 1;
    }
    int64_t ms = 0;
    if (age[strspn(age, "0123456789")] == '\0')
        return cli_refuse("%s %s: it must be all, none, a number of jobs, an age such as 7d, or both: 100,7d", flag,
                          text);
    int code = cli_read_duration(flag, age, &ms);
    if (!code && ms < 1000) code = cli_refuse("%s %s: the age is in seconds, at least 1s", flag, text);
    out->age_s = ms / 1000;
    return code;
}

/* What stands behind the last colon is a time, or part of the id. */
static int read_dedup(const struct job_flags *f, struct arena *arena, struct oxq_deduplication *out)
{
    bool has_more = f->extends || f->replaces || f->reschedules || f->keeps_last;
    if (!f->dedup && has_more) return cli_refuse("the flags that begin with --dedup- need a --dedup ID");
    if (!f->dedup) return CLI_OK;
    *out = (struct oxq_deduplication){.id = f->dedup,
                                      .extend = f->extends,
                                      .replace = f->replaces,
                                      .reschedule = f->reschedules,
                                      .keep_last_if_active = f->keeps_last};
    const char *colon = strrchr(f->dedup, ':');
    if (!colon || colon[1] < '0' || colon[1] > '9') return CLI_OK;
    out->id = arena_copy_text(arena, slice_of(f->dedup, (size_t)(colon - f->dedup)));
    return cli_read_duration("--dedup", colon + 1, &out->ttl_ms);
}

static int read_parent(const struct job_flags *f, struct arena *arena, struct oxq_job_opts *io)
{
    static const struct {
        const char *name;
        oxq_child_failure value;
    } failures[] = {{"fail-parent", OXQ_CHILD_FAILS_PARENT},
                    {"continue-parent", OXQ_CHILD_CONTINUES_PARENT},
                    {"ignore", OXQ_CHILD_IS_IGNORED},
                    {"remove", OXQ_CHILD_IS_REMOVED}};
    const char *colon = f->parent ? strchr(f->parent, ':') : NULL;
    if (f->parent && (!colon || colon == f->parent || !colon[1]))
        return cli_refuse("--parent %s: it must be QUEUE:ID", f->parent);
    if (colon) {
        io->parent_queue = arena_copy_text(arena, slice_of(f->parent, (size_t)(colon - f->parent)));
        io->parent_id = colon + 1;
    }
    if (!f->on_failure) return CLI_OK;
    for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
        if (strcmp(f->on_failure, failures[i].name) != 0) continue;
        io->on_failure = failures[i].value;
        return CLI_OK;
    }
    return cli_refuse("--on-failure %s: it must be fail-parent, continue-parent, ignore or remove", f->on_failure);
}

static int read_numbers(const struct job_flags *f, struct oxq_job_opts *io)
{
    int code = cli_read_number("--priority", f->priority, 0, OXQ_PRIORITY_MAX, &io->priority);
    if (!code) code = cli_read_number("--attempts", f->attempts, 1, INT32_MAX, &io->attempts);
    if (!code) code = cli_read_number("--log-limit", f->log_limit, 1, INT32_MAX, &io->keep_logs);
    if (!code) code = cli_read_number("--stack-limit", f->stack_limit, 0, INT32_MAX, &io->stack_trace_limit);
    if (!code) code = cli_read_number("--size-limit", f->size_limit, 1, INT64_MAX, &io->size_limit_bytes);
    if (!code && f->stack_limit && io->stack_trace_limit == 0) io->stack_trace_limit = OXQ_STACK_NONE;
    return code;
}

int job_flags_read(const struct job_flags *f, int64_t now_ms, struct arena *arena, struct oxq_job_opts *io)
{
    int code = read_numbers(f, io);
    if (!code) code = cli_read_duration("--delay", f->delay, &io->delay_ms);
    if (!code) code = read_at(f, now_ms, io);
    if (!code) code = read_backoff(f->backoff, arena, &io->backoff);
    if (!code) code = read_keep("--keep-completed", f->keep_completed, arena, &io->on_complete);
    if (!code) code = read_keep("--keep-failed", f->keep_failed, arena, &io->on_fail);
    if (!code) code = cli_read_time("--timestamp", f->timestamp, &io->timestamp_ms);
    if (!code) code = read_dedup(f, arena, &io->deduplication);
    if (!code) code = read_parent(f, arena, io);
    if (f->is_lifo) io->lifo = true;
    if (f->id) io->job_id = f->id;
    if (f->trace) io->trace_metadata = f->trace;
    return code;
}
