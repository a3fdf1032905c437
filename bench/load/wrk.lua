-- Arguments: verify|load, file with the expected body, path of the request body or "-", "close" or "keep".
-- `verify` compares every answer with the file (it doubles what wrk costs); `load` leaves the counting to wrk.
local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  wrongStatus, wrongBody, answers = 0, 0, 0
  local file = assert(io.open(args[2], "rb"))
  local expected = file:read("*a")
  file:close()
  if args[3] ~= "-" then
    local body = assert(io.open(args[3], "rb"))
    wrk.method = "POST"
    wrk.body = body:read("*a")
    wrk.headers["Content-Type"] = "application/octet-stream"
    body:close()
  end
  if args[4] == "close" then wrk.headers["Connection"] = "close" end
  if args[1] == "verify" then
    function response(status, headers, body)
      answers = answers + 1
      if status ~= 200 then wrongStatus = wrongStatus + 1 end
      if body ~= expected then wrongBody = wrongBody + 1 end
    end
  end
end

function done(summary, latency, requests)
  local wrongStatus, wrongBody, answers = 0, 0, 0
  for _, thread in ipairs(threads) do
    wrongStatus = wrongStatus + thread:get("wrongStatus")
    wrongBody = wrongBody + thread:get("wrongBody")
    answers = answers + thread:get("answers")
  end
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests":%d,"bytes":%d,"durationUs":%d,"connect":%d,"read":%d,"write":%d,"timeout":%d,"status":%d,' ..
    '"verified":%d,"wrongStatus":%d,"wrongBody":%d,"p50Us":%d,"p99Us":%d}\n',
    summary.requests, summary.bytes, summary.duration, errors.connect, errors.read, errors.write, errors.timeout,
    errors.status, answers, wrongStatus, wrongBody, latency:percentile(50), latency:percentile(99)))
end
