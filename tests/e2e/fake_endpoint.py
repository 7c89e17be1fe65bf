#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""fake_endpoint.py PORT_FILE LOG_FILE: a server of OpenAI's API that does what the first part of a path says.

Writes its port to PORT_FILE, and one JSON line for each request for tokens to LOG_FILE.
"""
import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT_FILE, LOG_FILE = sys.argv[1:]
LOCK = threading.Lock()
COUNTS = {}


def log(entry):
    with LOCK, open(LOG_FILE, "a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def setup(self):
        super().setup()
        self.connection.settimeout(60)

    def behaviour(self):
        return self.path.split("/")[1]

    def answer(self, status, body, content_type="application/json"):
        data = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def error(self, status, message):
        self.answer(status, json.dumps({"error": {"message": message}}))

    def chunk(self, text):
        self.wfile.write(f"{len(text.encode()):x}\r\n{text}\r\n".encode())
        self.wfile.flush()

    def event(self, value):
        self.chunk("data: " + json.dumps(value) + "\n\n")

    def key_is_wrong(self):
        return self.behaviour() == "key" and self.headers.get("Authorization") != "Bearer secret-key-1"

    def do_GET(self):
        if self.key_is_wrong():
            return self.error(401, f"Incorrect API key provided: {self.headers.get('Authorization')}")
        if self.behaviour() == "html":
            return self.answer(200, "<html>It works!</html>", "text/html")
        if self.behaviour() == "nolist":
            return self.error(404, "no such path")
        return self.answer(200, json.dumps({"object": "list", "data": [{"id": "other"}, {"id": "m"}]}))

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        behaviour = self.behaviour()
        prompt = request.get("prompt", request.get("messages"))
        chat = self.path.endswith("/chat/completions")
        if chat:
            prompt = prompt[0]["content"]
        with LOCK:
            COUNTS[behaviour] = COUNTS.get(behaviour, 0) + 1
            number = COUNTS[behaviour]
        log({"behaviour": behaviour, "chat": chat, "prompt": prompt, "max_tokens": request["max_tokens"]})
        if self.key_is_wrong():
            return self.error(401, f"Incorrect API key provided: {self.headers.get('Authorization')}")
        if behaviour in ("text", "nousage") and not isinstance(prompt, str):
            return self.error(400, "prompt must be a string")
        if behaviour == "never":
            return time.sleep(30)
        # The first request of all is the one that asks what the server takes.
        if behaviour == "flaky" and number > 1 and number % 3 == 0:
            return self.error(429, f"queue is full of {number}")
        if not request["stream"]:
            text = " b a" * request["max_tokens"]
            usage = {"prompt_tokens": len(prompt), "completion_tokens": request["max_tokens"]}
            choice = {"index": 0, "finish_reason": "length", "text": text}
            return self.answer(200, json.dumps({"choices": [choice], "usage": usage}))
        return self.stream(behaviour, request["max_tokens"], number, prompt, chat)

    def stream(self, behaviour, wanted, number, prompt, chat):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        tokens = wanted
        if behaviour == "flaky" and number > 1 and number % 3 == 1:
            tokens = max(1, wanted - 1)
        for i in range(tokens):
            text = " a" if i % 2 else " b"
            piece = {"delta": {"content": text}} if chat else {"text": text}
            self.event({"choices": [{"index": 0, "finish_reason": None, **piece}]})
            if behaviour == "broken":
                self.chunk("data: {\"choices\": [\n\n")
            if behaviour == "cut":
                self.close_connection = True
                self.connection.shutdown(2)
                return
        last = {"delta": {}} if chat else {"text": ""}
        self.event({"choices": [{"index": 0, "finish_reason": "length", **last}]})
        if behaviour != "nousage":
            n = len(prompt) if isinstance(prompt, list) else len(prompt.split())
            self.event({"choices": [], "usage": {"prompt_tokens": n, "completion_tokens": tokens}})
        self.chunk("data: [DONE]\n\n")
        self.chunk("")


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, *_):
        pass


SERVER = Server(("127.0.0.1", 0), Handler)
with open(PORT_FILE + ".new", "w", encoding="utf-8") as port_file:
    port_file.write(str(SERVER.server_address[1]))
os.rename(PORT_FILE + ".new", PORT_FILE)
SERVER.serve_forever()
