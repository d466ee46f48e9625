/* SPDX-License-Identifier: MIT */
/* What a script returned, as a reply. */
#ifndef SCRIPT_ANSWER_H
#define SCRIPT_ANSWER_H

#include "script/host.h"

/* Replies with the value on top of the main state's stack. Leaves the stack as it likes. */
void answer_value(struct script_host *h, struct reply *reply);

#endif
