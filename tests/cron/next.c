/* SPDX-License-Identifier: MIT */
/*
 * Answers questions, one a line, with tabs between their columns: ZONE, AFTER, START, END (milliseconds; 0: no start, no
 * end) and a cron text. The answer is a line: the next run in milliseconds, "refused: ...", or "none: ...". The text
 * "offset" asks for the zone's offset at AFTER in seconds.
 */
#include "cron/cron.h"
#include "os/zonefile.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 4096
#define COLUMNS 5

static void die(const char *what)
{
    fprintf(stderr, "next: %s\n", what);
    exit(2);
}

static void load_zone(const char *name, struct zone *out)
{
    if (zone_from_name(slice_from_text(name), out)) return;
    OWNED(buf_deinit) struct buf bytes = {.limit_bytes = ZONEFILE_MAX_BYTES};
    struct oxq_error err;
    if (zonefile_read(slice_from_text(name), &bytes, &err) || zone_parse(buf_borrow(&bytes), out, &err)) die(err.text);
}

/* Questions come sorted by zone. */
static const struct zone *find_zone(const char *name)
{
    static char last[ZONEFILE_NAME_MAX_BYTES + 1];
    static struct zone zone;
    if (strcmp(name, last) != 0) {
        zone_deinit(&zone);
        load_zone(name, &zone);
        snprintf(last, sizeof(last), "%s", name);
    }
    return &zone;
}

static void answer(char *columns[COLUMNS])
{
    struct cron cron;
    struct oxq_error err;
    int64_t run_ms;
    struct cron_span span = {strtoll(columns[2], NULL, 10), strtoll(columns[3], NULL, 10)};
    const struct zone *zone = find_zone(columns[0]);
    int64_t after_ms = strtoll(columns[1], NULL, 10);
    if (strcmp(columns[4], "offset") == 0)
        printf("%d\n", zone_offset(zone, after_ms / 1000));
    else if (cron_parse(slice_from_text(columns[4]), &cron, &err))
        printf("refused: %s\n", err.text);
    else if (cron_next(&cron, zone, span, after_ms, &run_ms, &err))
        printf("none: %s\n", err.text);
    else
        printf("%" PRId64 "\n", run_ms);
}

int main(void)
{
    char line[LINE_MAX_BYTES];
    while (fgets(line, sizeof(line), stdin)) {
        char *end = strchr(line, '\n');
        if (!end) die("a line is too long");
        *end = '\0';
        char *rest = line;
        char *columns[COLUMNS];
        for (int i = 0; i < COLUMNS; i++) {
            columns[i] = i < COLUMNS - 1 ? strsep(&rest, "\t") : rest;
            if (!columns[i]) die("a line lacks columns");
        }
        answer(columns);
    }
    return 0;
}
