/* SPDX-License-Identifier: MIT */
#include "journal/pin.h"

#include "os/testfolder.h"

#include <criterion/criterion.h>

static char folder[TESTFOLDER_PATH_MAX];

static void set_up(void)
{
    testfolder_make(folder);
}

static void tear_down(void)
{
    testfolder_remove(folder);
}

TestSuite(journal_pin, .init = set_up, .fini = tear_down);

Test(journal_pin, holds_until_the_last_one_goes)
{
    struct disk_file a = DISK_CLOSED, b = DISK_CLOSED;
    struct oxq_error err;
    cr_assert(!journal_is_pinned(folder));
    cr_assert_eq(journal_pin(folder, &a, &err), OXQ_OK, "%s", err.text);
    cr_assert_eq(journal_pin(folder, &b, &err), OXQ_OK, "%s", err.text);
    cr_assert(journal_is_pinned(folder));
    disk_close(&a);
    cr_assert(journal_is_pinned(folder));
    disk_close(&b);
    cr_assert(!journal_is_pinned(folder));
    cr_assert(!journal_is_pinned(folder), "looking at it is no pin");
}

Test(journal_pin, needs_the_folder)
{
    struct disk_file a;
    struct oxq_error err;
    testfolder_remove(folder);
    cr_assert_eq(journal_pin(folder, &a, &err), OXQ_ERR_IO);
    cr_assert(!journal_is_pinned(folder));
}
