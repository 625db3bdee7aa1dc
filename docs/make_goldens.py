"""Writes a golden: what sentence-transformers computes with a model, for `embedlane verify` to compare with.

    pip install sentence-transformers
    python make_goldens.py BAAI/bge-small-en-v1.5 --out golden.json
    embedlane verify BAAI/bge-small-en-v1.5 --golden golden.json
"""

import argparse
import json
import platform

import numpy
import sentence_transformers
import torch
import transformers
from sentence_transformers import SentenceTransformer

TEXTS = [
    "hello world",
    "Hello, World! How are you today?",
    "The quick brown fox jumps over the lazy dog.",
    "a",
    "",
    " ",
    "  leading, trailing and   inner   spaces  ",
    "line one\nline two\r\n\ttabbed",
    "Was kostet ein Ei? Ça coûte 1,50 €. ¿Cuánto? Ελληνικά, русский, العربية, हिन्दी",
    "千里之行，始于足下。日本語の文章です。한국어 문장입니다.",
    "emoji 😀🎉 and a family 👨‍👩‍👧",
    "ﬁ ligature, e\u0301 decomposed, é composed, ½, ①, ＡＢＣ",
    "camelCase snake_case kebab-case http://example.org/path?q=1#top name@example.org",
    "1234567890 3.14159 1,000,000 0x1F",
    "[CLS] special [SEP] tokens <s> in </s> the text <|endoftext|>",
    "supercalifragilisticexpialidocious" * 3,
    "punctuation!?.,;:()[]{}'\"`~@#$%^&*-_=+|\\/<>",
    "zero\u200bwidth and a\u00a0no-break space",
    "many words " * 40,
    "A long text goes beyond what the model reads. " * 400,
]


def rows(array):
    # Nine significant digits are exact for float32.
    return [[float(f"{value:.9g}") for value in row] for row in numpy.asarray(array, dtype=numpy.float32)]


def token_ids(model, texts):
    """Ids as the model sees them, or None for models without a tokenizer of this kind."""
    limit = model.max_seq_length
    options = {"truncation": True, "max_length": limit} if limit else {}
    try:
        return [list(map(int, model.tokenizer(text, **options)["input_ids"])) for text in texts]
    except (AttributeError, KeyError, TypeError):
        return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="repository on the Hub, or a folder")
    parser.add_argument("--revision", help="commit, branch or tag")
    parser.add_argument("--texts", help="a file with one text per line, instead of the built-in ones")
    parser.add_argument("--out", default="golden.json")
    parser.add_argument("--trust-remote-code", action="store_true")
    arguments = parser.parse_args()

    texts = TEXTS
    if arguments.texts:
        with open(arguments.texts, encoding="utf-8") as file:
            texts = file.read().splitlines()
    model = SentenceTransformer(
        arguments.model,
        revision=arguments.revision,
        device="cpu",
        trust_remote_code=arguments.trust_remote_code,
        model_kwargs={"dtype": torch.float32},
    )

    cases = []

    def add(call, inputs=None, **options):
        method = getattr(model, call, None)
        if method is None:  # before sentence-transformers 5
            return
        chosen = texts if inputs is None else inputs
        # One by one: what a batch's padding does to rounding is none of the model's business.
        vectors = numpy.concatenate([method([text], batch_size=1, **options) for text in chosen])
        cases.append({"call": call, **options, "texts": chosen, "embeddings": rows(vectors)})

    some = texts[:6]
    add("encode", prompt="")
    ids = token_ids(model, texts)
    if ids is not None:
        cases[0]["input_ids"] = ids
    add("encode", some)
    add("encode_query", some)
    add("encode_document", some)
    for name in model.prompts:
        add("encode", some, prompt_name=name)
    add("encode", some, normalize_embeddings=True)
    add("encode", some, truncate_dim=max(1, len(cases[0]["embeddings"][0]) // 2), normalize_embeddings=True)

    golden = {
        "format": "embedlane-golden/1",
        "model": arguments.model,
        "made_with": {
            "python": platform.python_version(),
            "sentence_transformers": sentence_transformers.__version__,
            "transformers": transformers.__version__,
            "torch": torch.__version__,
        },
        "cases": cases,
    }
    with open(arguments.out, "w", encoding="ascii") as file:
        json.dump(golden, file)
    print(f"{arguments.out}: {len(cases)} cases, {sum(len(case['texts']) for case in cases)} texts")


if __name__ == "__main__":
    main()
