"""``fleet.rule`` as scripts that a Redis-protocol engine runs, atomic for what they are given.

KEYS of a batch: for each partition its seq and its log, then the key of each write, and
behind that of a guarded Keep that of its guard. ARGV[1]: one MessagePack array, see
``fleet.redis_encoding``; then the octets of each Keep, which that format cannot carry here.
Numbers stay below 2^53; nonces are two halves.
"""

from __future__ import annotations

from typing import Final

BATCH: Final = r"""
local call, pack, unpack_from = redis.call, struct.pack, struct.unpack
local message = cmsgpack.unpack(ARGV[1])
local writer, at_ms, log_length, mark_ms = message[1], message[2], message[3], message[4]
local clock = call('TIME')
local now_ms = clock[1] * 1000 + math.floor(clock[2] / 1000)
local next_key, next_octets = 0, 1
local outcomes = {}

local function key()
  next_key = next_key + 1
  return KEYS[next_key]
end

local function rest_of(name)
  return string.sub(name, string.find(name, '}', 1, true) + 3)
end

local function not_above(high, low, mark)
  local mark_high, mark_low = unpack_from('>I4I4', mark)
  return high < mark_high or (high == mark_high and low <= mark_low)
end

local function is_replay(guard, guard_key, held)
  if guard[1] == 1 then return call('EXISTS', guard_key) == 1 end
  if held then return false end
  local mark = call('GET', guard_key)
  if not mark then return false end
  local raised_ms = unpack_from('>I8', mark, 9)
  return string.sub(mark, 17) ~= writer and not_above(guard[2], guard[3], mark)
    and raised_ms + message[5] < guard[4]
end

for _, group in ipairs(message[6]) do
  local seq_key, log_key = key(), key()
  local seq = tonumber(call('GET', seq_key) or 0)
  if seq == 0 then seq = clock[1] * 1000000 + clock[2] else seq = seq + 1 end
  if seq <= group[1] then seq = group[1] + 1 end
  local fields = {}
  for _, write in ipairs(group[2]) do
    local kind, name = write[1], key()
    local outcome = 0
    if kind == 1 then
      local ttl_ms, base, takes_over, restores = write[2], write[3], write[4], write[5]
      local epoch, guard = write[6], write[8]
      next_octets = next_octets + 1
      local guard_key = guard and key()
      local held = call('GET', name)
      local version, held_epoch = 0, 0
      if held then version, held_epoch = unpack_from('>I8I8', held) end
      if guard and is_replay(guard, guard_key, held) then
        outcome = {3, held or '', held and call('PTTL', name) or 0}
      elseif held and ((restores == 0 and version ~= base) or (restores == 1 and
          (held_epoch > epoch or (held_epoch == epoch and version >= write[7])))) then
        outcome = {1, held, call('PTTL', name)}
      else
        if takes_over == 1 then epoch = seq end
        local octets = pack('>I8I8', seq, epoch) .. ARGV[next_octets]
        call('SET', name, octets, 'PX', ttl_ms)
        fields[#fields + 1] = 'r' .. pack('>I4', ttl_ms) .. rest_of(name)
        fields[#fields + 1] = octets
        outcome = seq
      end
    elseif kind == 2 then
      local held = call('GET', name)
      if not held then
        outcome = {2, '', 0}
      else
        local version = unpack_from('>I8', held)
        if version ~= write[2] then
          outcome = {1, held, call('PTTL', name)}
        else
          call('PEXPIRE', name, write[3], 'GT')
          outcome = version
        end
      end
    elseif kind == 3 then
      local held = call('GET', name)
      if held then outcome = {1, held, call('PTTL', name)} else outcome = {2, '', 0} end
    elseif kind == 4 then
      local mark = call('GET', name)
      local nonce = pack('>I4I4', write[2], write[3])
      if mark and not_above(write[2], write[3], mark) then
        local own = string.sub(mark, 1, 8) == nonce and string.sub(mark, 17) == writer
        if not own then outcome = {3, '', 0} end
      else
        call('SET', name, nonce .. pack('>I8', write[4]) .. writer, 'PX', mark_ms)
        fields[#fields + 1] = 'n' .. rest_of(name)
        fields[#fields + 1] = nonce
      end
    elseif kind == 5 then
      call('DEL', name)
      fields[#fields + 1] = 'f' .. rest_of(name)
      fields[#fields + 1] = ''
    else
      if write[3] == 1 and write[2] > now_ms then
        call('SET', name, pack('>I8', write[2]), 'PX', write[2] - now_ms)
      end
      fields[#fields + 1] = 's' .. rest_of(name)
      fields[#fields + 1] = pack('>I8', write[2])
    end
    outcomes[#outcomes + 1] = outcome
  end
  if #fields > 0 then
    local id = string.format('%.0f', seq)
    call('SET', seq_key, id)
    call('XADD', log_key, 'MAXLEN', '~', log_length, id .. '-1',
      'w', writer, 't', string.format('%.0f', at_ms), unpack(fields))
  end
end
return outcomes
"""

READ: Final = r"""
local found = {}
for place, name in ipairs(KEYS) do
  local held = redis.call('GET', name)
  found[place] = held and {held, redis.call('PTTL', name)} or false
end
return found
"""
"""What some keys hold, with their lifetimes."""
