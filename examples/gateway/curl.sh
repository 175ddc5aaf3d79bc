#!/bin/sh
# A streamed answer. With an Idempotency-Key it can be asked for again when the connection breaks, and is paid once.
curl -sN "${CADENZA_URL:-http://localhost:4100}/v1/chat/completions" \
  -H 'content-type: application/json' -H "idempotency-key: ${KEY:-rivers-1}" \
  -d '{"model": "fast", "stream": true, "messages": [{"role": "user", "content": "Why do rivers bend?"}]}'
