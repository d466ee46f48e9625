/* SPDX-License-Identifier: MIT */
#include "engine/company.h"

static int64_t stay_us(uint64_t expected, bool is_guest)
{
    if (expected <= COMPANY_RECORDS_MAX) return COMPANY_US;
    return is_guest && expected <= COMPANY_GUESTS_RECORDS_MAX ? COMPANY_GUESTS_US : 0;
}

bool company_awaits(struct company *c, uint64_t count, bool is_guest, int64_t now_us)
{
    if (!c->is_expected) {
        c->is_expected = true;
        c->expected = c->last_count + count;
        c->until_us = now_us + (c->skips == 0 ? stay_us(c->expected, is_guest) : 0);
    }
    c->looks_at_once = now_us == c->seen_us ? c->looks_at_once + 1 : 0;
    c->seen_us = now_us;
    bool is_late = now_us >= c->until_us || c->looks_at_once >= COMPANY_LOOKS_AT_ONCE_MAX;
    c->is_awaited = count > 0 && count < c->expected && !is_late;
    c->has_stayed |= c->is_awaited;
    return c->is_awaited;
}

void company_go(struct company *c, uint64_t count)
{
    if (c->skips > 0) {
        c->skips--;
    } else if (c->has_stayed) {
        uint32_t more = 2 * c->skips_last + 1;
        if (more > COMPANY_SKIPS_MAX) more = COMPANY_SKIPS_MAX;
        c->skips = c->skips_last = count >= c->expected ? 0 : more;
    }
    c->last_count = count;
    c->is_expected = c->is_awaited = c->is_watched = c->has_stayed = false;
}
