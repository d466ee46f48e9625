/* SPDX-License-Identifier: MIT */
/*
 * The unpackers that scripts have, fed through a real script: cmsgpack, struct and cjson. The first byte chooses one; for struct
 * the input up to the first '|' is the format.
 */
#include "base/mem.h"
#include "script/testhost.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static const char *const scripts[] = {
    "local ok, v = pcall(cmsgpack.unpack, ARGV[1]) if ok then pcall(cmsgpack.pack, v) end "
    "pcall(cmsgpack.unpack_one, ARGV[1], 1) pcall(cmsgpack.unpack_limit, ARGV[1], 3, 1) return 1",
    "pcall(struct.unpack, ARGV[1], ARGV[2]) pcall(struct.unpack, ARGV[1], ARGV[2], 2) pcall(struct.size, ARGV[1]) "
    "pcall(struct.pack, ARGV[1], 1, ARGV[2], -7.5, ARGV[2], 1e300, ARGV[2], 3, 4, 5, 6) return 1",
    "local ok, v = pcall(cjson.decode, ARGV[1]) if ok then pcall(cjson.encode, v) end return 1",
};
#define SCRIPTS_COUNT (sizeof(scripts) / sizeof(scripts[0]))

/* The host lives from input to input: what Lua keeps looks like a leak after each, and looking for leaks takes most of the time. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static char no_leaks[] = "-detect_leaks=0";
    char **more = mem_alloc(((size_t)*argc + 2) * sizeof(*more));
    memcpy(more, *argv, (size_t)*argc * sizeof(*more));
    more[*argc] = no_leaks;
    more[*argc + 1] = NULL;
    *argv = more;
    ++*argc;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct testhost host;
    if (!host.host) testhost_init(&host, SCRIPT_MEMORY_BYTES_MIN * 4, 0);
    if (len == 0) return 0;
    struct slice input = slice_of(data + 1, len - 1);
    const char *bar = input.len ? memchr(input.at, '|', input.len) : NULL;
    size_t first = bar ? (size_t)(bar - input.at) : input.len;
    struct slice argv[] = {
        SLICE_LIT("eval"),
        slice_from_text(scripts[data[0] % SCRIPTS_COUNT]),
        SLICE_LIT("0"),
        data[0] % SCRIPTS_COUNT == 1 ? slice_of(input.at, first) : input,
        slice_from(input, bar ? first + 1 : input.len),
    };
    CHECK(slice_equal(slice_from_text(testhost_run(&host, argv, 5)), SLICE_LIT(":1\r\n")));
    return 0;
}
