-- SPDX-License-Identifier: MIT
-- Pauses a queue: no worker takes a job until it is resumed.
--   KEYS[1]  prefix
--@use events

call('HSET', queue .. 'meta', 'paused', 1)
call('DEL', queue .. 'marker')
emit(queue, 'paused')
