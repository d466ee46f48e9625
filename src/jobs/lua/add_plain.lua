-- SPDX-License-Identifier: MIT
-- Adds jobs that have nothing but a name, data and options: no id, place, parent or deduplication of their own. They are most jobs, so this
-- declares few functions and calls the server seven times for one job and three times for each further one. lua/add.lua does the rest.
--   KEYS[1]     prefix
--   ARGV[1]     now
--   ARGV[2...]  for each job: name, data, options as JSON
-- Returns their ids.
--@use events probe

-- Where one cannot be added none is; their numbers are used up.
local function take_back(prefix, ids, why)
    for i = 1, #ids do call('DEL', prefix .. ids[i]) end
    error(why)
end

local ids, count = {}, (#ARGV - 1) / 3
local events = queue .. 'events'
local meta = call('HMGET', queue .. 'meta', 'paused', 'concurrency', 'opts.maxLenEvents')
local list = queue .. 'wait'
if meta[1] and string.find(call('HGET', queue .. 'meta', 'version') or '', '^bullmq:[1-5]%.') then list = queue .. 'paused' end -- place.lua
local last = call('INCRBY', queue .. 'id', count) - count
for i = 1, count do
    local at, id = i * 3 - 1, last + i .. ''
    local stored = try('HSET', queue .. id, 'name', ARGV[at], 'data', ARGV[at + 1], 'opts', ARGV[at + 2], 'timestamp', ARGV[1],
                       'delay', 0, 'priority', 0)
    if type(stored) ~= 'number' then take_back(queue, ids, stored.err) end
    ids[i] = id
end
for i = 1, count, 1000 do
    local pushed = try('LPUSH', list, unpack(ids, i, math.min(i + 999, count)))
    if type(pushed) ~= 'number' then take_back(queue, ids, pushed.err) end
end
local events_max = whole(meta[3]) or keep_events_max(queue)
for i = 1, count do
    try('XADD', events, '*', 'event', 'added', 'jobId', ids[i], 'name', ARGV[i * 3 - 1])
    try('XADD', events, 'MAXLEN', '~', events_max, '*', 'event', 'waiting', 'jobId', ids[i])
end
local max = number(meta[2])
if not meta[1] and not (max and size_of('LLEN', queue .. 'active') >= max) then
    try('ZADD', queue .. 'marker', 0, '0')
end
return ids
