-- SPDX-License-Identifier: MIT
-- Tells an event of a program's own in the stream of the queue's events.
--   KEYS[1]     prefix
--   ARGV[1...]  its kind, then names of fields and their values
--@use events

local max = whole(call('HGET', queue .. 'meta', 'opts.maxLenEvents'))
call('XADD', queue .. 'events', 'MAXLEN', '~', max or 10000, '*', 'event', unpack(ARGV))
if not max then keep_events_max(queue) end
return 0
