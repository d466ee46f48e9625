/* SPDX-License-Identifier: MIT */
#include "base/slice.h"

#include <ctype.h>

int slice_compare(struct slice a, struct slice b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common ? memcmp(a.at, b.at, common) : 0;
    if (order != 0) return order;
    return (a.len > b.len) - (a.len < b.len);
}

bool slice_is(struct slice a, const char *lower)
{
    size_t i = 0;
    for (; i < a.len && lower[i] != '\0'; i++) {
        char c = a.at[i];
        if (c >= 'A' && c <= 'Z') c = (char)(c + ('a' - 'A'));
        if (c != lower[i]) return false;
    }
    return i == a.len && lower[i] == '\0';
}

static unsigned char fold(unsigned char c, bool ignore_case)
{
    return ignore_case ? (unsigned char)tolower(c) : c;
}

/*
 * Matches c against the class that starts after '[' at *p; moves *p behind its ']'. As Redis: '\' escapes, an
 * unclosed class ends with the pattern, a range may be written backwards.
 */
static bool match_class(struct slice pattern, size_t *p, unsigned char c, bool ignore_case)
{
    size_t i = *p;
    bool is_negated = i < pattern.len && pattern.at[i] == '^';
    bool is_match = false;
    if (is_negated) i++;
    c = fold(c, ignore_case);
    while (i < pattern.len && pattern.at[i] != ']') {
        unsigned char low = (unsigned char)pattern.at[i];
        if (low == '\\' && i + 1 < pattern.len) {
            i++;
            is_match |= fold((unsigned char)pattern.at[i], ignore_case) == c;
            i++;
        } else if (i + 2 < pattern.len && pattern.at[i + 1] == '-') {
            unsigned char from = fold(low, ignore_case);
            unsigned char to = fold((unsigned char)pattern.at[i + 2], ignore_case);
            is_match |= from <= to ? (c >= from && c <= to) : (c >= to && c <= from);
            i += 3;
        } else {
            is_match |= fold(low, ignore_case) == c;
            i++;
        }
    }
    *p = i < pattern.len ? i + 1 : i;
    return is_match != is_negated;
}

/* Matches one pattern item (not '*') against c and moves *p behind it. */
static bool match_one(struct slice pattern, size_t *p, unsigned char c, bool ignore_case)
{
    unsigned char item = (unsigned char)pattern.at[(*p)++];
    if (item == '?') return true;
    if (item == '[') return match_class(pattern, p, c, ignore_case);
    if (item == '\\' && *p < pattern.len) item = (unsigned char)pattern.at[(*p)++];
    return fold(item, ignore_case) == fold(c, ignore_case);
}

/*
 * Only the last '*' needs to be gone back to: whatever an earlier one could have taken more of, the later one can take as well.
 * So the work is bounded by pattern * text without a stack.
 */
bool slice_glob(struct slice pattern, struct slice text, bool ignore_case)
{
    if (text.len == 0) return pattern.len == 0;
    size_t p = 0, t = 0;
    size_t star = SIZE_MAX, star_text = 0;
    while (t < text.len) {
        if (p < pattern.len && pattern.at[p] == '*') {
            star = ++p;
            star_text = t;
            continue;
        }
        size_t next = p;
        if (p < pattern.len && match_one(pattern, &next, (unsigned char)text.at[t], ignore_case)) {
            p = next;
            t++;
            continue;
        }
        if (star == SIZE_MAX) return false;
        p = star;
        t = ++star_text;
    }
    while (p < pattern.len && pattern.at[p] == '*') p++;
    return p == pattern.len;
}
