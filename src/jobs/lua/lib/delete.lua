-- SPDX-License-Identifier: MIT
-- All keys of a job.
--@use keys

-- Returns how many there were.
local function delete_job(key)
    return call('DEL', key, key .. ':logs', key .. ':dependencies', key .. ':processed', key .. ':failed',
                key .. ':unsuccessful')
end
