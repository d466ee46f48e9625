-- SPDX-License-Identifier: MIT
-- Adds jobs that have nothing but a name, data and options: no id, place, parent or deduplication of their own. They are most jobs, so this
-- declares no function and calls the server seven times for one job and three times for each further one. lua/add.lua does the rest.
--   KEYS[1]     prefix
--   ARGV[1]     now
--   ARGV[2...]  for each job: name, data, options as JSON
-- Returns their ids.
--@use keys

local ids, count = {}, (#ARGV - 1) / 3
local events = queue .. 'events'
local meta = call('HMGET', queue .. 'meta', 'paused', 'concurrency', 'opts.maxLenEvents')
if not meta[3] then
    meta[3] = 10000
    call('HSET', queue .. 'meta', 'opts.maxLenEvents', 10000)
end
local number = call('INCRBY', queue .. 'id', count) - count
for i = 1, count do
    local at, id = i * 3 - 1, number + i .. ''
    call('HSET', queue .. id, 'name', ARGV[at], 'data', ARGV[at + 1], 'opts', ARGV[at + 2], 'timestamp', ARGV[1],
         'delay', 0, 'priority', 0)
    call('XADD', events, '*', 'event', 'added', 'jobId', id, 'name', ARGV[at])
    call('XADD', events, 'MAXLEN', '~', meta[3], '*', 'event', 'waiting', 'jobId', id)
    ids[i] = id
end
local list = queue .. 'wait'
if meta[1] and string.find(call('HGET', queue .. 'meta', 'version') or '', '^bullmq:[1-5]%.') then list = queue .. 'paused' end -- place.lua
for i = 1, count, 1000 do call('LPUSH', list, unpack(ids, i, math.min(i + 999, count))) end
if not meta[1] and not (meta[2] and call('LLEN', queue .. 'active') >= tonumber(meta[2])) then
    call('ZADD', queue .. 'marker', 0, '0')
end
return ids
