/**
 * Each limit has one key, so that all of it happens in one step, also in a cluster. Time is that of
 * Redis: gateways whose clocks differ still agree.
 */

const NOW = `
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
`

/** ARGV: window in ms, requests to add. Returns those of the window with them, and ms until it ends. */
export const FIXED_WINDOW = `
local count = redis.call('INCRBY', KEYS[1], ARGV[2])
local rest = redis.call('PTTL', KEYS[1])
if rest < 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
  rest = tonumber(ARGV[1])
end
return {count, rest}
`

/**
 * ARGV: limit, window in ms. Returns 1 or 0 for admitted or not, the requests of this window, those
 * of the one before, and ms until this one ends.
 */
export const SLIDING_WINDOW = `${NOW}
local limit = tonumber(ARGV[1])
local length = tonumber(ARGV[2])
local number = math.floor(now / length)
local state = redis.call('HMGET', KEYS[1], 'number', 'count', 'last')
local count = tonumber(state[2] or 0)
local last = tonumber(state[3] or 0)
local known = tonumber(state[1] or -1)
if known ~= number then
  last = known == number - 1 and count or 0
  count = 0
end
if last > limit then last = limit end
local rest = length - now % length
if count >= limit or count + last * rest / length >= limit then
  return {0, count, last, rest}
end
count = count + 1
redis.call('HSET', KEYS[1], 'number', string.format('%.0f', number), 'count', count, 'last', last)
redis.call('PEXPIRE', KEYS[1], length * 2)
return {1, count, last, rest}
`

/** ARGV: requests per second, burst. Returns requests in the bucket before this one; -1 = too many. */
export const LEAKY_BUCKET = `${NOW}
local rate = tonumber(ARGV[1])
local burst = tonumber(ARGV[2])
local state = redis.call('HMGET', KEYS[1], 'level', 'at')
local level = 0
if state[1] then
  level = tonumber(state[1]) - rate * (now - tonumber(state[2])) / 1000 + 1
  if level < 0 then level = 0 end
end
if level > burst then return '-1' end
redis.call('HSET', KEYS[1], 'level', tostring(level), 'at', string.format('%.0f', now))
redis.call('PEXPIRE', KEYS[1], math.ceil((burst + 1) / rate * 1000) + 1000)
return tostring(level)
`

/** ARGV: places, seconds a place is held at most, name of the place. Returns places taken; 0 = none free. */
export const ENTER = `${NOW}
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now))
local taken = redis.call('ZCARD', KEYS[1])
if taken >= tonumber(ARGV[1]) then return 0 end
local life = tonumber(ARGV[2]) * 1000
redis.call('ZADD', KEYS[1], string.format('%.0f', now + life), ARGV[3])
redis.call('PEXPIRE', KEYS[1], life)
return taken + 1
`

/** ARGV: name of the place. */
export const LEAVE = `return redis.call('ZREM', KEYS[1], ARGV[1])`
