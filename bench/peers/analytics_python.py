"""Analyses by sentence-transformers (torch), scikit-learn and faiss, as their documentation calls them; vectors come in
files of float32."""

import os

import numpy as np
from channel import repeat, serve


class Contender:
    def init(self, argument):
        self.name = argument["name"]
        self.threads = argument["threads"]
        os.environ["OMP_NUM_THREADS"] = str(self.threads)
        self.rows = {}
        if self.name == "sentence-transformers":
            import torch
            from sentence_transformers import util

            torch.set_num_threads(self.threads)
            self.torch, self.util = torch, util
        elif self.name == "faiss":
            import faiss

            faiss.omp_set_num_threads(self.threads)
            self.faiss = faiss
        else:
            import sklearn.cluster
            import sklearn.decomposition

            self.sklearn = sklearn
        return {}

    def matrix(self, path, dims):
        if path not in self.rows:
            rows = np.fromfile(path, dtype="<f4").reshape(-1, dims)
            self.rows[path] = self.torch.from_numpy(rows) if self.name == "sentence-transformers" else rows
        return self.rows[path]

    def compute(self, job):
        rows = self.matrix(job["files"]["rows"], job["dims"])
        match job["task"]:
            case "search":
                queries = self.matrix(job["files"]["queries"], job["dims"])
                return self.util.semantic_search(queries, rows, top_k=job["k"])
            case "mining":
                return self.util.paraphrase_mining_embeddings(rows, max_pairs=job["pairs"])
            case "communities":
                return self.util.community_detection(
                    rows, threshold=job["threshold"], min_community_size=job["least"]
                )
            case "pca":
                return self.sklearn.decomposition.PCA(job["components"]).fit(rows)
            case "k-means":
                return self.k_means(rows, job)

    def k_means(self, rows, job):
        if self.name == "faiss":
            found = self.faiss.Kmeans(
                job["dims"], job["clusters"], niter=job["iterations"], max_points_per_centroid=len(rows)
            )
            found.train(rows)
            return found
        # One start, as the others do.
        return self.sklearn.cluster.KMeans(
            job["clusters"], n_init=1, max_iter=job["iterations"], random_state=1
        ).fit(rows)

    def summary(self, job):
        result = self.compute(job)
        match job["task"]:
            case "search":
                return [hit["score"] for hits in result for hit in hits]
            case "mining":
                return [len(result), *(pair[0] for pair in result[:1000])]
            case "communities":
                return [len(result), sum(map(len, result))]
            case "pca":
                return result.explained_variance_.tolist()
            case "k-means":
                return [float(result.obj[-1] if self.name == "faiss" else result.inertia_)]

    def round(self, job):
        return repeat(job["seconds"], lambda: self.compute(job))


serve(Contender())
