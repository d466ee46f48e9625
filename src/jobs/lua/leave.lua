-- SPDX-License-Identifier: MIT
-- Jobs leave `active` without being finished, and as many as asked for are taken.
--   KEYS[1]     prefix
--   ARGV[1..7]  as lib/fetch.lua tells, and so the reply
--   ARGV[8...]  for each job: id, token of its lock, where to, and what belongs to it; then 1 when an attempt was made, else 0; the error
--               and the stack as JSON of an attempt that failed, or empty
--                 wait      LPUSH, or RPUSH to be next
--                 delayed   ms
--                 front     the job was not begun: it is the next one; the code is for how many ms the rate allows none
--                 children  the child's key, or empty for all: it runs again when they are done; 1 when there are none to wait for
--               A code below 0 says why the job is still active, but for -104: it is damaged, and gone from there.
--@use active wake place damage fetch

-- Where jobs go. False when they cannot.

local function go_to_wait(prefix, id, push, meta)
    if not place(prefix, id, read_priority(prefix .. id), push) then return false end
    wake_if_open(prefix, meta)
    emit_and_trim(prefix, events_max_of(prefix, meta), 'waiting', 'jobId', id, 'prev', 'active')
    return true
end

local function go_to_delayed(prefix, id, delay_ms, now, meta)
    local due = place_delayed(prefix, id, now, tonumber(delay_ms))
    if not due then return false end
    call('HSET', prefix .. id, 'delay', delay_ms)
    emit_and_trim(prefix, events_max_of(prefix, meta), 'delayed', 'jobId', id, 'delay', due)
    return true
end

-- Before all of its priority.
local function go_to_front(prefix, id, meta)
    local priority = read_priority(prefix .. id)
    if priority > 0 then
        if type(try('ZADD', prefix .. 'prioritized', priority * 0x100000000, id)) ~= 'number' then return false end
    else
        if not place(prefix, id, 0, 'RPUSH') then return false end
        wake_if_open(prefix, meta)
    end
    emit_and_trim(prefix, events_max_of(prefix, meta), 'waiting', 'jobId', id, 'prev', 'active')
    return true
end

local function go_to_children(prefix, id, now)
    if type(try('ZADD', prefix .. 'waiting-children', now, id)) ~= 'number' then return false end
    emit(prefix, 'waiting-children', 'jobId', id, 'prev', 'active')
    return true
end

-- 0 when there is a child to wait for.
local function check_pending(key, child)
    if size_of('ZCARD', key .. ':unsuccessful') > 0 then return -9 end
    local is_pending
    if child ~= '' then
        is_pending = try('SISMEMBER', key .. ':dependencies', child) == 1
    else
        is_pending = size_of('SCARD', key .. ':dependencies') > 0
    end
    return is_pending and 0 or 1
end

local function note_attempt(key, is_counted, reason, stack)
    if is_counted == '1' then count_up(key, 'atm') end
    if stack ~= '' then
        call('HSET', key, 'failedReason', reason, 'stacktrace', stack)
    elseif reason ~= '' then
        call('HSET', key, 'failedReason', reason)
    end
end

local function leave_job(prefix, argv, i, meta)
    local now, id, token, to = argv[1], argv[i], argv[i + 1], argv[i + 2]
    local key = prefix .. id
    if to == 'wait' then promote(prefix, now, count_room(prefix, meta) > 0) end
    local kind = call('TYPE', key).ok
    if kind == 'none' then return -1 end
    local code = to == 'children' and check_pending(key, argv[i + 3]) or 0
    if code == 0 then code = check_lock(key, token) end
    if code ~= 0 then return code end
    local was_active = call('LREM', prefix .. 'active', '-1', id) > 0
    unlock(prefix, id, token)
    if not was_active then return -3 end
    if kind ~= 'hash' then
        tell_damaged(prefix, id)
        return -104
    end

    local is_there
    if to == 'wait' then
        is_there = go_to_wait(prefix, id, argv[i + 3], meta)
    elseif to == 'delayed' then
        is_there = go_to_delayed(prefix, id, argv[i + 3], now, meta)
    elseif to == 'front' then
        is_there = go_to_front(prefix, id, meta)
    else
        is_there = go_to_children(prefix, id, now)
    end
    if not is_there then
        call('LPUSH', prefix .. 'active', id)
        return -106
    end
    note_attempt(key, argv[i + 4], argv[i + 5], argv[i + 6])
    return to == 'front' and math.max(call('PTTL', prefix .. 'limiter'), 0) or 0
end

local meta = read_meta(queue)
local codes, has_left, has_delayed = {}, false, false
for i = 8, #ARGV, 7 do
    local code = leave_job(queue, ARGV, i, meta)
    codes[#codes + 1] = code
    has_left = has_left or code >= 0
    if code == 0 and ARGV[i + 2] == 'delayed' then has_delayed = true end
end
local reply = { codes, 0, 0 }
if ARGV[2] ~= '0' then fetch_after(queue, ARGV, meta, reply, has_left) end
-- Who takes a job now comes back by itself; all others are told.
if has_delayed and not reply[4] then mark_delayed(queue) end
return reply
