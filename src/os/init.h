/* SPDX-License-Identifier: MIT */
/* The first process of a container, to which all come that have lost their parent. */
#ifndef OS_INIT_H
#define OS_INIT_H

/*
 * Where this process is number 1: begins its own program once more with `argv`, ended by NULL, in a child, and is from then on only what number
 * 1 must be: it passes signals on, takes what has ended off the list of processes, and ends as the child does. Otherwise, and where no
 * child can be had, nothing. Call before any other thread exists.
 */
void init_begin(char **argv);

#endif
