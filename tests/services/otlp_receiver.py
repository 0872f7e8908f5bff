"""An OTLP collector over gRPC, of the published packages alone. Says its port, then each span and each log record as a
line of JSON, and ends when its standard input closes."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc


def plain(value):
    kind = value.WhichOneof("value")
    return MessageToDict(value) if kind in ("array_value", "kvlist_value", "bytes_value") else getattr(value, kind)


def attributes(pairs):
    return {pair.key: plain(pair.value) for pair in pairs}


def tell(kind, resource, scope, one, **more):
    told = {"kind": kind, "resource": attributes(resource.attributes), "scope": scope.name, "trace": one.trace_id.hex()}
    print(json.dumps({**told, "attributes": attributes(one.attributes), **more}), flush=True)


class Traces(trace_service_pb2_grpc.TraceServiceServicer):
    def Export(self, request, context):
        for of in request.resource_spans:
            for scope in of.scope_spans:
                for span in scope.spans:
                    tell("span", of.resource, scope.scope, span, name=span.name, span_kind=span.kind, span=span.span_id.hex(),
                         parent=span.parent_span_id.hex(), status=span.status.code, flags=span.flags,
                         events=[{"name": event.name, **attributes(event.attributes)} for event in span.events],
                         links=[{"trace": link.trace_id.hex(), "span": link.span_id.hex()} for link in span.links])
        return trace_service_pb2.ExportTraceServiceResponse()


class Logs(logs_service_pb2_grpc.LogsServiceServicer):
    def Export(self, request, context):
        for of in request.resource_logs:
            for scope in of.scope_logs:
                for record in scope.log_records:
                    tell("log", of.resource, scope.scope, record, event=record.event_name, body=plain(record.body),
                         severity=record.severity_number, at=record.time_unix_nano)
        return logs_service_pb2.ExportLogsServiceResponse()


server = grpc.server(ThreadPoolExecutor(max_workers=4))
trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Traces(), server)
logs_service_pb2_grpc.add_LogsServiceServicer_to_server(Logs(), server)
port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(json.dumps({"port": port}), flush=True)
sys.stdin.read()
server.stop(0)
