/* SPDX-License-Identifier: MIT */
/* Whatever a time zone file or rule says: each instant lies in its period, and a local time's instants show that time. */
#include "base/mem.h"
#include "cron/zone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_local(const struct zone *z, int64_t local_s)
{
    int64_t found[ZONE_INSTANTS_MAX];
    size_t count = zone_instants(z, local_s, found);
    CHECK(count <= ZONE_INSTANTS_MAX);
    for (size_t i = 0; i < count; i++) CHECK(found[i] + zone_offset(z, found[i]) == local_s);
    CHECK(count < 2 || found[0] < found[1]);
    int64_t resolved = zone_resolve(z, local_s, zone_offset(z, local_s));
    CHECK(count == 0 || resolved == found[0] || resolved == found[1]);
}

static void check_zone(const struct zone *z)
{
    int64_t at_s = -4000000000;
    /* Along the transitions and, after them, the rule. */
    for (int i = 0; i < 64; i++) {
        struct zone_period p = zone_period_at(z, at_s);
        CHECK(p.begins_s <= at_s && at_s < p.ends_s);
        CHECK(p.offset_s > ZONE_OFFSET_MIN_S && p.offset_s < ZONE_OFFSET_MAX_S);
        check_local(z, at_s + p.offset_s);
        check_local(z, at_s);
        if (p.ends_s > ((int64_t)1 << 53)) break;
        at_s = p.ends_s;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char *exact = mem_alloc(len);
    if (len) memcpy(exact, data, len);
    struct slice bytes = slice_of(exact, len);
    struct zone z = {0};
    struct oxq_error err;
    if (zone_parse(bytes, &z, &err) == OXQ_OK) check_zone(&z);
    zone_deinit(&z);
    z.has_rule = zone_rule_parse(bytes, &z.rule, &err) == OXQ_OK;
    if (z.has_rule) check_zone(&z);
    mem_free(exact);
    return 0;
}
