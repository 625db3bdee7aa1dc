"""Rows into seekdb by INSERT of many at once, with pymysql: vectors as text, as its documentation of SQL has them, or as
hexadecimal digits of their bytes, as `collection.add` of pyseekdb writes them.

insert_pymysql.py PORT TABLE VECTORS text|hex BATCH ROWS DIMS: VECTORS is a file of float32 numbers. Prints seconds.
"""

import json
import struct
import sys
import time

import pymysql
from pymysql.converters import escape_string
from records import make_documents, make_ids, make_metadata

port, table, file, form, batch, rows, dims = sys.argv[1:]
port, batch, rows, dims = int(port), int(batch), int(rows), int(dims)
with open(file, "rb") as source:
    numbers = struct.iter_unpack(f"<{dims}f", source.read(4 * rows * dims))
    vectors = [list(vector) for vector in numbers]
ids, documents, metadata = make_ids(rows), make_documents(rows), make_metadata(rows)


def literal(vector):
    if form == "hex":
        return f"X'{struct.pack(f'<{dims}f', *vector).hex()}'"
    return f"'[{','.join(map(str, vector))}]'"


def row(i):
    written = escape_string(json.dumps(metadata[i]))
    return f"('{escape_string(ids[i])}', {literal(vectors[i])}, '{escape_string(documents[i])}', '{written}')"


connection = pymysql.connect(host="127.0.0.1", port=port, user="root", database="test", autocommit=True)
cursor = connection.cursor()
start = time.perf_counter()
for at in range(0, rows, batch):
    values = ", ".join(row(i) for i in range(at, min(at + batch, rows)))
    cursor.execute(f"INSERT INTO {table} (id, vector, document, metadata) VALUES {values}")
print(time.perf_counter() - start)
