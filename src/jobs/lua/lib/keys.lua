-- SPDX-License-Identifier: MIT
-- The queue's keys. KEYS[1] is their prefix, `bull:mail:`; it is not a key itself, it carries the hash tag that a cluster routes by.
local call = redis.call
local try = redis.pcall
local queue = KEYS[1]
