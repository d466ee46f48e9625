-- SPDX-License-Identifier: MIT
-- Dead letters: when the queue's meta names a queue in `oxq.deadQueue`, a job that has failed for good becomes a job there, with all that
-- is known of it; docs/dead-letters.md has the form.
--@use meta events wake place number

-- A stored JSON text as it is; what is not there is null; what is no JSON, a string.
local function json_or_null(text)
    if not text or text == '' then return 'null' end
    return pcall(cjson.decode, '[' .. text .. ']') and text or cjson.encode(text)
end

local function number_or(text, fallback)
    local n = whole(text)
    return n and string.format('%.0f', n) or fallback
end

local function describe_dead(prefix, id, reason, stack, attempts, now)
    local job = call('HMGET', prefix .. id, 'name', 'data', 'opts', 'timestamp', 'processedOn', 'stacktrace', 'ats', 'stc', 'pb',
                     'parentKey', 'parent')
    local name = job[1] or ''
    return name, table.concat({
        '{"queue":', cjson.encode(string.match(prefix, '([^:]*):$')), ',"id":', cjson.encode(id), ',"name":', cjson.encode(name),
        ',"data":', json_or_null(job[2]), ',"opts":', json_or_null(job[3]), ',"failedReason":', cjson.encode(reason),
        ',"stacktrace":', json_or_null(stack ~= '' and stack or job[6]), ',"attemptsMade":', attempts,
        ',"attemptsStarted":', number_or(job[7], 0), ',"stalledCount":', number_or(job[8], 0),
        ',"processedBy":', job[9] and cjson.encode(job[9]) or 'null',
        ',"parentKey":', job[10] and cjson.encode(job[10]) or 'null', ',"parent":', json_or_null(job[11]),
        ',"timestamp":', number_or(job[4], 'null'),
        ',"processedOn":', number_or(job[5], 'null'), ',"finishedOn":', now, '}' })
end

-- Returns the dead job's id in its queue, or nil where none can be added.
local function bury(prefix, dead_queue, name, data, now)
    local dead = string.match(prefix, '^(.-)[^:]*:$') .. dead_queue .. ':'
    local meta = read_meta(dead, try)
    local id = has_places(dead) and free_id(dead)
    if not id then return nil end
    call('HSET', dead .. id, 'name', name, 'data', data, 'opts', '{"attempts":0}', 'timestamp', now, 'delay', '0',
         'priority', '0')
    emit(dead, 'added', 'jobId', id, 'name', name)
    place(dead, id, 0, 'LPUSH')
    wake_if_open(dead, meta)
    emit_and_trim(dead, events_max_of(dead, meta), 'waiting', 'jobId', id)
    return id
end
