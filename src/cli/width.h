/* SPDX-License-Identifier: MIT */
/* Columns of a terminal that a text takes, which are neither its bytes nor its characters: East Asian ones and emoji are two wide, marks none. */
#ifndef CLI_WIDTH_H
#define CLI_WIDTH_H

#include "base/slice.h"

size_t width_of(struct slice text);
/* Bytes of the longest beginning of a text that takes at most so many columns; a mark stays with its letter. */
size_t width_fit(struct slice text, size_t columns);
/* Of the terminal behind a descriptor; SIZE_MAX where there is none, or it does not say. */
size_t width_of_terminal(int fd);

#endif
