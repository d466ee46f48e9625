/* SPDX-License-Identifier: MIT */
/* The tree below a job, as text. */
#ifndef CLI_FLOW_H
#define CLI_FLOW_H

#include "codec/json_writer.h"

#include <oxq/flow.h>

/* The member `children` of the object that is open, and so on below; nothing when there are none. */
void flow_write_children(struct json_writer *w, const oxq_flow *node);
/* A line for each job below the node, on standard output, so far in and each level further. */
void flow_print(struct arena *arena, const oxq_flow *node, int indent);

#endif
