-- SPDX-License-Identifier: MIT
-- A job has another priority. If it waits, it goes to where that belongs.
--   KEYS[1]  prefix
--   ARGV[1]  its id
--   ARGV[2]  the priority
--   ARGV[3]  1: before all of that priority
-- Returns 1 or -1.
--@use wake place probe

local function move(prefix, id, priority, is_first)
    if priority > 0 and is_first then
        call('ZADD', prefix .. 'prioritized', priority * 0x100000000, id)
        return
    end
    place(prefix, id, priority, is_first and 'RPUSH' or 'LPUSH')
    wake_if_open(prefix, read_meta(prefix, try))
end

local function change_priority(prefix, id, priority, is_first)
    if call('EXISTS', prefix .. id) == 0 then return -1 end
    demand('HLEN', prefix .. id)
    demand_places(prefix)
    if call('ZREM', prefix .. 'prioritized', id) == 1 or call('LREM', prefix .. 'wait', '-1', id) == 1 or
       call('LREM', prefix .. 'paused', '-1', id) == 1 then
        move(prefix, id, priority, is_first)
    end
    call('HSET', prefix .. id, 'priority', priority)
    return 1
end

return change_priority(queue, ARGV[1], tonumber(ARGV[2]), ARGV[3] == '1')
