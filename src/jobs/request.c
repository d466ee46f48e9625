/* SPDX-License-Identifier: MIT */
#include "jobs/request.h"

#include "base/num.h"
#include "client/refusal.h"
#include "jobs/keys.h"

/* Most requests have fewer arguments. */
#define REQUEST_ARGS_FIRST 16

static void begin(struct request *r, struct arena *arena, struct slice first)
{
    *r = (struct request){.arena = arena, .cap = REQUEST_ARGS_FIRST};
    r->argv = ARENA_ARRAY(arena, struct slice, r->cap);
    request_put(r, first);
}

void request_begin(struct request *r, struct arena *arena, const struct transition *t, struct slice prefix)
{
    begin(r, arena, prefix);
    r->command.script = &t->script;
    r->command.keys_count = 1;
    if (!keys_has_hash_tag(prefix)) return;
    request_put(r, keys_join(arena, prefix, SLICE_LIT("meta")));
    r->command.keys_count = 2;
}

void request_begin_plain(struct request *r, struct arena *arena, const char *name)
{
    begin(r, arena, slice_from_text(name));
}

void request_put(struct request *r, struct slice arg)
{
    if (r->command.argc == r->cap) {
        struct slice *wider = ARENA_ARRAY(r->arena, struct slice, r->cap * 2);
        memcpy(wider, r->argv, r->cap * sizeof(*wider));
        r->argv = wider;
        r->cap *= 2;
    }
    r->argv[r->command.argc++] = arg;
    r->command.argv = r->argv;
}

void request_put_text(struct request *r, const char *arg)
{
    request_put(r, slice_from_text(arg));
}

void request_put_int(struct request *r, int64_t n)
{
    char digits[NUM_INT_MAX_CHARS];
    request_put(r, arena_copy(r->arena, slice_of(digits, num_format_int(digits, n))));
}

/* ---------------------------------------------------------------- replies */

/* Ids and names are as long as users like. */
static int shown(struct slice s)
{
    return s.len < 80 ? (int)s.len : 80;
}

oxq_err refusal_set(int64_t number, const char *what, struct slice subject, struct oxq_error *err)
{
    static const struct {
        int64_t number;
        oxq_err code;
        const char *text;
    } rows[] = {
#define REFUSAL_ROW(name, number, error, text) {number, OXQ_ERR_##error, text},
        REFUSAL_TABLE(REFUSAL_ROW)
#undef REFUSAL_ROW
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].number != number) continue;
        return err_set(err, rows[i].code, "%s %.*s: %s", what, shown(subject), subject.at ? subject.at : "",
                       rows[i].text);
    }
    return err_set(err, OXQ_ERR_SERVER, "%s %.*s: refused with the unknown number %lld", what, shown(subject),
                   subject.at ? subject.at : "", (long long)number);
}

oxq_err request_check(const struct resp_value *reply, const char *what, struct slice subject, struct oxq_error *err)
{
    if (reply->kind == RESP_INTEGER && reply->integer < 0) return refusal_set(reply->integer, what, subject, err);
    if (reply->kind != RESP_ERROR) return OXQ_OK;
    return err_set(err, client_refusal_error(reply->text), "%s %.*s: %.*s", what, shown(subject),
                   subject.at ? subject.at : "", reply->text.len < 160 ? (int)reply->text.len : 160, reply->text.at);
}
