"""Rows into Milvus as its documentation has it: pymilvus' MilvusClient.insert.

insert_pymilvus.py URL COLLECTION VECTORS BATCH ROWS DIMS: VECTORS is a file of float32 numbers. Prints seconds.
"""

import sys
import time

import numpy as np
from pymilvus import MilvusClient
from records import make_documents, make_ids, make_metadata

url, collection, file, batch, rows, dims = sys.argv[1:]
batch, rows, dims = int(batch), int(rows), int(dims)
vectors = np.fromfile(file, dtype=np.float32, count=rows * dims).reshape(rows, dims)

# As the collection has metadata: by type.
KINDS = {"place": "number", "year": "number", "lang": "string", "flag": "boolean"}


def by_type(metadata):
    kinds = {}
    for field, value in metadata.items():
        kinds.setdefault(KINDS[field], {})[field] = value
    return kinds


data = [
    {"id": id, "vector": vector, "document": document, "metadata": by_type(metadata)}
    for id, vector, document, metadata in zip(make_ids(rows), vectors, make_documents(rows), make_metadata(rows))
]

client = MilvusClient(uri=url)
start = time.perf_counter()
for at in range(0, rows, batch):
    client.insert(collection_name=collection, data=data[at : at + batch])
print(time.perf_counter() - start)
