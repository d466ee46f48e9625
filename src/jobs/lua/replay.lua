-- SPDX-License-Identifier: MIT
-- Dead letters go back: the job of each waits in its queue again, as if it had never run, and the letter is removed.
-- docs/dead-letters.md tells what becomes of a failed job that is still there, and of a parent.
--   KEYS[1]     prefix of the dead-letter queue
--   ARGV[1]     now
--   ARGV[2...]  ids of dead letters
-- Returns for each the id of its job; or -1, -101 when it is no dead letter, -102 when there is a job of its id, -103 when a worker has it,
-- -106 when its queue cannot take it. Of large letters only the first have an answer: the others are for the next call.
--@use meta events wake place delete takeout rejoin letter probe

-- The failed job is still there.
local function revive(prefix, letter)
    local key = prefix .. letter.id
    call('ZREM', prefix .. 'failed', letter.id)
    call('HSET', key, 'name', letter.name, 'data', letter.data, 'opts', letter.opts, 'delay', '0')
    call('HDEL', key, 'finishedOn', 'processedOn', 'failedReason', 'atm', 'ats', 'stc', 'pb', 'deid', 'oxq.dead')
    join_parent(call('HGET', key, 'parentKey'), key, 'failed')
    return call('HGET', key, 'priority')
end

-- A parent that waits for other children waits for this one again.
local function find_parent(letter)
    local key = letter.parentKey
    if not key or not letter.parent or letter.parent == 'null' then return nil end
    local prefix, id = string.match(key, '^(.*:)([^:]*)$')
    return prefix and type(try('ZSCORE', prefix .. 'waiting-children', id)) == 'string' and key
end

local function add_anew(prefix, letter, now)
    local key, priority = prefix .. letter.id, whole(letter.options.priority) or 0
    call('HSET', key, 'name', letter.name, 'data', letter.data, 'opts', letter.opts, 'timestamp',
         whole(letter.timestamp) and string.format('%.0f', letter.timestamp) or now, 'delay', '0', 'priority', priority)
    local parent = find_parent(letter)
    if parent then
        call('HSET', key, 'parentKey', parent, 'parent', letter.parent)
        try('SADD', parent .. ':dependencies', key)
    end
    emit(prefix, 'added', 'jobId', letter.id, 'name', letter.name)
    return priority
end

local function send_back(prefix, letter, dead_id, now)
    local id, key = letter.id, prefix .. letter.id
    if not is_sound(prefix) or not is_kind('ZCARD', prefix .. 'failed') or not is_kind('HLEN', key) then return -106 end
    local meta, prev, priority = read_meta(prefix, try), nil, nil
    if call('EXISTS', key) == 0 then
        priority = add_anew(prefix, letter, now)
    elseif call('ZSCORE', prefix .. 'failed', id) and call('HGET', key, 'oxq.dead') == dead_id then
        prev, priority = 'failed', revive(prefix, letter)
    else
        return -102
    end
    place(prefix, id, whole(priority) or 0, 'LPUSH')
    wake_if_open(prefix, meta)
    if prev then
        emit_and_trim(prefix, events_max_of(prefix, meta), 'waiting', 'jobId', id, 'prev', prev)
    else
        emit_and_trim(prefix, events_max_of(prefix, meta), 'waiting', 'jobId', id)
    end
    return id
end

-- Returns how many bytes it was, too.
local function replay(dead, id, now)
    local key = dead .. id
    local data = try('HGET', key, 'data')
    if type(data) ~= 'string' then return -1, 0 end
    if call('EXISTS', key .. ':lock') == 1 then return -103, #data end
    local letter = read_letter(data)
    if not letter then return -101, #data end
    local result = send_back(string.match(dead, '^(.-)[^:]*:$') .. letter.queue .. ':', letter, id, now)
    if result == -102 or result == -106 then return result, #data end
    local prev = take_out(dead, id)
    delete_job(key)
    emit_and_trim(dead, get_events_max(dead), 'removed', 'jobId', id, 'prev', prev)
    return result, #data
end

-- A call that has read so many bytes looks at no further letter.
local BYTES_MAX = 0x800000

local function replay_some(dead, argv)
    local results, bytes = {}, 0
    for i = 2, #argv do
        local result, size = replay(dead, argv[i], argv[1])
        results[i - 1] = result
        bytes = bytes + size
        if bytes >= BYTES_MAX then break end
    end
    return results
end

return replay_some(queue, ARGV)
