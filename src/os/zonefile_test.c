/* SPDX-License-Identifier: MIT */
#include "os/testfolder.h"
#include "os/zonefile.h"

#include <criterion/criterion.h>
#include <sys/stat.h>

static char folder[TESTFOLDER_PATH_MAX];

static void make_file(const char *name, const char *text)
{
    char path[TESTFOLDER_PATH_MAX + 32];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    cr_assert(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

static void set_up(void)
{
    testfolder_make(folder);
    char zones[TESTFOLDER_PATH_MAX + 32];
    snprintf(zones, sizeof(zones), "%s/zones", folder);
    cr_assert_eq(mkdir(zones, 0700), 0);
    cr_assert_eq(setenv("TZDIR", zones, 1), 0);
    make_file("secret", "secret");
    make_file("zones/Here", "bytes of Here");
    snprintf(zones, sizeof(zones), "%s/zones/Europe", folder);
    cr_assert_eq(mkdir(zones, 0700), 0);
    make_file("zones/Europe/Port-au_A+1", "bytes of the other");
}

static void tear_down(void)
{
    testfolder_remove(folder);
}

TestSuite(zonefile, .init = set_up, .fini = tear_down);

static oxq_err read_zone(struct slice name, struct buf *out, struct oxq_error *err)
{
    *out = (struct buf){.limit_bytes = ZONEFILE_MAX_BYTES};
    return zonefile_read(name, out, err);
}

Test(zonefile, reads_the_file_of_a_name)
{
    OWNED(buf_deinit) struct buf here = {0};
    cr_assert_eq(read_zone(SLICE_LIT("Here"), &here, NULL), OXQ_OK);
    cr_assert(slice_equal(buf_borrow(&here), SLICE_LIT("bytes of Here")));
    OWNED(buf_deinit) struct buf other = {0};
    cr_assert_eq(read_zone(SLICE_LIT("Europe/Port-au_A+1"), &other, NULL), OXQ_OK);
    cr_assert(slice_equal(buf_borrow(&other), SLICE_LIT("bytes of the other")));
}

Test(zonefile, no_name_leads_out_of_the_folder)
{
    static const struct slice bad[] = {SLICE_INIT(""),
                                       SLICE_INIT("../secret"),
                                       SLICE_INIT("Europe/../../secret"),
                                       SLICE_INIT("."),
                                       SLICE_INIT("/etc/passwd"),
                                       SLICE_INIT("Europe/"),
                                       SLICE_INIT("Europe//Here"),
                                       SLICE_INIT("Here\0"),
                                       SLICE_INIT("He re"),
                                       SLICE_INIT("Here\n"),
                                       SLICE_INIT("./Here"),
                                       SLICE_INIT("\xc3\x84")};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct buf out;
        cr_assert_eq(read_zone(bad[i], &out, NULL), OXQ_ERR_ARGUMENT, "%zu", i);
        cr_assert_eq(out.len, 0);
    }
    char name[ZONEFILE_NAME_MAX_BYTES + 1];
    memset(name, 'a', sizeof(name));
    struct buf out;
    cr_assert_eq(read_zone(slice_of(name, sizeof(name)), &out, NULL), OXQ_ERR_ARGUMENT);
    cr_assert_eq(read_zone(slice_of(name, sizeof(name) - 1), &out, NULL), OXQ_ERR_NOT_FOUND);
}

Test(zonefile, says_whether_the_zone_is_missing_or_all_of_them)
{
    struct buf out;
    struct oxq_error err;
    cr_assert_eq(read_zone(SLICE_LIT("Europe/Atlantis"), &out, &err), OXQ_ERR_NOT_FOUND);
    cr_assert(strstr(err.text, "no time zone Europe/Atlantis in "), "%s", err.text);
    cr_assert_eq(read_zone(SLICE_LIT("Europe"), &out, &err), OXQ_ERR_NOT_FOUND);
    cr_assert_eq(setenv("TZDIR", "/nowhere/at/all", 1), 0);
    cr_assert_eq(read_zone(SLICE_LIT("Here"), &out, &err), OXQ_ERR_NOT_FOUND);
    cr_assert(strstr(err.text, "install tzdata"), "%s", err.text);
}
