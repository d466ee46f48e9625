-- SPDX-License-Identifier: MIT
-- A job is a hash. When somebody has put something else in its place (SET bull:mail:12), a command for a hash is an error (lib/probe.lua).
-- So what reads or changes the hash of a job that may be damaged uses `try`, and an id that has no job leaves the queue; the key stays for
-- whoever looks into it.
--@use count events

-- Such a job waits without a priority, until a worker takes it and tells.
local function read_priority(key)
    return whole(try('HGET', key, 'priority')) or 0
end

-- Returns what the key holds; whoever waits for the job's end hears that it failed.
local function tell_damaged(prefix, id)
    local key = prefix .. id
    local kind = call('TYPE', key).ok
    emit(prefix, 'failed', 'jobId', id, 'failedReason', 'the key ' .. key .. ' is no job but a ' .. kind, 'prev', 'active')
    return kind
end
