-- SPDX-License-Identifier: MIT
-- Tells an event of a program's own in the stream of the queue's events.
--   KEYS[1]     prefix
--   ARGV[1...]  its kind, then names of fields and their values
--@use events

emit_and_trim(queue, get_events_max(queue), unpack(ARGV))
return 0
