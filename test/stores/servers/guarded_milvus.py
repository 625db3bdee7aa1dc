"""Milvus Lite behind a guard as Milvus has one: without the right credentials every call is refused, and every second
upsert finds the server too busy, after it was carried out or before."""

import base64
import sys
from concurrent import futures

import grpc
from milvus_lite.adapter.grpc.servicer import MilvusServicer
from milvus_lite.db import MilvusLite
from pymilvus.grpc_gen import milvus_pb2_grpc

folder, port, credentials = sys.argv[1], sys.argv[2], sys.argv[3]
EXPECTED = base64.b64encode(credentials.encode()).decode()


class Guard(grpc.ServerInterceptor):
    def __init__(self):
        self.upserts = 0

    def intercept_service(self, continuation, details):
        handler = continuation(details)
        if dict(details.invocation_metadata).get("authorization") != EXPECTED:
            return grpc.unary_unary_rpc_method_handler(
                lambda request, context: context.abort(
                    grpc.StatusCode.UNAUTHENTICATED, "auth check failure, please check username and password"
                )
            )
        if not details.method.endswith("/Upsert"):
            return handler
        self.upserts += 1
        if self.upserts % 2 == 0:
            return handler

        def busy(request, context):
            if self.upserts % 4 == 3:
                handler.unary_unary(request, context)
            context.abort(grpc.StatusCode.UNAVAILABLE, "server is busy")

        return grpc.unary_unary_rpc_method_handler(
            busy, handler.request_deserializer, handler.response_serializer
        )


db = MilvusLite(folder)
server = grpc.server(futures.ThreadPoolExecutor(max_workers=4), interceptors=[Guard()])
milvus_pb2_grpc.add_MilvusServiceServicer_to_server(MilvusServicer(db), server)
server.add_insecure_port(f"127.0.0.1:{port}")
server.start()
server.wait_for_termination()
