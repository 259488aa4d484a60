"""A small real server of OpenAI's chat completions, in a process of its own, which answers by rule and fails as it is told to.

`python -m tests.servers` prints its port, and serves until its standard input closes. `GET /log` gives every request that came,
`GET /outcomes` counts them, `POST /rules`
sets how it behaves: see Rules. What a fault hits depends on the question and on how often it came, so that every run is the same.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import re
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

from PIL import Image

from schemas.identity import canonical_json, digest, keyed_uniform

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Rules:
    """`faults`: the share of requests that each fault hits. `most_faults`: of one question. `capacity`: more under way at once gets 429."""

    faults: dict[str, float] = field(default_factory=dict)
    most_faults: int = 1_000
    retry_after: str = ""
    delay_s: float = 0.0
    capacity: int = 0
    key: str = ""  # requests with another get 401, with both keys in the message
    usage: bool = True
    body: str = ""  # sent as the response to every request, with `status`
    status: int = 200


@dataclass
class Server:
    """The running program, and how to speak to it."""

    process: subprocess.Popen[str]
    port: int

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def set(self, **rules: Any) -> None:
        """Sets the rules and empties the log."""
        self._call("/rules", json.dumps(asdict(Rules(**rules))).encode())

    def log(self) -> list[dict[str, Any]]:
        """What came, in order: `question` (a digest of the messages), `text`, `outcome`, `under_way`, and the body's parameters."""
        return json.loads(self._call("/log"))

    def answered(self) -> Counter[str]:
        """How often each question was answered in full: what has to be paid for."""
        return Counter(row["question"] for row in self.log() if row["outcome"] == "answer")

    def outcomes(self) -> Counter[str]:
        """How many requests ended how; of those that did not yet, `under way`."""
        return Counter(json.loads(self._call("/outcomes")))

    def _call(self, path: str, data: bytes | None = None) -> bytes:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://127.0.0.1:{self.port}{path}", data, timeout=30) as response:
            return response.read()


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    """Starts the server, and ends it."""
    command = [sys.executable, "-m", "tests.servers"]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdin is not None
    try:
        yield Server(process, int(process.stdout.readline()))
    finally:
        process.stdin.close()
        process.wait(timeout=30)
        process.stdout.close()


# ---- the answers


def answer(messages: list[dict[str, Any]]) -> str:
    """What the model says: a rule for each form that the corpora ask for."""
    content = messages[-1]["content"]
    parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
    text = "".join(part["text"] for part in parts if part["type"] == "text")
    heard = [part["input_audio"] for part in parts if part["type"] == "input_audio"]
    if heard:
        return f"There are {len(heard)} sounds; the first is {heard[0]['format']} of {len(base64.b64decode(heard[0]['data'], validate=True))} bytes."
    sizes = [_size(part["image_url"]["url"]) for part in parts if part["type"] == "image_url"]
    told = text.rpartition("\n\n")[2]
    words = re.findall(r"[\w']+", told)
    if '"query"' in text:
        said = " ".join(re.findall(r"[\w']+", told.split(":", 1)[-1])[:12])
        query = {"query": "Summarise what was said.", "summary": f"{said}.", "focus": "general", "length": "", "format": "prose"}
        return json.dumps([query])
    if '{"question"' in text:
        return json.dumps([{"question": "Which words come first?", "answer": " ".join(words[:4])}])
    if '{"caption"' in text:
        return json.dumps(
            {"caption": f"A picture that is {sizes[0][0]} pixels wide and {sizes[0][1]} pixels high lies on the table in the hall."}
        )
    if "translation as text for each of these keys" in text:
        return json.dumps(
            dict.fromkeys(
                re.findall(r'"(\w\w)" \(', text),
                "Das ist ein Satz, den niemand gesagt hat, und der doch so lang ist wie jener, der hier gesprochen wird.",
            )
        )
    if sizes:
        return f"There are {len(sizes)} pictures; the first is {sizes[0][0]} by {sizes[0][1]} pixels."
    if "section of a textbook" in text:
        material = re.findall(r"[^\W\d_]{4,}", text.partition("<material>")[2])
        count = int(re.search(r"About (\d+) words", text)[1]) // 12  # type: ignore[index]
        cases = (
            f"In case {number} the word {material[number % len(material)]} is read by reader {number}, who counts {number} letters."
            for number in range(count)
        )
        return f"# Words and their letters\n\n{' '.join(cases)}"
    if len(messages) > 2:
        return f"You said before: {' | '.join(turn['content'] for turn in messages[:-1])}"
    return f"You said: {text}"


SUM = re.compile(r"How much is (\d+) times (\d+)\?")


def sum_answer(text: str, seed: int) -> str:
    """An attempt at a product: every third one is right; where a factor is above 50 none, before a wrong one is shown. Empty for other texts."""
    asked = SUM.search(text)
    if asked is None:
        return ""
    one, other = int(asked[1]), int(asked[2])
    is_right = "is not right" in text or (one <= 50 and int(digest(text, str(seed)), 16) % 3 == 0)
    found = one * other if is_right else one * other + 10
    return f"I add {other} to itself, {one} times, one after the other. That makes {found} in the end.\n\n\\boxed{{{found}}}"


def schema_answer(text: str, told: dict[str, Any]) -> str:
    """What the model says when it is given a schema: an object with the number in the text, unless the text asks for something else."""
    value = {"number": int(re.findall(r"\d+", text)[-1]), "kind": told["response_format"]["type"]}
    if "MISS-IT" in text or ("MISS-ONCE" in text and told["seed"] == 0):
        return json.dumps({**value, "number": "a few"})
    return f"```json\n{json.dumps(value)}\n```" if "FENCE-IT" in text else json.dumps(value)


def _sampled(message: dict[str, Any], number: int) -> dict[str, Any]:
    return {**message, "content": f"{message['content']} #{number}"} if number and message["content"] is not None else message


def _size(url: str) -> tuple[int, int]:
    kind, _, data = url.partition(";base64,")
    picture = Image.open(io.BytesIO(base64.b64decode(data, validate=True)))
    assert kind == f"data:{Image.MIME[str(picture.format)]}"
    picture.load()
    return picture.size


# ---- the server


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    rules = Rules()
    entries: ClassVar[list[dict[str, Any]]] = []
    came: ClassVar[Counter[str]] = Counter()
    faulted: ClassVar[Counter[str]] = Counter()
    under_way = 0
    lock = threading.Lock()

    def log_message(self, format: str, *args: Any) -> None: ...

    def do_GET(self) -> None:
        told: Any = Counter(entry["outcome"] for entry in list(self.entries)) if self.path == "/outcomes" else self.entries
        self._send(200, canonical_json(told).encode())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/rules":
            with self.lock:
                Handler.rules = Rules(**json.loads(body))
                Handler.entries, Handler.came, Handler.faulted = [], Counter(), Counter()
            self._send(200, b"{}")
            return
        told = json.loads(body)
        question = digest(canonical_json(told["messages"]))
        with self.lock:
            Handler.under_way += 1
            Handler.came[question] += 1
            fault = self._fault(question, self.came[question])
            Handler.faulted[question] += bool(fault)
            messages = told.pop("messages")
            entry = {
                "question": question,
                "text": _text(messages)[:200],
                "under_way": self.under_way,
                "parameters": told,
                "outcome": "under way",
            }
            self.entries.append(entry)
        try:
            time.sleep(self.rules.delay_s)
            entry["outcome"] = self._respond(messages, told, fault)
        except (BrokenPipeError, ConnectionResetError):
            entry["outcome"] = "client gone"
            self.close_connection = True
        finally:
            with self.lock:
                Handler.under_way -= 1

    def _fault(self, question: str, number: int) -> str:
        if self.path != "/v1/chat/completions":
            return "404"
        if self.rules.key and self.headers["Authorization"] != f"Bearer {self.rules.key}":
            return "401"
        if self.rules.capacity and self.under_way > self.rules.capacity:
            return "429"
        drawn = keyed_uniform(0, "fault", f"{question} {number}")
        for name, share in self.rules.faults.items() if self.faulted[question] < self.rules.most_faults else ():
            if drawn < share:
                return name
            drawn -= share
        return ""

    def _respond(self, messages: list[dict[str, Any]], told: dict[str, Any], fault: str) -> str:
        text = _text(messages)
        if self.rules.body:
            self._send(self.rules.status, self.rules.body.encode())
            return "body"
        if fault.isdecimal():
            said = f"cannot serve {self.headers['Authorization']}, expected {self.rules.key}"
            extra = {"Retry-After": self.rules.retry_after} if self.rules.retry_after else {}
            self._send(int(fault), json.dumps({"error": {"message": said, "code": "trouble"}}).encode(), extra)
            return fault
        if fault == "stall":
            time.sleep(3)
        if fault in ("drop", "stall"):
            self.close_connection = True
            return fault
        if "FILTER-400" in text:
            return self._refuse(400, "content_filter", "the prompt was flagged")
        if "LONG-400" in text:
            return self._refuse(400, "invalid_request_error", "This model's maximum context length is 10 tokens")
        if "ODD-400" in text or told.get("top_p") == 0.123:
            return self._refuse(400, "bad", "I do not like this")
        finish = "content_filter" if "FILTER-IT" in text else "length" if "CUT-IT" in text else "stop"
        said = schema_answer(text, told) if "response_format" in told else sum_answer(text, told.get("seed", 0)) or answer(messages)
        message: dict[str, Any] = {"role": "assistant", "content": said[: len(said) // 2] if finish == "length" else said}
        if "DECLINE-IT" in text:
            message |= {"content": None, "refusal": "I will not say that."}
        if "THINK-IT" in text:
            message["reasoning_content"] = "I think so."
        count = told.get("n", 1)
        tokens = len(said.split()) * count
        usage = {"prompt_tokens": len(text.split()), "completion_tokens": tokens, "total_tokens": tokens}
        whole = {
            "id": "x",
            "object": "chat.completion",
            "created": 0,
            "model": f"{told['model']}-served",
            "usage": usage if self.rules.usage else None,
        }
        choices = [
            {"index": number, "message": _sampled(message, number), "finish_reason": finish}
            for number in range({"empty": 0, "few": (count + 1) // 2, "many": count + 2}.get(fault, count))
        ]
        if fault == "twins":  # every choice says that it is the first
            choices = [{**choice, "index": 0} for choice in choices]
        if fault == "huge":
            return self._send_huge()
        if told.get("stream"):
            return self._stream(whole, choices, fault)
        body = json.dumps({**whole, "choices": choices[::-1]}).encode()
        if fault == "malformed":
            body = body[:-7]
        if fault == "half":
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2])
            self.close_connection = True
            return fault
        if fault == "chunks":  # a body that breaks off between two chunks
            self._begin_chunks("application/json")
            self._chunk(body[: len(body) // 2])
            self.close_connection = True
            return fault
        self._send(200, body)
        return fault if fault in ("malformed", "empty") else "answer"

    def _stream(self, whole: dict[str, Any], choices: list[dict[str, Any]], fault: str) -> str:
        """Every choice in pieces, in turn; then how each ended, the usage, and the end."""
        head = {name: value for name, value in whole.items() if name != "usage"}
        events: list[Any] = [": a comment"]
        for choice in choices:
            for name in ("content", "reasoning_content", "refusal"):
                said = choice["message"].get(name) or ""
                pieces = [said[at : at + 7] for at in range(0, len(said), 7)]
                events += [
                    {**head, "choices": [{"index": choice["index"], "delta": {name: piece}, "finish_reason": None}]} for piece in pieces
                ]
        middle = len(events) // 2 + 1
        events += [
            {**head, "choices": [{"index": choice["index"], "delta": {}, "finish_reason": choice["finish_reason"]}]} for choice in choices
        ]
        if whole["usage"]:
            events.append({**head, "choices": [], "usage": whole["usage"]})
        if fault == "malformed":
            events[middle:middle] = ['data: {"choices": [']
        if fault == "stream_error":
            events[middle:] = [{"error": {"message": "out of memory", "code": 500}}]
        if fault in ("half", "chunks"):  # the connection, or only the stream, ends in the middle
            events = events[:middle]
        lines = [event if isinstance(event, str) else f"data: {json.dumps(event)}" for event in events]
        if fault not in ("half", "chunks", "undone"):
            lines.append("data: [DONE]")
        self._begin_chunks("text/event-stream")
        data = "".join(f"{line}\n\n" for line in lines).encode()
        for at in range(0, len(data), 50):  # pieces that end anywhere
            self._chunk(data[at : at + 50])
        if fault == "half":
            self.close_connection = True
        else:
            self._chunk(b"")
        return fault if fault in ("malformed", "empty", "half", "chunks", "stream_error") else "answer"

    def _send_huge(self) -> str:
        """A body that is larger than any answer."""
        self._begin_chunks("application/json")
        for _ in range(64):
            self._chunk(b" " * (1 << 20))
        self._chunk(b"")
        return "huge"

    def _begin_chunks(self, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def _refuse(self, status: int, code: str, message: str) -> str:
        self._send(status, json.dumps({"error": {"message": message, "code": code, "type": "invalid_request_error"}}).encode())
        return f"refused {status}"

    def _send(self, status: int, body: bytes, extra: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **(extra or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def _text(messages: list[dict[str, Any]]) -> str:
    content = messages[-1]["content"]
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


class Listening(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def handle_error(self, request: Any, client_address: Any) -> None: ...  # a client that is killed leaves its connections open


def main() -> None:
    server = Listening(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()  # until the test has ended, however it ends


if __name__ == "__main__":
    main()
