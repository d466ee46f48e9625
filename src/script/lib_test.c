/* SPDX-License-Identifier: MIT */
/* The libraries where a table of texts would not do; the rest is held to Redis's by tests/protocol/script_lib.txt. */
#include "base/rng.h"
#include "script/testhost.h"

#include <criterion/criterion.h>
#include <stdio.h>

static void assert_eval(struct testhost *t, const char *text, const char *want)
{
    const char *reply = testhost_eval(t, text, 0, NULL, 0);
    cr_assert_str_eq(reply, want, "%s gives %s", text, reply);
}

Test(script_lib, random_tables_survive_cmsgpack)
{
    struct testhost t;
    testhost_init(&t, 0, 0);
    assert_eval(&t,
                "local function make(depth) "
                "  local kind = math.random(depth > 0 and 9 or 6) "
                "  if kind == 1 then return math.random(-100, 100) end "
                "  if kind == 2 then return math.random(2147483646) * 1048576 end "
                "  if kind == 3 then return math.random() end "
                "  if kind == 4 then return string.rep('x', math.random(0, 300)) end "
                "  if kind == 5 then return math.random(2) == 1 end "
                "  if kind == 6 then return math.random(16) / 16 end "
                "  local t = {} "
                "  for i = 1, math.random(0, 20) do "
                "    if kind == 7 then t[i] = make(depth - 1) else t['k' .. math.random(1000)] = make(depth - 1) end "
                "  end "
                "  return t "
                "end "
                "local function same(a, b) "
                "  if type(a) ~= 'table' or type(b) ~= 'table' then return a == b end "
                "  for k, v in pairs(a) do if not same(v, b[k]) then return false end end "
                "  for k in pairs(b) do if a[k] == nil then return false end end "
                "  return true "
                "end "
                "for i = 1, 300 do "
                "  local v = make(4) "
                "  if not same(v, cmsgpack.unpack(cmsgpack.pack(v))) then return 'differs' end "
                "end "
                "return 1",
                ":1\r\n");
    testhost_deinit(&t);
}

Test(script_lib, claims_of_cmsgpack_take_no_memory)
{
    struct testhost t;
    testhost_init(&t, SCRIPT_MEMORY_BYTES_MIN, 0);
    /* Arrays, maps and texts that announce 4 billion parts. */
    assert_eval(&t, "return {pcall(cmsgpack.unpack, string.rep('\\221\\255\\255\\255\\255', 100))}",
                "*2\r\n$-1\r\n$23\r\nMissing bytes in input.\r\n");
    assert_eval(&t, "return {pcall(cmsgpack.unpack, string.rep('\\223\\255\\255\\255\\255a', 100))}",
                "*2\r\n$-1\r\n$23\r\nMissing bytes in input.\r\n");
    assert_eval(&t, "return {pcall(cmsgpack.unpack, '\\219\\255\\255\\255\\255abc')}",
                "*2\r\n$-1\r\n$23\r\nMissing bytes in input.\r\n");
    assert_eval(&t, "return {pcall(cmsgpack.unpack, string.rep('\\145', 100000))}",
                "*2\r\n$-1\r\n$25\r\nToo many levels in input.\r\n");
    testhost_deinit(&t);
}

Test(script_lib, integers_of_struct_survive_in_every_width_and_order)
{
    struct testhost t;
    testhost_init(&t, 0, 0);
    assert_eval(&t,
                "for bytes = 1, 8 do for _, order in ipairs({'<', '>'}) do "
                "  for _, n in ipairs({0, 1, 2 ^ (8 * bytes - 1) - 1, math.floor(2 ^ (8 * bytes - 2) / 3)}) do "
                "    if n < 2 ^ 53 then "
                "      local signed, unsigned = order .. 'i' .. bytes, order .. 'I' .. bytes "
                "      if struct.unpack(signed, struct.pack(signed, n)) ~= n then return signed end "
                "      if struct.unpack(signed, struct.pack(signed, -n)) ~= -n then return '-' .. signed end "
                "      if struct.unpack(unsigned, struct.pack(unsigned, n)) ~= n then return unsigned end "
                "      if #struct.pack(signed, n) ~= struct.size(signed) then return 'size' end "
                "    end "
                "  end "
                "end end return 1",
                ":1\r\n");
    testhost_deinit(&t);
}

Test(script_lib, random_formats_of_struct_stay_within_their_bytes)
{
    static const char letters[] = "<>!bBhHlLTiIfdcsx 0123456789c0";
    struct testhost t;
    testhost_init(&t, 0, 0);
    struct rng rng;
    rng_init(&rng, 3);
    for (int i = 0; i < 3000; i++) {
        char format[13] = "", data[41] = "", text[512];
        for (size_t at = 0; at < sizeof(format) - 1; at++) format[at] = letters[rng_below(&rng, sizeof(letters) - 1)];
        for (uint64_t at = rng_below(&rng, sizeof(data)); at-- > 0;) data[at] = (char)('0' + rng_below(&rng, 10));
        snprintf(text, sizeof(text),
                 "local f, d = '%.*s', '%s' pcall(struct.size, f) pcall(struct.unpack, f, d) "
                 "pcall(struct.unpack, f, d, 3) pcall(struct.pack, f, 1, d, -2.5, d, d, 7, 1e300, d) return 1",
                 (int)(1 + rng_below(&rng, sizeof(format) - 1)), format, data);
        assert_eval(&t, text, ":1\r\n");
    }
    testhost_deinit(&t);
}

Test(script_lib, what_cjson_writes_is_a_script_s_memory)
{
    struct testhost t;
    testhost_init(&t, SCRIPT_MEMORY_BYTES_MIN, 0);
    /* The same text again and again: little to hold, much to write. */
    assert_eval(&t,
                "local s, list = string.rep('x', 100000), {} for i = 1, 100 do list[i] = s end "
                "local ok, e = pcall(cjson.encode, list) return tostring(ok) .. e",
                "$22\r\nfalsenot enough memory\r\n");
    assert_eval(&t, "cjson.encode_sparse_array(false, 0) return {pcall(cjson.encode, {[2000000000] = 1})}",
                "*2\r\n$-1\r\n$17\r\nnot enough memory\r\n");
    assert_eval(&t, "return cjson.encode({1, {a = 'fine'}})", "$16\r\n[1,{\"a\":\"fine\"}]\r\n");
    testhost_deinit(&t);
}

Test(script_lib, cjson_nests_as_deep_as_is_set_and_no_deeper_than_the_stack)
{
    struct testhost t;
    testhost_init(&t, 0, 0);
    assert_eval(
        &t,
        "cjson.encode_max_depth(2147483647) cjson.decode_max_depth(2147483647) "
        "local t, text = {}, string.rep('[', 3900) .. string.rep(']', 3900) "
        "if cjson.encode(cjson.decode(text)):gsub('[{}]', '') ~= text:sub(2, -2) then return 'differs' end "
        "t.t = t local ok, e = pcall(cjson.encode, t) if ok then return 'endless' end "
        "local ok, e = pcall(cjson.decode, string.rep('[', 100000)) if ok then return 'endless' end return e:sub(1, 32)",
        "$32\r\nFound too many nested data struc\r\n");
    testhost_deinit(&t);
}

Test(script_lib, tables_of_cjson_new_keep_their_own_settings)
{
    struct testhost t;
    testhost_init(&t, 0, 0);
    assert_eval(&t,
                "local other = cjson.new() other.encode_number_precision(3) other.decode_max_depth(1) "
                "return {cjson.encode(1 / 3), other.encode(1 / 3), tostring(pcall(other.decode, '[[1]]')), "
                "cjson.encode(cjson.decode('[[1]]'))}",
                "*4\r\n$16\r\n0.33333333333333\r\n$5\r\n0.333\r\n$5\r\nfalse\r\n$5\r\n[[1]]\r\n");
    testhost_deinit(&t);
}
