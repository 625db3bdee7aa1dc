"""Pillow's resize and transformers' Pillow processor over Node's JSON channel, the protocol of bench/lib/serve.mjs."""

import base64
import json
import os
import time

from channel import serve

os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="error")


class Contender:
    def init(self, argument):
        import PIL
        from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

        with open(argument["config"]) as file:
            config = json.load(file)
        config.pop("image_processor_type")
        self.processor = CLIPImageProcessorPil(**config)
        return {"runtime": f"Pillow {PIL.__version__}"}

    def prepare(self, paths):
        import numpy as np
        from transformers.image_utils import load_image

        values = [self.processor(load_image(path), return_tensors="np")["pixel_values"][0] for path in paths]
        return np.stack(values)

    def vectors(self, argument):
        data = self.prepare(argument["paths"]).astype("<f4").tobytes()
        return {"base64": base64.b64encode(data).decode()}

    def warm(self, argument):
        self.prepare(argument["paths"])

    def round(self, argument):
        started = time.perf_counter()
        self.prepare(argument["paths"])
        return {"seconds": time.perf_counter() - started}

    def resize(self, argument):
        """Median seconds of Image.resize alone, of an image of noise."""
        import numpy as np
        from PIL import Image

        size = argument["width"], argument["height"]
        pixels = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        image = Image.fromarray(pixels)
        times = []
        for _ in range(argument["repeats"]):
            started = time.perf_counter()
            image.resize((argument["toWidth"], argument["toHeight"]), argument["filter"])
            times.append(time.perf_counter() - started)
        return {"seconds": sorted(times)[len(times) // 2]}


serve(Contender())
