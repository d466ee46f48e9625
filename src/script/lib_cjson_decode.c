/* SPDX-License-Identifier: MIT */
/*
 * cjson.decode. A Lua string ends with a zero byte that is not part of it, so that the end of the text is a token like any
 * other and nothing counts what is left.
 *
 * Open arrays and objects have frames of our own; of each the Lua stack holds the table, and of an object the key whose value
 * is being read.
 */
#include "script/lib_cjson.h"

#include <stdlib.h>
#include <strings.h>

/* Whole numbers of so many digits are exact. */
#define EXACT_DIGITS_MAX 15
/* New tables have room for so many. */
#define TABLE_ROOM 4

enum token_kind {
    TOKEN_OBJECT,
    TOKEN_OBJECT_END,
    TOKEN_ARRAY,
    TOKEN_ARRAY_END,
    TOKEN_TEXT,
    TOKEN_NUMBER,
    TOKEN_BOOLEAN,
    TOKEN_NULL,
    TOKEN_COLON,
    TOKEN_COMMA,
    TOKEN_END,
    TOKEN_ERROR
};

struct token {
    enum token_kind kind;
    const char *at; /* where it starts; of an error, where that is */
    union {
        struct slice text; /* borrowed from the input or the host's buffer, until the next token */
        double number;
        bool boolean;
        const char *error;
    };
};

struct decode_frame {
    bool is_object;
    int count; /* elements of an array */
};

struct decoder {
    lua_State *lua;
    const struct cjson_config *config;
    const char *start;
    const char *at;
    struct token token;
    int depth;
    struct decode_frame frames[CJSON_DEPTH_MAX];
};

/* ---- tokens ---- */

static void set_error(struct decoder *d, const char *error)
{
    d->token.kind = TOKEN_ERROR;
    d->token.at = d->at;
    d->token.error = error;
}

/* The value of four hexadecimal digits, or -1. A zero byte is no digit, so nothing is read beyond the end. */
static int read_hex(const char *at)
{
    int value = 0;
    for (int i = 0; i < 4; i++) {
        char c = at[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
        if (digit < 0) return -1;
        value = value << 4 | digit;
    }
    return value;
}

/* Writes a code point as UTF-8; returns how many bytes. */
static size_t put_utf8(char *to, unsigned code)
{
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    size_t len = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = len - 1; i > 0; i--, code >>= 6) to[i] = (char)(0x80 | (code & 0x3F));
    to[0] = (char)(0xF00 >> len | code);
    return len;
}

/* Reads \uXXXX, or two that are a surrogate pair, at d->at; moves behind it. -1: it is not valid. */
static int read_unicode(struct decoder *d)
{
    int code = read_hex(d->at + 2), bytes = 6;
    if (code >= 0xDC00 && code <= 0xDFFF) return -1;
    if (code >= 0xD800 && code <= 0xDBFF) {
        if (d->at[6] != '\\' || d->at[7] != 'u') return -1;
        int low = read_hex(d->at + 8);
        if (low < 0xDC00 || low > 0xDFFF) return -1;
        code = 0x10000 + ((code & 0x3FF) << 10 | (low & 0x3FF));
        bytes = 12;
    }
    if (code >= 0) d->at += bytes;
    return code;
}

static char unescape(char letter)
{
    switch (letter) {
    case '"':
    case '\\':
    case '/': return letter;
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return 0;
    }
}

/* Appends what the escape at d->at stands for, and moves behind it. False: an error was set. */
static bool take_escape(struct decoder *d, struct buf *out)
{
    char bytes[4];
    size_t len = 1;
    if (d->at[1] == 'u') {
        int code = read_unicode(d);
        if (code < 0) {
            set_error(d, "invalid unicode escape code");
            return false;
        }
        len = put_utf8(bytes, (unsigned)code);
    } else {
        bytes[0] = unescape(d->at[1]);
        if (!bytes[0]) {
            set_error(d, "invalid escape code");
            return false;
        }
        d->at += 2;
    }
    if (buf_append(out, slice_of(bytes, len))) luaL_error(d->lua, "not enough memory");
    return true;
}

/* Behind the opening quote. A text without escapes is not copied. */
static void read_text(struct decoder *d)
{
    struct buf *out = NULL;
    for (;;) {
        const char *from = d->at;
        while (*d->at != '"' && *d->at != '\\' && *d->at != '\0') d->at++;
        struct slice plain = slice_of(from, (size_t)(d->at - from));
        if (*d->at == '\0') {
            set_error(d, "unexpected end of string");
            return;
        }
        if (*d->at == '"' && !out) {
            d->token.kind = TOKEN_TEXT;
            d->token.text = plain;
            d->at++;
            return;
        }
        if (!out) out = host_borrow_out(host_of(d->lua));
        if (buf_append(out, plain)) luaL_error(d->lua, "not enough memory");
        if (*d->at == '"') break;
        if (!take_escape(d, out)) return;
    }
    d->token.kind = TOKEN_TEXT;
    d->token.text = buf_borrow(out);
    d->at++;
}

/* Would strict JSON refuse what starts here though strtod takes it? */
static bool is_invalid_number(const char *at)
{
    if (*at == '+') return true;
    if (*at == '-') at++;
    if (*at == '0') return (at[1] | 32) == 'x' || (at[1] >= '0' && at[1] <= '9');
    if (*at <= '9') return false;
    return strncasecmp(at, "inf", 3) == 0 || strncasecmp(at, "nan", 3) == 0;
}

/* A whole number of few digits, without strtod. False: it is something else. */
static bool read_plain_integer(struct decoder *d)
{
    const char *at = d->at + (*d->at == '-');
    const char *first = at;
    int64_t n = 0;
    while (*at >= '0' && *at <= '9' && at - first < EXACT_DIGITS_MAX) n = n * 10 + (*at++ - '0');
    bool is_plain = at != first && *first != '0' && !(*at >= '0' && *at <= '9') && *at != '.' && (*at | 32) != 'e';
    if (!is_plain) return false;
    d->token.number = *d->at == '-' ? (double)-n : (double)n;
    d->at = at;
    return true;
}

static void read_number(struct decoder *d)
{
    d->token.kind = TOKEN_NUMBER;
    if (read_plain_integer(d)) return;
    char *end;
    d->token.number = strtod(d->at, &end);
    if (end == d->at)
        set_error(d, "invalid number");
    else
        d->at = end;
}

/* A word, or a number that does not start with a digit or a minus. */
static void read_word(struct decoder *d)
{
    if (strncmp(d->at, "true", 4) == 0) {
        d->token.kind = TOKEN_BOOLEAN;
        d->token.boolean = true;
        d->at += 4;
    } else if (strncmp(d->at, "false", 5) == 0) {
        d->token.kind = TOKEN_BOOLEAN;
        d->token.boolean = false;
        d->at += 5;
    } else if (strncmp(d->at, "null", 4) == 0) {
        d->token.kind = TOKEN_NULL;
        d->at += 4;
    } else if (d->config->decode_invalid && strchr("iInN+", *d->at) && is_invalid_number(d->at)) {
        read_number(d);
    } else {
        set_error(d, "invalid token");
    }
}

/* Reads the next token into d->token. */
static void next_token(struct decoder *d)
{
    while (*d->at == ' ' || *d->at == '\t' || *d->at == '\n' || *d->at == '\r') d->at++;
    static const struct {
        char byte;
        enum token_kind kind;
    } marks[] = {{'"', TOKEN_TEXT},       {',', TOKEN_COMMA}, {':', TOKEN_COLON},    {'{', TOKEN_OBJECT},
                 {'}', TOKEN_OBJECT_END}, {'[', TOKEN_ARRAY}, {']', TOKEN_ARRAY_END}};
    char c = *d->at;
    d->token.at = d->at;
    if ((c >= '0' && c <= '9') || c == '-') {
        if (!d->config->decode_invalid && is_invalid_number(d->at))
            set_error(d, "invalid number");
        else
            read_number(d);
        return;
    }
    if (c == '\0') {
        d->token.kind = TOKEN_END;
        return;
    }
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        if (marks[i].byte != c) continue;
        d->token.kind = marks[i].kind;
        d->at++;
        if (c == '"') read_text(d);
        return;
    }
    read_word(d);
}

/* ---- grammar ---- */

static int fail(struct decoder *d, const char *expected)
{
    static const char *const names[] = {"T_OBJ_BEGIN", "T_OBJ_END", "T_ARR_BEGIN", "T_ARR_END", "T_STRING", "T_NUMBER",
                                        "T_BOOLEAN",   "T_NULL",    "T_COLON",     "T_COMMA",   "T_END"};
    const char *found = d->token.kind == TOKEN_ERROR ? d->token.error : names[d->token.kind];
    return luaL_error(d->lua, "Expected %s but found %s at character %d", expected, found,
                      (int)(d->token.at - d->start) + 1);
}

static void open_frame(struct decoder *d, bool is_object)
{
    int depth = d->depth + 1;
    if (depth > d->config->decode_max_depth || depth > CJSON_DEPTH_MAX || !lua_checkstack(d->lua, 4))
        luaL_error(d->lua, "Found too many nested data structures (%d) at character %d", depth,
                   (int)(d->at - d->start));
    d->frames[d->depth++] = (struct decode_frame){.is_object = is_object};
    lua_createtable(d->lua, is_object ? 0 : TABLE_ROOM, is_object ? TABLE_ROOM : 0);
}

/* The token must be a key; pushes it, and reads on to the value's first token. */
static void take_key(struct decoder *d)
{
    if (d->token.kind != TOKEN_TEXT) fail(d, "object key string");
    lua_pushlstring(d->lua, d->token.text.at, d->token.text.len);
    next_token(d);
    if (d->token.kind != TOKEN_COLON) fail(d, "colon");
    next_token(d);
}

/* Takes the token as the start of a value and pushes that. True: it is complete. False: a frame was opened, and the token is
 * the first of a value inside it. */
static bool take_value(struct decoder *d)
{
    lua_State *lua = d->lua;
    bool is_object = d->token.kind == TOKEN_OBJECT;
    switch (d->token.kind) {
    case TOKEN_TEXT: lua_pushlstring(lua, d->token.text.at, d->token.text.len); return true;
    case TOKEN_NUMBER: lua_pushnumber(lua, d->token.number); return true;
    case TOKEN_BOOLEAN: lua_pushboolean(lua, d->token.boolean); return true;
    case TOKEN_NULL: lua_pushlightuserdata(lua, NULL); return true;
    case TOKEN_OBJECT:
    case TOKEN_ARRAY:
        open_frame(d, is_object);
        next_token(d);
        if (d->token.kind == (is_object ? TOKEN_OBJECT_END : TOKEN_ARRAY_END)) {
            d->depth--;
            return true;
        }
        if (is_object) take_key(d);
        return false;
    case TOKEN_OBJECT_END:
    case TOKEN_ARRAY_END:
    case TOKEN_COLON:
    case TOKEN_COMMA:
    case TOKEN_END:
    case TOKEN_ERROR: break;
    }
    fail(d, "value");
    return true;
}

/* Puts the complete value on top into the innermost frame, and closes frames that end here. True: all is read. False: the
 * token is the first of the next value. */
static bool store_value(struct decoder *d)
{
    while (d->depth) {
        struct decode_frame *f = &d->frames[d->depth - 1];
        if (f->is_object)
            lua_rawset(d->lua, -3);
        else
            lua_rawseti(d->lua, -2, ++f->count);
        next_token(d);
        if (d->token.kind == TOKEN_COMMA) {
            next_token(d);
            if (f->is_object) take_key(d);
            return false;
        }
        if (d->token.kind != (f->is_object ? TOKEN_OBJECT_END : TOKEN_ARRAY_END))
            fail(d, f->is_object ? "comma or object end" : "comma or array end");
        d->depth--;
    }
    return true;
}

int cjson_decode(lua_State *lua)
{
    luaL_argcheck(lua, lua_gettop(lua) == 1, 1, "expected 1 argument");
    size_t len;
    struct decoder d;
    d.lua = lua;
    d.config = cjson_config_of(lua);
    d.start = luaL_checklstring(lua, 1, &len);
    d.at = d.start;
    d.depth = 0;
    if (len >= 2 && (!d.start[0] || !d.start[1]))
        return luaL_error(lua, "JSON parser does not support UTF-16 or UTF-32");
    next_token(&d);
    while (!take_value(&d) || !store_value(&d)) continue;
    next_token(&d);
    if (d.token.kind != TOKEN_END) return fail(&d, "the end");
    return 1;
}
