/* SPDX-License-Identifier: MIT */
#include "journal/pin.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static void make_path(char out[PATH_MAX], const char *folder)
{
    if (snprintf(out, PATH_MAX, "%s/backup.pin", folder) >= PATH_MAX) out[0] = '\0';
}

/* Root may back up what another user serves: that one must be able to look at the pin. */
static void give_to_owner(int fd, const char *folder)
{
    struct stat st;
    if (stat(folder, &st) == 0 && st.st_uid != geteuid()) (void)!fchown(fd, st.st_uid, st.st_gid);
}

oxq_err journal_pin(const char *folder, struct disk_file *out, struct oxq_error *err)
{
    char path[PATH_MAX];
    make_path(path, folder);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EROFS) {
        *out = DISK_CLOSED;
        return OXQ_OK;
    }
    if (fd < 0)
        return err_set(err, errno == EACCES ? OXQ_ERR_PERMISSION : OXQ_ERR_IO, "open %s: %s", path, strerror(errno));
    give_to_owner(fd, folder);
    while (flock(fd, LOCK_SH) != 0) {
        if (errno == EINTR) continue;
        oxq_err e = err_set(err, OXQ_ERR_IO, "lock %s: %s", path, strerror(errno));
        close(fd);
        return e;
    }
    size_t bytes = strlen(path) + 1;
    *out = (struct disk_file){.fd = fd, .path = memcpy(mem_alloc(bytes), path, bytes)};
    return OXQ_OK;
}

bool journal_is_pinned(const char *folder)
{
    char path[PATH_MAX];
    make_path(path, folder);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) return false;
    bool is_pinned = flock(fd, LOCK_EX | LOCK_NB) != 0;
    close(fd);
    return is_pinned;
}
