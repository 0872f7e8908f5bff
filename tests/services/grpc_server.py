"""A gRPC server without stubs: bytes in, bytes out. Says its port, and ends when its standard input closes."""

import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc


def told(context):
    return json.dumps({key: value for key, value in context.invocation_metadata() if isinstance(value, str)})


def unary(request, context):
    context.send_initial_metadata((("x-initial", "i"),))
    context.set_trailing_metadata((("x-trailing", "t"), ("x-binary-bin", b"\x00\xff\x01")))
    return request[::-1] + b"\n" + told(context).encode()


def stream(request, context):
    context.set_trailing_metadata((("x-sent", request.decode()),))
    for number in range(int(request)):
        yield b"%d:" % number + b"y" * (number * 211 % 20000)


def both(requests, context):
    for request in requests:
        yield request.upper()


def hold(request, context):
    while context.is_active():
        yield b"tick"
        time.sleep(0.05)


def quiet(request, context):
    """Says for so many seconds when it says it, and then nothing more."""
    gone, quiet_from = threading.Event(), time.time() + float(request)
    if not context.add_callback(gone.set):
        return
    while time.time() < quiet_from and context.is_active():
        yield repr(time.time()).encode()
        time.sleep(0.2)
    gone.wait()


def sink(requests, context):
    """Takes what it is sent, and answers when that has ended."""
    for _ in requests:
        pass
    return b"0"


def fail(request, context):
    context.set_trailing_metadata((("x-trailing", "of a failure"),))
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, "the précondition failed: 100%")


METHODS = {
    "Unary": grpc.unary_unary_rpc_method_handler(unary),
    "Stream": grpc.unary_stream_rpc_method_handler(stream),
    "Hold": grpc.unary_stream_rpc_method_handler(hold),
    "Quiet": grpc.unary_stream_rpc_method_handler(quiet),
    "Sink": grpc.stream_unary_rpc_method_handler(sink),
    "Both": grpc.stream_stream_rpc_method_handler(both),
    "Fail": grpc.unary_unary_rpc_method_handler(fail),
}
# By several names, so that routes can tell them apart.
handlers = [grpc.method_handlers_generic_handler(f"{name}.Echo", METHODS) for name in ("test", "idle", "whole")]
server = grpc.server(ThreadPoolExecutor(max_workers=16), handlers=handlers)
port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(json.dumps({"port": port}), flush=True)
sys.stdin.read()
server.stop(0)
