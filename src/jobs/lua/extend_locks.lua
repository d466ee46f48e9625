-- SPDX-License-Identifier: MIT
-- Renews locks.
--   KEYS[1]     prefix
--   ARGV[1]     ms that the locks last from now on
--   ARGV[2...]  for each job: id, token
-- Returns the ids of the jobs that are another's, or nobody's, now.
--@use keys

local lost, held, locks = {}, {}, {}
for i = 2, #ARGV, 2 do locks[#locks + 1] = queue .. ARGV[i] .. ':lock' end
local tokens = call('MGET', unpack(locks))
for i = 1, #locks do
    local id = ARGV[2 * i]
    if tokens[i] == ARGV[2 * i + 1] then
        call('SET', locks[i], tokens[i], 'PX', ARGV[1])
        held[#held + 1] = id
    else
        lost[#lost + 1] = id
    end
end
if #held > 0 then try('SREM', queue .. 'stalled', unpack(held)) end
return lost
