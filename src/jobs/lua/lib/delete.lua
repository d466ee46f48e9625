-- SPDX-License-Identifier: MIT
-- All keys of a job.
--@use keys

local function delete_job(key)
    call('DEL', key, key .. ':logs', key .. ':dependencies', key .. ':processed', key .. ':failed',
         key .. ':unsuccessful')
end
