"""A gRPC client without stubs, over TLS. Arguments: PORT CA NAME TOKEN (or '-') [OTHER].

Calls every kind of method and prints what it saw as one line of JSON. With OTHER, another token, it holds a stream open
with each of both over one connection, until the first one ends and a second longer.
"""

import json
import sys
import time

import grpc

port, authority, name, token, *other = sys.argv[1:]
with open(authority, "rb") as roots:
    credentials = grpc.ssl_channel_credentials(roots.read())
channel = grpc.secure_channel(f"127.0.0.1:{port}", credentials, (
    ("grpc.ssl_target_name_override", name), ("grpc.enable_http_proxy", 0), ("grpc.enable_retries", 0)))
metadata = () if token == "-" else (("authorization", f"Bearer {token}"),)


def pairs(items):
    return {key: value.hex() if isinstance(value, bytes) else value for key, value in items or ()}


def outcome(call):
    return {"code": call.code().name, "details": call.details(), "trailing": pairs(call.trailing_metadata())}


def unary():
    answer, call = channel.unary_unary("/test.Echo/Unary").with_call(b"hello", metadata=metadata, timeout=10)
    text, _, told = answer.partition(b"\n")
    return {"answer": text.decode(), "told": json.loads(told), "initial": pairs(call.initial_metadata())} | outcome(call)


def stream(count):
    call = channel.unary_stream("/test.Echo/Stream")(str(count).encode(), metadata=metadata, timeout=20)
    whole = sum(message == b"%d:" % number + b"y" * (number * 211 % 20000) for number, message in enumerate(call))
    return {"whole": whole} | outcome(call)


def both():
    call = channel.stream_stream("/test.Echo/Both")(iter([b"one", b"two", b"three"]), metadata=metadata, timeout=10)
    return {"answers": [answer.decode() for answer in call]} | outcome(call)


def fail():
    channel.unary_unary("/test.Echo/Fail")(b"", metadata=metadata, timeout=10)


def attempt(deed, *arguments):
    try:
        return deed(*arguments)
    except grpc.RpcError as error:
        return outcome(error)


def hold(bearer):
    return channel.unary_stream("/test.Echo/Hold")(b"", metadata=(("authorization", f"Bearer {bearer}"),), timeout=30)


def count(call, until):
    """How many messages came until the call ended, or the time did."""
    messages = 0
    for _ in call:
        messages += 1
        if time.time() > until:
            break
    return messages


if other:
    kept, call, report = hold(other[0]), hold(token), {"messages": 0}
    next(kept)
    try:
        for message in call:
            report["messages"] += 1
    except grpc.RpcError as error:
        report |= outcome(error)
    report["ended_at"] = time.time()
    report["kept"] = count(kept, time.time() + 1)
    report["kept_on"] = kept.is_active()
    print(json.dumps(report))
    sys.exit()

print(json.dumps({"unary": attempt(unary), "stream": attempt(stream, 200), "both": attempt(both), "fail": attempt(fail)}))
