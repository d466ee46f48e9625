/* SPDX-License-Identifier: MIT */
/* The engine's side of scripts: what the Lua host asks of it, and what the engine asks of the host. */
#ifndef ENGINE_SCRIPT_H
#define ENGINE_SCRIPT_H

#include "engine/state.h"
#include "script/script.h"

OXQ_MUST_USE oxq_err engine_script_open(struct engine *e, struct oxq_error *err);
void engine_script_close(struct engine *e);
/* Takes over parameters that CONFIG SET may have changed. */
void engine_script_configure(struct engine *e);
/* Bytes held by Lua; scripts in the cache. */
size_t engine_script_memory(const struct engine *e);
size_t engine_script_count(const struct engine *e);

#endif
