"""transformers' WhisperFeatureExtractor over Node's JSON channel, the protocol of bench/lib/serve.mjs."""

import base64
import os
import time

from channel import serve

os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="error")


class Contender:
    def init(self, argument):
        import torch
        import transformers
        from transformers.models.whisper import feature_extraction_whisper

        torch.set_num_threads(argument["threads"])
        if argument["route"] == "numpy":
            # It asks at every call whether torch is there.
            feature_extraction_whisper.is_torch_available = lambda: False
        self.samples = {}
        self.extractor = feature_extraction_whisper.WhisperFeatureExtractor(feature_size=argument["mels"])
        return {"runtime": f"transformers {transformers.__version__}"}

    def extract(self, paths):
        import numpy as np

        rows = []
        for path in paths:
            # Read once: the work that is timed begins with samples in memory.
            if path not in self.samples:
                self.samples[path] = np.fromfile(path, dtype="<f4")
            rows.append(self.extractor(self.samples[path], sampling_rate=16000, return_tensors="np")["input_features"][0])
        return np.stack(rows)

    def vectors(self, argument):
        data = self.extract(argument["paths"]).astype("<f4").tobytes()
        return {"base64": base64.b64encode(data).decode()}

    def warm(self, argument):
        self.extract(argument["paths"])

    def round(self, argument):
        started = time.perf_counter()
        self.extract(argument["paths"])
        return {"seconds": time.perf_counter() - started}


serve(Contender())
