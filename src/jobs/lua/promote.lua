-- SPDX-License-Identifier: MIT
-- Delayed jobs wait now.
--   KEYS[1]     prefix
--   ARGV[1...]  their ids
-- Returns for each 1, -1 or -3.
--@use events wake place damage probe

local function promote_job(prefix, id)
    if call('ZREM', prefix .. 'delayed', id) == 0 then return call('EXISTS', prefix .. id) == 1 and -3 or -1 end
    place(prefix, id, read_priority(prefix .. id), 'LPUSH')
    emit(prefix, 'waiting', 'jobId', id, 'prev', 'delayed')
    try('HSET', prefix .. id, 'delay', '0')
    return 1
end

demand('ZCARD', queue .. 'delayed')
demand_places(queue)
local codes, is_any = {}, false
for i = 1, #ARGV do
    codes[i] = promote_job(queue, ARGV[i])
    is_any = is_any or codes[i] == 1
end
if is_any then wake_if_open(queue, read_meta(queue, try)) end
return codes
