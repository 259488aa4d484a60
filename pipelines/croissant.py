"""Croissant metadata of a corpus, or of its export: files with checksums, columns, licences, and what the card says of responsible use.

Source: Croissant format specification 1.1 and Croissant RAI 1.0 (docs.mlcommons.org/croissant). There is no SPDX document beside it:
SPDX 2.3 wants a SHA-1 of every file and a time of making, and knows no data sets; for SPDX 3 no validator works without a network.
Licences are SPDX expressions here, and addresses of the SPDX list where they are one licence of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from pipelines.card import CARD, ENGINES, KNOWN_LIMITS, LICENCES, MADE, PURPOSE, SAFETY, SOURCES, read_card
from pipelines.front_matter import HUB_LICENCES, modalities, spdx_expression
from schemas.corpus import Corpus, read_schema
from schemas.shard import FileEntry

CORPUS, PARQUET, WEBDATASET = "corpus", "parquet", "webdataset"
ENCODINGS = {CORPUS: "application/vnd.apache.arrow.stream", PARQUET: "application/x-parquet", WEBDATASET: "application/x-tar"}
GLOBS = {CORPUS: "shards/*.arrow", PARQUET: "data/*.parquet", WEBDATASET: "data/*.tar"}
MAX_FILES = 1_000  # named one by one; of more there is the pattern alone, and their checksums stay in the ledger or manifest
CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}


def croissant_of(corpus: Corpus, totals: Mapping[str, Any], files: Sequence[FileEntry], format: str = CORPUS) -> dict[str, Any]:
    """The JSON-LD of a corpus with its card: `files` are its shards, or those of an export in another format; the same each time, reads no rows."""
    recipe: dict[str, Any] = corpus.recipe()
    card = corpus.path / CARD
    head, _, parts = read_card(card.read_text() if card.is_file() else "")
    schema = read_schema(corpus.path / (files[0] if format == CORPUS else next(corpus.entries()).shard).name)
    told: dict[str, Any] = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": str(totals["name"]),
        "conformsTo": ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"],
        "description": " ".join([f"{recipe.get('title') or totals['name']}.", *parts.get(PURPOSE, ())]),
        "license": licences_of(totals["licences"]),
        "version": "1.0.0",
        "identifier": f"{totals['content']}",
        "isLiveDataset": False,
        "keywords": ["corpusmill", str(totals["kind"]), *modalities(totals["sums"])],
        "distribution": _distribution(format, files),
    }
    if head.get("language"):
        told["inLanguage"] = head["language"]
    record_sets = _record_sets(format, schema, recipe.get("facts", {}))
    return {**told, **_responsible(parts), **({"recordSet": record_sets} if record_sets else {})}


def licences_of(counted: Mapping[str, int]) -> list[str]:
    """Every licence of the rows, most frequent first: the address in SPDX's list, the expression, or the text as it was stated."""
    told = []
    for licence in sorted(counted, key=lambda name: (-counted[name], name)):
        expression = spdx_expression(licence)
        told.append(f"https://spdx.org/licenses/{expression}" if expression in HUB_LICENCES else expression or licence)
    return list(dict.fromkeys(told))


def _distribution(format: str, files: Sequence[FileEntry]) -> list[dict[str, Any]]:
    """Every file with its checksum, and the pattern of all of them, which columns name as their source."""
    objects = [
        {
            "@type": "cr:FileObject",
            "@id": file.name,
            "name": file.name,
            "contentUrl": file.name,
            "contentSize": f"{file.num_bytes} B",
            "encodingFormat": ENCODINGS[format],
            "sha256": file.sha256,
        }
        for file in files
    ]
    pattern = {"@type": "cr:FileSet", "@id": "rows", "name": "rows", "encodingFormat": ENCODINGS[format], "includes": GLOBS[format]}
    pattern["description"] = f"All {len(files):,} files of rows"
    return [*(objects if len(objects) <= MAX_FILES else []), pattern]


# ---- columns

_TYPES = {
    "string": "sc:Text",
    "bool": "sc:Boolean",
    "int32": "cr:Int32",
    "int64": "cr:Int64",
    "double": "cr:Float64",
    "float": "cr:Float32",
}
_TYPES |= {"halffloat": "cr:Float16", "binary": "sc:Text"}
_DOCS = {
    "key": "Stable name of the row",
    "source": "Where the row comes from",
    "revision": "Digest of the source's content",
    "licence": "Licence of the row, as its source states it",
    "locator": "The row's place in its source",
    "parents": "Keys of the records that the row was made from",
    "text": "The document",
    "input_ids": "Tokens (o200k with Phi-4's specials)",
    "labels": "Tokens that are learned, -100 elsewhere",
    "position_ids": "Positions, from 0 in every piece",
    "segment_ids": "Number of the piece from 1; 0 is padding",
}
_ARRAYS = ("parents", "input_ids", "labels", "position_ids", "segment_ids")


def _record_sets(format: str, schema: pa.Schema, facts: Mapping[str, Mapping[str, str]]) -> list[dict[str, Any]]:
    """The columns, where a reader of Croissant can read them: in Parquet, or by name alone in shards; tars describe themselves."""
    if format == WEBDATASET:
        return []
    nested = ", ".join(f"`{field.name}`" for field in schema if not _is_told(field))
    row: dict[str, Any] = {"@type": "cr:RecordSet", "@id": "row", "name": "row", "key": {"@id": "row/key"}}
    row["description"] = "Names and facts of each row" + (f"; nested columns ({nested}) stand in the files beside them" if nested else "")
    row["field"] = [_field(field, facts) for field in schema if _is_told(field)]
    return [row, *([_pictures()] if format == PARQUET and "images" in schema.names else [])]


def _pictures() -> dict[str, Any]:
    """The canvases of each row, as pictures."""
    source = {"fileSet": {"@id": "rows"}, "extract": {"column": "images"}, "transform": {"jsonPath": "bytes"}}
    field = {
        "@type": "cr:Field",
        "@id": "pictures/images",
        "name": "images",
        "dataType": "sc:ImageObject",
        "repeated": True,
        "source": source,
    }
    key = {**_field(pa.field("key", pa.string()), {}), "@id": "pictures/key"}
    return {"@type": "cr:RecordSet", "@id": "pictures", "name": "pictures", "key": {"@id": "pictures/key"}, "field": [key, field]}


def _is_told(field: pa.Field) -> bool:
    return "." in field.name or field.name in _DOCS


def _field(field: pa.Field, facts: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    is_array = field.name in _ARRAYS
    kind = field.type.value_type if is_array else field.type
    told: dict[str, Any] = {
        "@type": "cr:Field",
        "@id": f"row/{field.name}",
        "name": field.name,
        "description": facts[field.name]["doc"] if field.name in facts else _DOCS.get(field.name, field.name),
        "dataType": _TYPES[str(kind)],
        "source": {"fileSet": {"@id": "rows"}, "extract": {"column": field.name}},
    }
    return {**told, "isArray": True, "arrayShape": "-1"} if is_array else told


# ---- responsible use, in the words of the card


def _responsible(parts: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    found = {
        "rai:dataUseCases": _text(parts.get(PURPOSE, ())),
        "rai:dataCollection": _text(parts.get(SOURCES, ())),
        "rai:dataPreprocessingProtocol": [line for line in parts.get(MADE, ()) if line],
        "rai:machineAnnotationTools": [line.removeprefix("- ") for line in parts.get(ENGINES, ()) if " asks " in line],
        "rai:dataLimitations": _text(parts.get(KNOWN_LIMITS, ())),
        "rai:personalSensitiveInformation": _text(parts.get(SAFETY, ())),
        "usageInfo": _text(list(_sentences(parts.get(LICENCES, ())))),
    }
    return {name: value for name, value in found.items() if value}


def _sentences(lines: Sequence[str]) -> Iterator[str]:
    return (line for line in lines if not line.startswith("|"))


def _text(lines: Sequence[str]) -> str:
    return " ".join(line.removeprefix("- ").strip() for line in lines if line.strip())
