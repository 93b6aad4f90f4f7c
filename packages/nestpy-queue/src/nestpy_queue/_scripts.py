"""The steps that Redis does in one go, in Lua. All keys of one queue share a hash tag: a cluster keeps them together.

A job is a hash; a stream for each priority holds the ids of jobs that wait or run, read by one consumer group, the
fourth those of jobs that may kill their worker; a sorted set holds the delayed ones by due time, and one more stream
the dead. ``KEYS[1]`` begins all their names.
"""

from __future__ import annotations

_PRELUDE = """
local B = KEYS[1]
local clock = redis.call('TIME')
local NOW = clock[1] * 1000 + math.floor(clock[2] / 1000)
local function job(id) return B .. 'job:' .. id end
local function stream(priority) return B .. 'stream:' .. priority end
local function unstream(priority, entry)
  redis.call('XACK', stream(priority), 'workers', entry)
  redis.call('XDEL', stream(priority), entry)
end
local function let_wait(id, priority)
  local entry = redis.call('XADD', stream(priority), '*', 'id', id)
  redis.call('HSET', job(id), 'state', 'waiting', 'entry', entry)
end
local function delay(id, ms)
  redis.call('ZADD', B .. 'delayed', NOW + ms, id)
  redis.call('HSET', job(id), 'state', 'delayed', 'due', NOW + ms, 'entry', '')
end
local function free(id, key)
  if key and key ~= '' and redis.call('GET', B .. 'key:' .. key) == id then redis.call('DEL', B .. 'key:' .. key) end
end
local function bury(id, key, reason)
  free(id, key)
  local letter = redis.call('XADD', B .. 'dead', '*', 'id', id)
  redis.call('HSET', job(id), 'state', 'dead', 'letter', letter, 'reason', reason, 'ended', NOW)
end
local function id_of(priority, entry)
  local found = redis.call('XRANGE', stream(priority), entry, entry)
  if found[1] then return found[1][2][2] end
end
local function pending_of(priority, worker, most)
  local found = redis.pcall('XPENDING', stream(priority), 'workers', '-', '+', most, worker)
  if found.err then return {} end
  return found
end
"""

SUBMIT = (
    _PRELUDE
    + """
local out = {}
for i = 1, #ARGV, 6 do
  local id, data, ms, priority, key, ttl = ARGV[i], ARGV[i+1], tonumber(ARGV[i+2]), ARGV[i+3], ARGV[i+4], ARGV[i+5]
  local holder = id
  if redis.call('EXISTS', job(id)) == 0 then
    if key ~= '' and not redis.call('SET', B .. 'key:' .. key, id, 'NX', 'PX', ttl) then
      holder = redis.call('GET', B .. 'key:' .. key)
    end
    if holder == id then
      redis.call('HSET', job(id), 'data', data, 'priority', priority, 'key', key, 'enqueued', NOW)
      if ms > 0 then delay(id, ms) else let_wait(id, priority) end
    end
  end
  out[#out + 1] = holder
end
return out
"""
)

RESERVE = (
    _PRELUDE
    + """
local worker, left, rate, period = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
if redis.call('EXISTS', B .. 'paused') == 1 then return {'pause', 500} end
if rate > 0 then
  local bucket = redis.call('HMGET', B .. 'rate', 'tokens', 'at')
  local tokens = math.min(rate, tonumber(bucket[1] or rate) + (NOW - tonumber(bucket[2] or NOW)) * rate / period)
  redis.call('HSET', B .. 'rate', 'tokens', tokens, 'at', NOW)
  if tokens < 1 then return {'pause', math.ceil((1 - tokens) * period / rate)} end
  left = math.min(left, math.floor(tokens))
end
local function read(priority, count)
  local found = redis.pcall('XREADGROUP', 'GROUP', 'workers', worker, 'COUNT', count, 'STREAMS', stream(priority), '>')
  if type(found) == 'table' and found.err then
    if not string.find(found.err, 'NOGROUP') then return redis.error_reply(found.err) end
    redis.call('XGROUP', 'CREATE', stream(priority), 'workers', '0', 'MKSTREAM')
    return read(priority, count)
  end
  return found
end
local first, last = 0, 2
if ARGV[5] == 'solo' then first, last = 3, 3 end
local out = {'jobs'}
for priority = first, last do
  while left > 0 do
    local found = read(priority, left)
    if not found then break end
    if found.err then return found end
    for _, item in ipairs(found[1][2]) do
      local entry, id = item[1], item[2][2]
      local known = redis.call('HMGET', job(id), 'state', 'entry', 'data', 'failures', 'deaths', 'enqueued')
      if known[1] == 'waiting' and known[2] == entry then
        local delivery = redis.call('HINCRBY', job(id), 'delivery', 1)
        redis.call('HSET', job(id), 'state', 'running', 'owner', worker)
        out[#out + 1] = {id, known[3], delivery, known[4] or '0', known[5] or '0', known[6]}
        left = left - 1
      else
        unstream(priority, entry)
      end
    end
  end
end
if #out > 1 then
  if rate > 0 then redis.call('HINCRBYFLOAT', B .. 'rate', 'tokens', 1 - #out) end
  return out
end
if first == 3 then return {'empty'} end
local ends = {'empty'}
for priority = 0, 2 do
  local info = redis.call('XINFO', 'STREAM', stream(priority))
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then ends[#ends + 1] = info[i + 1] end
  end
end
return ends
"""
)

END = (
    _PRELUDE
    + """
local out = {}
for i = 1, #ARGV, 8 do
  local id, worker, delivery, outcome = ARGV[i], ARGV[i+1], ARGV[i+2], ARGV[i+3]
  local ms, result, reason, keep = tonumber(ARGV[i+4]), ARGV[i+5], ARGV[i+6], ARGV[i+7]
  local known = redis.call('HMGET', job(id), 'state', 'owner', 'delivery', 'entry', 'priority', 'key', 'closer')
  if known[2] ~= worker or known[3] ~= delivery then
    out[#out + 1] = 0
  elseif known[1] ~= 'running' then
    out[#out + 1] = known[7] == delivery and 1 or 0
  else
    unstream(known[5], known[4])
    redis.call('HSET', job(id), 'closer', delivery)
    redis.call('SREM', B .. 'cancel', id)
    if outcome == 'done' or outcome == 'cancelled' then
      free(id, known[6])
      redis.call('HDEL', job(id), 'data', 'progress')
      redis.call('HSET', job(id), 'state', outcome, 'result', result, 'reason', reason, 'ended', NOW)
      redis.call('PEXPIRE', job(id), keep)
      if outcome == 'done' then redis.call('INCR', B .. 'done') end
    elseif outcome == 'retry' then
      redis.call('HINCRBY', job(id), 'failures', 1)
      redis.call('HSET', job(id), 'reason', reason)
      delay(id, ms)
    elseif outcome == 'dead' then
      bury(id, known[6], reason)
    elseif ms > 0 then
      delay(id, ms)
    else
      let_wait(id, known[5])
    end
    out[#out + 1] = 1
  end
end
return out
"""
)

_RELEASE_OWN = """
local function release_own(worker, known)
  local released = 0
  for priority = 0, 3 do
    for _, item in ipairs(pending_of(priority, worker, 1000)) do
      local id = id_of(priority, item[1])
      if not id then
        unstream(priority, item[1])
      elseif not known[id] then
        unstream(priority, item[1])
        let_wait(id, priority)
        released = released + 1
      end
    end
  end
  return released
end
"""

RECOVER = (
    _PRELUDE
    + _RELEASE_OWN
    + """
local known = {}
for i = 2, #ARGV do known[ARGV[i]] = true end
return release_own(ARGV[1], known)
"""
)

FORGET = (
    _PRELUDE
    + _RELEASE_OWN
    + """
local released = release_own(ARGV[1], {})
for priority = 0, 3 do
  if #pending_of(priority, ARGV[1], 1) == 0 then
    redis.pcall('XGROUP', 'DELCONSUMER', stream(priority), 'workers', ARGV[1])
  end
end
redis.call('DEL', B .. 'alive:' .. ARGV[1])
return released
"""
)

SWEEP = (
    _PRELUDE
    + """
local max_deaths = tonumber(ARGV[1])
for _, id in ipairs(redis.call('ZRANGEBYSCORE', B .. 'delayed', '-inf', NOW, 'LIMIT', 0, 500)) do
  redis.call('ZREM', B .. 'delayed', id)
  let_wait(id, redis.call('HGET', job(id), 'priority') or '1')
end
local reclaimed, buried = 0, 0
for priority = 0, 3 do
  local consumers = redis.pcall('XINFO', 'CONSUMERS', stream(priority), 'workers')
  if consumers.err or ARGV[2] ~= '1' then consumers = {} end
  for _, consumer in ipairs(consumers) do
    local name = consumer[2]
    if redis.call('EXISTS', B .. 'alive:' .. name) == 0 then
      local pending = pending_of(priority, name, 200)
      for _, item in ipairs(pending) do
        local id = id_of(priority, item[1])
        unstream(priority, item[1])
        local known = id and redis.call('HMGET', job(id), 'state', 'owner', 'key') or {}
        if known[1] == 'running' and known[2] == name then
          local deaths = redis.call('HINCRBY', job(id), 'deaths', 1)
          if deaths >= max_deaths then
            bury(id, known[3], 'its worker died ' .. deaths .. ' times')
            buried = buried + 1
          elseif deaths == max_deaths - 1 then
            redis.call('HSET', job(id), 'priority', 3)
            let_wait(id, 3)
          else
            let_wait(id, priority)
          end
          reclaimed = reclaimed + 1
        end
      end
      if #pending < 200 then redis.call('XGROUP', 'DELCONSUMER', stream(priority), 'workers', name) end
    end
  end
end
local first = redis.call('ZRANGE', B .. 'delayed', 0, 0, 'WITHSCORES')
local due = first[2] and math.max(0, first[2] - NOW) or -1
local solo, taken = redis.call('XLEN', stream(3)), redis.pcall('XPENDING', stream(3), 'workers')
if not taken.err then solo = solo - taken[1] end
return {due, reclaimed, buried, redis.call('SMEMBERS', B .. 'cancel'), solo}
"""
)

CANCEL = (
    _PRELUDE
    + """
local id, keep = ARGV[1], ARGV[2]
local known = redis.call('HMGET', job(id), 'state', 'entry', 'priority', 'key')
local state = known[1]
if state == 'running' then redis.call('SADD', B .. 'cancel', id) end
if state ~= 'waiting' and state ~= 'delayed' then return state end
if state == 'waiting' then unstream(known[3], known[2]) else redis.call('ZREM', B .. 'delayed', id) end
free(id, known[4])
redis.call('HDEL', job(id), 'data')
redis.call('HSET', job(id), 'state', 'cancelled', 'ended', NOW)
redis.call('PEXPIRE', job(id), keep)
return 'cancelled'
"""
)

PROGRESS = (
    _PRELUDE
    + """
local known = redis.call('HMGET', job(ARGV[1]), 'state', 'owner', 'delivery')
if known[1] ~= 'running' or known[2] ~= ARGV[2] or known[3] ~= ARGV[3] then return 0 end
redis.call('HSET', job(ARGV[1]), 'progress', ARGV[4])
return 1
"""
)

COUNTS = (
    _PRELUDE
    + """
local length, running, workers, oldest = 0, 0, {}, NOW
for priority = 0, 3 do
  length = length + redis.call('XLEN', stream(priority))
  local groups = redis.pcall('XINFO', 'GROUPS', stream(priority))
  if not groups.err and groups[1] then
    running = running + groups[1][6]
    local first = redis.call('XRANGE', stream(priority), '(' .. groups[1][8], '+', 'COUNT', 1)
    if first[1] then oldest = math.min(oldest, tonumber(string.match(first[1][1], '^%d+'))) end
    for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', stream(priority), 'workers')) do
      if redis.call('EXISTS', B .. 'alive:' .. consumer[2]) == 1 then workers[consumer[2]] = true end
    end
  else
    local first = redis.call('XRANGE', stream(priority), '-', '+', 'COUNT', 1)
    if first[1] then oldest = math.min(oldest, tonumber(string.match(first[1][1], '^%d+'))) end
  end
end
local alive = 0
for _ in pairs(workers) do alive = alive + 1 end
return {length - running, redis.call('ZCARD', B .. 'delayed'), running, redis.call('XLEN', B .. 'dead'),
  tonumber(redis.call('GET', B .. 'done') or 0), alive, NOW - oldest, redis.call('EXISTS', B .. 'paused')}
"""
)

DEAD_ENDING = (
    _PRELUDE
    + """
local replay, wanted, count = ARGV[1] == 'replay', {}, 0
for i = 2, #ARGV do wanted[ARGV[i]] = true end
for _, letter in ipairs(redis.call('XRANGE', B .. 'dead', '-', '+')) do
  local id = letter[2][2]
  if #ARGV == 1 or wanted[id] then
    redis.call('XDEL', B .. 'dead', letter[1])
    if replay and redis.call('EXISTS', job(id)) == 1 then
      redis.call('HDEL', job(id), 'failures', 'deaths', 'letter', 'ended')
      if redis.call('HGET', job(id), 'priority') == '3' then redis.call('HSET', job(id), 'priority', 1) end
      let_wait(id, redis.call('HGET', job(id), 'priority'))
    else
      redis.call('DEL', job(id))
    end
    count = count + 1
  end
end
return count
"""
)
