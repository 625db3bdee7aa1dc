"""Binary COPY as pgvector's documentation has it for bulk loads: psycopg with pgvector-python.

copy_psycopg.py URL TABLE VECTORS ROWS DIMS: VECTORS is a file of float32 numbers. Prints seconds.
"""

import sys
import time

import numpy as np
import psycopg
from pgvector.psycopg import register_vector
from psycopg.types.json import Jsonb
from records import make_documents, make_ids, make_metadata

url, table, file, rows, dims = sys.argv[1:]
rows, dims = int(rows), int(dims)
vectors = np.fromfile(file, dtype=np.float32, count=rows * dims).reshape(rows, dims)
ids, documents, metadata = make_ids(rows), make_documents(rows), make_metadata(rows)

with psycopg.connect(url, autocommit=True) as connection:
    register_vector(connection)
    cursor = connection.cursor()
    start = time.perf_counter()
    with cursor.copy(f"COPY {table} (id, vector, document, metadata) FROM STDIN WITH (FORMAT BINARY)") as copy:
        copy.set_types(["text", "vector", "text", "jsonb"])
        for i in range(rows):
            copy.write_row([ids[i], vectors[i], documents[i], Jsonb(metadata[i])])
    print(time.perf_counter() - start)
