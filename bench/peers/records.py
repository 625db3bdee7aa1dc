"""The records of bench/stores/records.mjs, without their vectors."""

LANGUAGES = ["de", "en", "fr", "es", "it", "pt", "nl", "sv", "pl", "cs"]


def make_ids(rows):
    return [f"record-{i}" for i in range(rows)]


def make_documents(rows):
    return [f"Document {i}" for i in range(rows)]


def make_metadata(rows):
    return [{"place": i, "year": 2000 + i % 25, "lang": LANGUAGES[i * 7 % 10], "flag": i % 3 == 0} for i in range(rows)]
