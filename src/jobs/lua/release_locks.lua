-- SPDX-License-Identifier: MIT
-- Gives locks up; the jobs stay active and are stalled at the next sweep.
--   KEYS[1]     prefix
--   ARGV[1...]  for each job: id, token
-- Returns how many there were.
--@use active

local count = 0
for i = 1, #ARGV, 2 do
    local key = queue .. ARGV[i]
    if check_lock(key, ARGV[i + 1]) == 0 then count = count + call('DEL', key .. ':lock') end
end
return count
