/* SPDX-License-Identifier: MIT */
#include "keyspace/word.h"

#define WORD(first, last, text) [WORD_PLACE(first, last, sizeof(text) - 1)] = {sizeof(text) - 1, text}

const struct word word_table[WORDS_COUNT] = {
    /* The fields of a job, ... */
    WORD('n', 'e', "name"),
    WORD('d', 'a', "data"),
    WORD('o', 's', "opts"),
    WORD('t', 'p', "timestamp"),
    WORD('d', 'y', "delay"),
    WORD('p', 'y', "priority"),
    WORD('p', 'n', "processedOn"),
    WORD('f', 'n', "finishedOn"),
    WORD('a', 'm', "atm"),
    WORD('a', 's', "ats"),
    WORD('r', 'e', "returnvalue"),
    WORD('f', 'n', "failedReason"),
    WORD('s', 'e', "stacktrace"),
    WORD('p', 's', "progress"),
    WORD('p', 'y', "parentKey"),
    WORD('p', 't', "parent"),
    WORD('r', 'k', "rjk"),
    WORD('d', 'd', "deid"),
    WORD('p', 'b', "pb"),
    WORD('t', 'm', "tm"),
    WORD('s', 'c', "stc"),
    WORD('n', 'd', "nrjid"),
    /* ... what they often hold, ... */
    WORD('0', '0', "0"),
    WORD('1', '1', "1"),
    WORD('n', 'l', "null"),
    WORD('[', ']', "[]"),
    WORD('{', '}', "{}"),
    WORD('{', '}', "{\"attempts\":0}"),
    /* ... and the fields of metrics and schedulers. */
    WORD('c', 't', "count"),
    WORD('p', 'S', "prevTS"),
    WORD('p', 't', "prevCount"),
    WORD('e', 'y', "every"),
    WORD('i', 'c', "ic"),
};
