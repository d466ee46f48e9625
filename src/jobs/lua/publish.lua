-- SPDX-License-Identifier: MIT
-- Tells an event of a program's own in the stream of the queue's events.
--   KEYS[1]     prefix
--   ARGV[1...]  its kind, then names of fields and their values
--@use meta

local meta = read_meta(queue)
call('XADD', queue .. 'events', 'MAXLEN', '~', whole(meta[5]) or 10000, '*', 'event', unpack(ARGV))
events_max_of(queue, meta)
return 0
