/** Finished shards that the rate is computed from. */
const RECENT = 512;

/** Ends a script, unless the job is there and still in the run that its first key and the argument name. */
const inRun = (argument: number) => `
local known = redis.call('HMGET', KEYS[1], 'state', 'run')
if not known[1] or (known[2] or '') ~= ARGV[${argument}] then return 0 end`;

/**
 * Notes a job, as one whose shards are still being queued: a new one, or one to go on with, in a new run if it was
 * cancelled. Answers with its run, whether it was there and the items known of it; with nothing if there is another with its id.
 * KEYS: job, failed, notes, retried, jobs. ARGV: job, specification, a new run, 1 if it may not be there.
 */
export const OPEN = `
local known = redis.call('HMGET', KEYS[1], 'state', 'run', 'spec')
if known[3] and (known[3] ~= ARGV[2] or ARGV[4] == '1') then return nil end
local run = known[2] or ''
if not known[1] or known[1] == 'cancelled' then
  run = ARGV[3]
  redis.call('DEL', KEYS[2], KEYS[3], KEYS[4])
end
redis.call('SADD', KEYS[5], ARGV[1])
redis.call('HSET', KEYS[1], 'spec', ARGV[2], 'state', 'submitting', 'run', run)
return {run, known[3] and 1 or 0, tonumber(redis.call('HGET', KEYS[1], 'items') or '0')}`;

/**
 * Says how large a job is, as far as that is known, and that all of it is queued; unless it was cancelled or removed.
 * KEYS: job. ARGV: run, shards, items, the state if that is another one now.
 */
export const GROW = `${inRun(1)}
if known[1] == 'cancelled' then return 0 end
for i, field in ipairs({'shards', 'items'}) do
  local size = tonumber(redis.call('HGET', KEYS[1], field) or '0')
  redis.call('HSET', KEYS[1], field, math.max(size, tonumber(ARGV[i + 1])))
end
if ARGV[4] ~= '' then redis.call('HSET', KEYS[1], 'state', ARGV[4]) end
return 1`;

/** Notes a job as cancelled. KEYS: job. ARGV: its run. Answers with its shards; with nothing if it is not in that run. */
export const CANCEL = `
local known = redis.call('HMGET', KEYS[1], 'state', 'run', 'shards')
if not known[1] or (known[2] or '') ~= ARGV[1] then return nil end
redis.call('HSET', KEYS[1], 'state', 'cancelled')
return tonumber(known[3] or '0')`;

/** Forgets a job. KEYS: all of the job, jobs. ARGV: its run, job. */
export const REMOVE = `
local known = redis.call('HMGET', KEYS[1], 'state', 'run')
if not known[1] or (known[2] or '') ~= ARGV[1] then return 0 end
redis.call('SREM', KEYS[#KEYS], ARGV[2])
for i = 1, #KEYS - 1 do redis.call('DEL', KEYS[i]) end
return 1`;

/**
 * Notes a shard as done. Once: a shard that two workers did, because one of them was thought dead, counts as one.
 * KEYS: job, done, failed, notes, retried, poison, recent. ARGV: run, shard, stored, then places and items that were set
 * aside.
 */
export const FINISH = `${inRun(1)}
for i = 3, 5 do redis.call('HDEL', KEYS[i], ARGV[2]) end
if redis.call('SETBIT', KEYS[2], ARGV[2], 1) == 1 then return 0 end
redis.call('HINCRBY', KEYS[1], 'stored', ARGV[3])
redis.call('HINCRBY', KEYS[1], 'done', 1)
for i = 4, #ARGV, 2 do redis.call('HSET', KEYS[6], ARGV[i], ARGV[i + 1]) end
redis.call('LPUSH', KEYS[7], redis.call('TIME')[1] .. ':' .. ARGV[3])
redis.call('LTRIM', KEYS[7], 0, ${RECENT - 1})
return 1`;

/**
 * Notes a shard as failed, unless it is done.
 * KEYS: job, done, failed, notes, retried. ARGV: run, shard, message.
 */
export const FAIL = `${inRun(1)}
redis.call('HDEL', KEYS[4], ARGV[2])
redis.call('HDEL', KEYS[5], ARGV[2])
if redis.call('GETBIT', KEYS[2], ARGV[2]) == 1 then return 0 end
return redis.call('HSET', KEYS[3], ARGV[2], ARGV[3])`;

/**
 * Keeps a note of a shard that is being done; of a job that was removed meanwhile nothing may come back.
 * KEYS: job, notes. ARGV: run, shard, note.
 */
export const NOTE = `${inRun(1)}
return redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])`;

/** Says who queues a failed shard again. KEYS: failed, retried. ARGV: shard, who. */
export const RETRY = `
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
return 1`;

/**
 * Takes the note of a failed shard away that is queued again, unless it has failed again since.
 * KEYS: failed, retried. ARGV: shard, who.
 */
export const FORGIVE = `
if redis.call('HGET', KEYS[2], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1])
return 1`;
