"""model2vec, for bench/static.mjs."""

import base64
import json
import os
import time
from importlib.metadata import version
from pathlib import Path

from channel import serve

os.environ.update(HF_HUB_OFFLINE="1")


class Contender:
    def init(self, argument):
        from model2vec import StaticModel

        folder = Path(argument["folder"])
        self.model = StaticModel.from_pretrained(folder)
        self.texts = json.loads((folder / "texts.json").read_text("utf-8"))
        return {"version": version("model2vec")}

    def vectors(self, argument):
        data = self.model.encode(self.texts[: argument["count"]]).astype("<f4").tobytes()
        return {"base64": base64.b64encode(data).decode()}

    def round(self, _argument):
        started = time.perf_counter()
        self.model.encode(self.texts)
        return {"seconds": time.perf_counter() - started}


serve(Contender())
