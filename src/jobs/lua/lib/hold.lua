-- SPDX-License-Identifier: MIT
-- Taking a deduplication id: `de:<id>` says by which job.
--@use count

local function hold_deduplication(key, id, options)
    local ttl_ms = options and whole(options.ttl) or 0
    if ttl_ms > 0 and not options.keepLastIfActive then
        call('SET', key, id, 'PX', ttl_ms)
    else
        call('SET', key, id)
    end
end
