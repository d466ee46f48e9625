-- SPDX-License-Identifier: MIT
-- The jobs that a worker took with one request whose answer it never got: they are active under that request's token. The newest are looked
-- at, and whoever took these did so a moment ago; what is not found stalls.
--   KEYS[1]  prefix
--   ARGV[1]  the token
--   ARGV[2]  ms that the locks last from now on
--   ARGV[3]  how many it may have taken
-- Returns what lib/fetch.lua tells: its starts and fields are what they are by now.
--@use count

local PORTION, PORTIONS = 1000, 10

local function add_job(id, key, lock_ms, reply)
    local fields = try('HGETALL', key)
    if #fields == 0 then return end
    call('PEXPIRE', key .. ':lock', lock_ms)
    local n = #reply
    reply[n + 1], reply[n + 2], reply[n + 3] = id, whole(call('HGET', key, 'ats')) or 0, fields
end

-- Returns whether there may be more.
local function look(prefix, argv, from, reply)
    local ids = call('LRANGE', prefix .. 'active', from, from + PORTION - 1)
    if #ids == 0 then return false end
    local locks = {}
    for i = 1, #ids do locks[i] = prefix .. ids[i] .. ':lock' end
    local holders = call('MGET', unpack(locks))
    for i = 1, #ids do
        if holders[i] == argv[1] then add_job(ids[i], prefix .. ids[i], argv[2], reply) end
    end
    return #ids == PORTION and (#reply - 3) / 3 < tonumber(argv[3])
end

local reply = { {}, 0, 0 }
for i = 0, PORTIONS - 1 do
    if not look(queue, ARGV, i * PORTION, reply) then break end
end
return reply
