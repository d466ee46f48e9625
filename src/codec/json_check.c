/* SPDX-License-Identifier: MIT */
/*
 * Is a text JSON? A job's data passes here on its way to the server: nothing of it is needed but the answer, so no tree is made.
 * One pass; what is open is kept as one bit for each level, so that no text makes the check recurse.
 */
#include "codec/json.h"

struct check {
    const char *text;
    size_t len;
    size_t at;
    size_t depth;
    uint8_t is_map[JSON_DEPTH_MAX / 8]; /* bit n: level n is an object, not an array */
};

static int peek(const struct check *c)
{
    return c->at < c->len ? (uint8_t)c->text[c->at] : -1;
}

static void skip_blanks(struct check *c)
{
    while (c->at < c->len) {
        char b = c->text[c->at];
        if (b != ' ' && b != '\n' && b != '\r' && b != '\t') return;
        c->at++;
    }
}

static bool take_word(struct check *c, const char *word, size_t len)
{
    if (c->len - c->at < len || memcmp(c->text + c->at, word, len) != 0) return false;
    c->at += len;
    return true;
}

static bool take_digits(struct check *c)
{
    size_t from = c->at;
    while (c->at < c->len && c->text[c->at] >= '0' && c->text[c->at] <= '9') c->at++;
    return c->at > from;
}

static bool take_number(struct check *c)
{
    if (peek(c) == '-') c->at++;
    if (peek(c) == '0') {
        c->at++;
    } else if (!take_digits(c)) {
        return false;
    }
    if (peek(c) == '.') {
        c->at++;
        if (!take_digits(c)) return false;
    }
    if (peek(c) == 'e' || peek(c) == 'E') {
        c->at++;
        if (peek(c) == '+' || peek(c) == '-') c->at++;
        if (!take_digits(c)) return false;
    }
    return true;
}

static bool take_escape(struct check *c)
{
    c->at++;
    int letter = peek(c);
    if (letter < 0) return false;
    c->at++;
    if (letter != 'u') return strchr("\"\\/bfnrt", letter) != NULL && letter != 0;
    for (int i = 0; i < 4; i++, c->at++) {
        int digit = peek(c);
        if (!((digit >= '0' && digit <= '9') || (digit >= 'a' && digit <= 'f') || (digit >= 'A' && digit <= 'F')))
            return false;
    }
    return true;
}

static bool take_string(struct check *c)
{
    size_t from = ++c->at;
    for (;;) {
        int b = peek(c);
        if (b < 0x20) return false; /* the end, or a control character, which must be escaped */
        if (b == '"') break;
        if (b != '\\') {
            c->at++;
        } else if (!take_escape(c)) {
            return false;
        }
    }
    if (!json_is_utf8(slice_of(c->text + from, c->at - from))) return false;
    c->at++;
    return true;
}

static bool is_in_map(const struct check *c)
{
    size_t level = c->depth - 1;
    return (c->is_map[level / 8] >> (level % 8)) & 1;
}

static void open_level(struct check *c, bool is_map)
{
    size_t level = c->depth++;
    uint8_t bit = (uint8_t)(1U << (level % 8));
    c->is_map[level / 8] = (uint8_t)(is_map ? c->is_map[level / 8] | bit : c->is_map[level / 8] & ~bit);
    c->at++;
}

/* A member's name and its colon. */
static bool take_name(struct check *c)
{
    skip_blanks(c);
    if (peek(c) != '"' || !take_string(c)) return false;
    skip_blanks(c);
    if (peek(c) != ':') return false;
    c->at++;
    return true;
}

/* A value, or the beginning of one: *out_is_open says that an object or array was opened, and what is first in it comes next. */
static bool take_value(struct check *c, bool *out_is_open)
{
    *out_is_open = false;
    skip_blanks(c);
    int b = peek(c);
    if (b == '"') return take_string(c);
    if (b == 't') return take_word(c, "true", 4);
    if (b == 'f') return take_word(c, "false", 5);
    if (b == 'n') return take_word(c, "null", 4);
    if (b != '{' && b != '[') return take_number(c);
    if (c->depth == JSON_DEPTH_MAX) return false;
    open_level(c, b == '{');
    skip_blanks(c);
    if (peek(c) == (b == '{' ? '}' : ']')) {
        c->at++;
        c->depth--;
        return true;
    }
    *out_is_open = true;
    return b == '[' || take_name(c);
}

/* Behind a value: closes what ends here, down to a level. *out_is_more: a comma came, and another value follows. */
static bool take_ends(struct check *c, size_t base, bool *out_is_more)
{
    *out_is_more = false;
    while (c->depth > base) {
        skip_blanks(c);
        int b = peek(c);
        if (b == ',') {
            c->at++;
            *out_is_more = true;
            return !is_in_map(c) || take_name(c);
        }
        if (b != (is_in_map(c) ? '}' : ']')) return false;
        c->at++;
        c->depth--;
    }
    return true;
}

/* A value with all that is in it. */
static bool take_whole(struct check *c)
{
    size_t base = c->depth;
    bool is_sound, is_open, is_more = true;
    do {
        is_sound = take_value(c, &is_open);
        if (is_sound && !is_open) is_sound = take_ends(c, base, &is_more);
    } while (is_sound && is_more);
    return is_sound;
}

oxq_err json_check(struct slice text, struct oxq_error *err)
{
    struct check c = {.text = text.at, .len = text.len};
    bool is_sound = take_whole(&c);
    if (is_sound) skip_blanks(&c);
    if (is_sound && c.at == c.len) return OXQ_OK;
    if (c.depth == JSON_DEPTH_MAX) return err_set(err, OXQ_ERR_LIMIT, "more than %d levels deep", JSON_DEPTH_MAX);
    if (c.at >= c.len) return err_set(err, OXQ_ERR_FORMAT, "it ends too early, after %zu bytes", c.len);
    return err_set(err, OXQ_ERR_FORMAT, "byte %zu does not fit there", c.at + 1);
}

struct slice json_raw_member(struct slice text, struct slice name)
{
    struct check c = {.text = text.at, .len = text.len};
    struct slice found = SLICE_LIT("");
    skip_blanks(&c);
    if (peek(&c) != '{') return found;
    open_level(&c, true);
    for (;;) {
        skip_blanks(&c);
        size_t from = c.at + 1;
        if (!take_name(&c)) return found;
        bool is_it =
            c.len - from > name.len && memcmp(c.text + from, name.at, name.len) == 0 && c.text[from + name.len] == '"';
        skip_blanks(&c);
        from = c.at;
        if (!take_whole(&c)) return found;
        if (is_it) found = slice_of(c.text + from, c.at - from);
        skip_blanks(&c);
        if (peek(&c) != ',') return found;
        c.at++;
    }
}
