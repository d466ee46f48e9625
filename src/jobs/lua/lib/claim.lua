-- SPDX-License-Identifier: MIT
-- A new job claims a deduplication id that another may hold: add.lua, whose queues (`q`) and arguments these are.
--@use events meta hold place wake delete

local function tell_deduplicated(q, kept, dropped, de)
    emit_and_trim(q.prefix, events_max_of(q.prefix, q.meta), 'deduplicated', 'jobId', kept, 'deduplicationId', de.id,
                  'deduplicatedJobId', dropped)
end

-- While the holder is active, the newest job waits for its end.
local function keep_next(q, holder, id, de, argv, i)
    local prefix = q.prefix
    if not de.keepLastIfActive or type(try('LPOS', prefix .. 'active', holder)) ~= 'number' then return false end
    local key = prefix .. 'dn:' .. de.id
    call('DEL', key)
    call('HSET', key, 'name', argv[i + 1], 'data', argv[i + 2], 'opts', argv[i + 3], 'jid', id)
    call('PERSIST', prefix .. 'de:' .. de.id)
    tell_deduplicated(q, holder, id, de)
    return true
end

-- The job takes the place of a holder that is delayed, and of one that waited for that.
local function replace_holder(q, holder, id, de)
    local prefix, key = q.prefix, q.prefix .. 'de:' .. de.id
    if q.has_delayed then mark_delayed(prefix) end
    q.has_delayed = false
    if try('ZREM', prefix .. 'delayed', holder) ~= 1 then return false end
    delete_job(prefix .. holder)
    call('DEL', prefix .. 'dn:' .. de.id)
    emit(prefix, 'removed', 'jobId', holder, 'prev', 'delayed')
    tell_deduplicated(q, id, holder, de)
    if de.ttl and not de.extend and not de.keepLastIfActive then
        call('SET', key, id, 'KEEPTTL')
    else
        hold_deduplication(key, id, de)
    end
    return true
end

-- A holder that is gone without a word, in a failure of the server, holds no longer.
local function is_stale(prefix, holder, key)
    return call('PTTL', key) == -1 and call('EXISTS', prefix .. holder) == 0
end

local function reschedule(q, holder, timestamp, delay_ms)
    local prefix = q.prefix
    if type(try('ZSCORE', prefix .. 'delayed', holder)) ~= 'string' then return end
    try('HSET', prefix .. holder, 'delay', delay_ms)
    local due = place_delayed(prefix, holder, timestamp, delay_ms)
    q.has_delayed = true
    emit_and_trim(prefix, events_max_of(prefix, q.meta), 'delayed', 'jobId', holder, 'delay', due)
end

-- Returns who holds the deduplication id, when that is not this job. What is no text is nobody's.
local function find_holder(q, id, timestamp, more, argv, i)
    local de = more.de
    local key = q.prefix .. 'de:' .. de.id
    local holder = try('GET', key)
    holder = type(holder) == 'string' and holder
    local can_replace = de.replace and not more.children
    if holder and can_replace and replace_holder(q, holder, id, de) then return nil end
    if holder and is_stale(q.prefix, holder, key) then
        call('DEL', q.prefix .. 'dn:' .. de.id)
        holder = nil
    end
    if not holder then
        hold_deduplication(key, id, de)
        return nil
    end
    if not keep_next(q, holder, id, de, argv, i) and not can_replace then
        if de.extend and de.ttl then hold_deduplication(key, holder, de) end
        tell_deduplicated(q, holder, id, de)
    end
    if de.reschedule and not can_replace and not more.children then reschedule(q, holder, timestamp, more.delay or 0) end
    return holder
end
