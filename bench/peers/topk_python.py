"""Exact top-k with faiss and with NumPy over Node's JSON channel, the protocol of bench/lib/serve.mjs.

init() says which; vectors come in files of float32, because two languages would have to agree on a generator.
"""

import base64
import os

from channel import repeat, serve


class Contender:
    def init(self, argument):
        os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = str(argument["threads"])
        import numpy as np

        self.np = np
        self.dims = argument["dims"]
        self.corpus = self.load(argument["corpus"])
        self.queries = {int(rows): self.load(path) for rows, path in argument["queries"].items()}
        self.norms = np.linalg.norm(self.corpus, axis=1)
        self.kind = argument["kind"]
        if self.kind == "numpy":
            return {"runtime": f"NumPy {np.__version__}"}
        import faiss

        faiss.omp_set_num_threads(argument["threads"])
        if self.kind == "faiss, no BLAS below":
            # Its own kernels are quicker than its BLAS path for some sizes, and the other way round.
            faiss.cvar.distance_compute_blas_threshold = 0
        # Cosine is the inner product of normalised vectors, as its documentation says.
        self.index = {"dot": faiss.IndexFlatIP(self.dims), "cosine": faiss.IndexFlatIP(self.dims)}
        self.index["dot"].add(self.corpus)
        self.index["cosine"].add(self.corpus / self.norms[:, None])
        return {"runtime": f"faiss {faiss.__version__}"}

    def load(self, path):
        return self.np.fromfile(path, dtype="<f4").reshape(-1, self.dims)

    def search(self, argument):
        np, k, metric = self.np, argument["k"], argument["metric"]
        queries = self.queries[argument["queries"]]
        if metric == "cosine":
            queries = queries / np.linalg.norm(queries, axis=1, keepdims=True)
        if self.kind != "numpy":
            scores, indices = self.index[metric].search(queries, k)
            return indices, scores
        all_scores = queries @ self.corpus.T
        if metric == "cosine":
            all_scores /= self.norms
        best = np.argpartition(all_scores, -k, axis=1)[:, -k:]
        scores = np.take_along_axis(all_scores, best, axis=1)
        order = np.argsort(-scores, axis=1)
        return np.take_along_axis(best, order, axis=1), np.take_along_axis(scores, order, axis=1)

    def result(self, argument):
        indices, scores = self.search(argument)
        encode = lambda array, dtype: base64.b64encode(array.astype(dtype).tobytes()).decode()
        return {"base64": {"indices": encode(indices, "<u4"), "scores": encode(scores, "<f4")}}

    def round(self, argument):
        return repeat(argument["seconds"], lambda: self.search(argument))


serve(Contender())
