/* SPDX-License-Identifier: MIT */
/* Whatever a cron text says: its runs come one after the other, at whole seconds, in any zone. Eight bytes are the time. */
#include "base/mem.h"
#include "cron/cron.h"

#define RUNS_MAX 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_sets(const struct cron *c)
{
    CHECK(c->seconds && c->seconds >> 60 == 0 && c->minutes && c->minutes >> 60 == 0);
    CHECK(c->hours && c->hours >> 24 == 0 && c->months && !(c->months & 1) && c->months >> 13 == 0);
    CHECK(!(c->days & 1) && !(c->near_days & 1) && c->weekdays >> 7 == 0 && c->last_weekdays >> 7 == 0);
    CHECK(c->days || c->near_days || c->has_last_day || c->has_last_workday);
    CHECK(c->weekdays || c->last_weekdays);
    CHECK(c->weekday_of_month >= 0 && c->weekday_of_month <= 5);
}

static void check_runs(const struct cron *c, const char *rule, int64_t after_ms)
{
    struct zone z = {.has_rule = true};
    CHECK(zone_rule_parse(slice_from_text(rule), &z.rule, NULL) == OXQ_OK);
    for (int i = 0; i < RUNS_MAX; i++) {
        int64_t run_ms = after_ms;
        if (cron_next(c, &z, (struct cron_span){0}, after_ms, &run_ms, NULL) != OXQ_OK) return;
        CHECK(run_ms > after_ms && run_ms % 1000 == 0);
        after_ms = run_ms;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    int64_t after_ms;
    if (len < sizeof(after_ms)) return 0;
    memcpy(&after_ms, data, sizeof(after_ms));
    len -= sizeof(after_ms);
    char *exact = mem_alloc(len);
    memcpy(exact, data + sizeof(after_ms), len);
    struct cron c;
    struct oxq_error err;
    if (cron_parse(slice_of(exact, len), &c, &err) == OXQ_OK) {
        check_sets(&c);
        check_runs(&c, "CET-1CEST,M3.5.0,M10.5.0/3", after_ms);
        check_runs(&c, "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", after_ms);
    }
    mem_free(exact);
    return 0;
}
