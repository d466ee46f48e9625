-- SPDX-License-Identifier: MIT
-- Finished jobs run again.
--   KEYS[1]     prefix
--   ARGV[1]     completed or failed
--   ARGV[2]     1: their attempts are counted anew
--   ARGV[3]     1: so are their starts
--   ARGV[4]     1: one with the option lifo is the next one
--   ARGV[5...]  ids
-- Returns for each 1, -1, -3 or -106.
--@use meta events wake place rejoin damage

local function forget_run(key, argv)
    local fields = { 'finishedOn', 'processedOn', argv[1] == 'failed' and 'failedReason' or 'returnvalue' }
    if argv[2] == '1' then fields[#fields + 1] = 'atm' end
    if argv[3] == '1' then fields[#fields + 1] = 'ats' end
    call('HDEL', key, unpack(fields))
end

local function is_lifo(opts)
    if not opts or not string.find(opts, '"lifo"', 1, true) then return false end
    local is_json, options = pcall(cjson.decode, opts)
    return is_json and type(options) == 'table' and options.lifo == true
end

local function rerun(prefix, argv, i, meta)
    local id, state = argv[i], argv[1]
    local key = prefix .. id
    local job = try('HMGET', key, 'timestamp', 'parentKey', 'priority', 'opts', 'finishedOn')
    if not job[1] and (job.err or call('EXISTS', key) == 0) then return -1 end
    if call('ZREM', prefix .. state, id) == 0 then return -3 end
    if not place(prefix, id, whole(job[3]) or 0, argv[4] == '1' and is_lifo(job[4]) and 'RPUSH' or 'LPUSH') then
        call('ZADD', prefix .. state, whole(job[5]) or 0, id)
        return -106
    end
    forget_run(key, argv)
    wake_if_open(prefix, meta)
    join_parent(job[2], key, state)
    emit_and_trim(prefix, events_max_of(prefix, meta), 'waiting', 'jobId', id, 'prev', state)
    return 1
end

local meta = read_meta(queue)
local codes = {}
for i = 5, #ARGV do codes[#codes + 1] = rerun(queue, ARGV, i, meta) end
return codes
