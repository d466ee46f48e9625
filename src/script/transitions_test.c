/* SPDX-License-Identifier: MIT */
/*
 * The transitions of src/jobs/lua. What a rare branch calls and nobody has taken in is found here, not where that branch is run for the
 * first time.
 */
#include "script/dump.h"
#include "script/testhost.h"

#include <criterion/criterion.h>
#include <jobs/transitions_lua.h>

static bool is_known(struct slice global)
{
    static const char *const known[] = {"KEYS",     "ARGV",  "redis", "cjson", "cmsgpack", "math", "string", "type",
                                        "tonumber", "pcall", "error", "pairs", "ipairs",   "next", "unpack"};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (slice_equal(global, slice_from_text(known[i]))) return true;
    }
    return slice_equal(global, SLICE_LIT("table"));
}

/* Of the first global variable that is none or is assigned to, the name; else an empty slice. */
static struct slice find_unknown(const struct dump_function *f)
{
    for (uint32_t i = 0; i < f->code_count; i++) {
        uint32_t word = dump_instruction(f, i);
        if (op_of(word) != OP_GGET && op_of(word) != OP_GSET) continue;
        const struct dump_constant *global = dump_constant_of(f, d_of(word));
        CHECK(global && global->text.len > 0);
        if (op_of(word) == OP_GSET || !is_known(global->text)) return global->text;
    }
    return (struct slice){0};
}

/* Looks at each function, the chunk's own too, and counts them. */
static struct slice look_through(struct slice dump, int *count)
{
    struct dump_reader r = dump_reader_of(dump);
    CHECK(dump_read_header(&r));
    for (;; (*count)++) {
        struct slice whole = dump_read_bytes(&r, dump_read_number(&r));
        if (whole.len == 0) return (struct slice){0};
        struct dump_function f;
        CHECK(dump_read_function(whole, &f));
        struct slice unknown = find_unknown(&f);
        dump_function_deinit(&f);
        if (unknown.len > 0) return unknown;
    }
}

Test(transitions, name_nothing_that_is_not_there)
{
#define TEXT_OF(NAME) {#NAME, LUA_##NAME##_TEXT},
    static const struct {
        const char *name, *text;
    } all[] = {LUA_TABLE(TEXT_OF)};
#undef TEXT_OF
    struct testhost t;
    testhost_init(&t, 0, 0);
    int count = 0;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        struct buf dump = testhost_dump(&t, all[i].text);
        struct slice unknown = look_through(buf_borrow(&dump), &count);
        cr_expect_eq(unknown.len, 0, "%s: %.*s", all[i].name, (int)unknown.len, unknown.at);
        buf_deinit(&dump);
    }
    cr_assert_gt(count, 100);
    testhost_deinit(&t);
}
