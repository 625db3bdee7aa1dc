"""sentence-transformers' similarity functions, torch underneath; vectors come in files of float32."""

import numpy as np
from channel import repeat, serve


class Contender:
    def init(self, argument):
        import torch
        from sentence_transformers import util

        torch.set_num_threads(argument["threads"])
        self.torch = torch
        self.functions = {"cosine": util.cos_sim, "euclidean": util.euclidean_sim}
        self.matrices = {
            key: torch.from_numpy(np.fromfile(path, dtype="<f4").reshape(-1, argument["dims"][key]))
            for key, path in argument["files"].items()
        }
        return {}

    def compute(self, job):
        a, b = (self.matrices[f"{job[side]} {job['dims']} {seed}"] for side, seed in (("a", 1), ("b", 2)))
        return self.functions[job["metric"]](a, b)

    def sample(self, job):
        return self.compute(job).flatten()[:: job["sample"]].tolist()

    def round(self, job):
        return repeat(job["seconds"], lambda: self.compute(job))


serve(Contender())
