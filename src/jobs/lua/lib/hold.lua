-- SPDX-License-Identifier: MIT
-- Taking a deduplication id: `de:<id>` says by which job.
--@use keys

local function hold_deduplication(key, id, options)
    if options and options.ttl and options.ttl > 0 and not options.keepLastIfActive then
        call('SET', key, id, 'PX', options.ttl)
    else
        call('SET', key, id)
    end
end
