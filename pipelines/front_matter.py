"""The YAML at the head of a dataset card, as dataset hubs and `datasets.load_dataset` read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from processors.licence import read_expression

# SPDX names that hubs know, by the identifier they have there (huggingface.co/docs/hub/repositories-licenses)
_HUB_NAMES = (
    "Apache-2.0 MIT CC0-1.0 CC-BY-2.0 CC-BY-2.5 CC-BY-3.0 CC-BY-4.0 CC-BY-SA-3.0 CC-BY-SA-4.0 CC-BY-NC-2.0 CC-BY-NC-3.0 CC-BY-NC-4.0 "
    "CC-BY-ND-4.0 CC-BY-NC-ND-3.0 CC-BY-NC-ND-4.0 CC-BY-NC-SA-2.0 CC-BY-NC-SA-3.0 CC-BY-NC-SA-4.0 CDLA-Sharing-1.0 "
    "CDLA-Permissive-1.0 CDLA-Permissive-2.0 WTFPL AFL-3.0 Artistic-2.0 BSL-1.0 BSD-2-Clause BSD-3-Clause BSD-3-Clause-Clear ECL-2.0 "
    "EPL-1.0 EPL-2.0 EUPL-1.1 EUPL-1.2 ISC MPL-2.0 MS-PL NCSA OFL-1.1 PostgreSQL Unlicense Zlib"
)
HUB_LICENCES = {name: name.lower() for name in _HUB_NAMES.split()} | {
    "AGPL-3.0-only": "agpl-3.0",
    "AGPL-3.0-or-later": "agpl-3.0",
    "GPL-2.0-only": "gpl-2.0",
    "GPL-2.0-or-later": "gpl-2.0",
    "GPL-3.0-only": "gpl-3.0",
    "GPL-3.0-or-later": "gpl-3.0",
    "LGPL-2.1-only": "lgpl-2.1",
    "LGPL-2.1-or-later": "lgpl-2.1",
    "LGPL-3.0-only": "lgpl-3.0",
    "LGPL-3.0-or-later": "lgpl-3.0",
    "GFDL-1.3-only": "gfdl",
    "ODC-By-1.0": "odc-by",
    "ODbL-1.0": "odbl",
    "PDDL-1.0": "pddl",
}
UNKNOWN = "unknown"
MAX_TOLD_LICENCES = 20

# the hub's tasks (huggingface.co/tasks) that a corpus is made for
TASKS: dict[str, tuple[str, ...]] = {
    "speech_pretrain": ("automatic-speech-recognition",),
    "asr": ("automatic-speech-recognition",),
    "ast": ("automatic-speech-recognition", "translation"),
    "sqa": ("audio-text-to-text", "question-answering"),
    "sqqa": ("audio-text-to-text",),
    "ssum": ("audio-text-to-text", "summarization"),
    "audio_understanding": ("audio-text-to-text", "audio-classification"),
    "audio_safety": ("audio-text-to-text",),
    "vision_speech": ("any-to-any",),
    "image_text": ("image-to-text",),
    "grounding": ("image-text-to-text", "object-detection"),
    "ocr_pdf": ("image-to-text", "document-question-answering"),
    "realistic_image": ("image-to-text", "visual-question-answering"),
    "chart": ("image-text-to-text", "visual-question-answering"),
    "vision_sft.general": ("image-text-to-text", "visual-question-answering"),
    "vision_sft.chart_table_diagram": ("image-text-to-text", "visual-question-answering"),
    "vision_sft.slides": ("image-text-to-text", "document-question-answering"),
    "vision_sft.ocr": ("image-text-to-text", "visual-question-answering"),
    "vision_sft.multi_image": ("image-text-to-text", "visual-question-answering"),
    "vision_sft.video": ("video-text-to-text",),
    "vision_sft.safety": ("image-text-to-text",),
    "multi_frame": ("video-text-to-text",),
    "summarisation": ("summarization", "text-generation"),
    "cot_sft": ("text-generation", "question-answering"),
}


def front_matter(
    name: str, kind: str, totals: Mapping[str, Any], features: Mapping[str, Any], languages: Sequence[str] = (), is_computed: bool = False
) -> dict[str, Any]:
    """What stands between the dashes. `is_computed`: answers are made by programs, which is what hubs call machine-generated."""
    head: dict[str, Any] = {"pretty_name": name, **licence_fields(totals["licences"])}
    if languages:
        head["language"] = list(languages)
    head["task_categories"] = list(TASKS.get(name, ("text-generation",)))
    if is_computed:
        head["annotations_creators"] = ["machine-generated"]
    head["size_categories"] = [size_category(totals["num_out"])]
    head["tags"] = ["corpusmill", kind, *modalities(totals["sums"])]
    return {**head, **loading("shards/*.arrow", features, totals["num_out"], totals["num_bytes"])}


def loading(pattern: str, features: Mapping[str, Any] | None, num_rows: int, num_bytes: int) -> dict[str, Any]:
    """What `datasets.load_dataset` needs: the files, and the features with the sizes that it checks; no features where it infers them."""
    fields: dict[str, Any] = {"configs": [{"config_name": "default", "data_files": [{"split": "train", "path": pattern}]}]}
    if features is not None:
        split = {"name": "train", "num_bytes": num_bytes, "num_examples": num_rows}
        fields["dataset_info"] = {
            "features": yaml_features(features),
            "splits": [split],
            "download_size": num_bytes,
            "dataset_size": num_bytes,
        }
    return fields


def modalities(sums: Mapping[str, int]) -> list[str]:
    """What rows are made of, by the tokens that they cost."""
    return [name for name in ("text", "image", "audio") if sums.get(f"contract.num_{name}_tokens", 0) > 0]


def licence_fields(counted: Mapping[str, int]) -> dict[str, Any]:
    """`license` of a card by the rows' licences: the hub's identifier where all rows have one, else `other` with what was counted."""
    found = {_hub_licence(licence) for licence in counted}
    if len(found) == 1 and None not in found:
        return {"license": found.pop()}
    told = sorted(counted, key=lambda licence: (-counted[licence], licence))
    details = "; ".join(f"{_one_line(licence)}: {counted[licence]:,} rows" for licence in told[:MAX_TOLD_LICENCES])
    if len(told) > MAX_TOLD_LICENCES:
        details += f"; and {len(told) - MAX_TOLD_LICENCES:,} more, see corpus.json"
    name = "see-each-row" if len(counted) > 1 else _one_line(next(iter(counted), UNKNOWN))
    return {"license": "other", "license_name": name, "license_details": details}


def spdx_expression(licence: str) -> str | None:
    """A row's licence as an SPDX expression; None for one that says nothing, or nothing that is known."""
    expression = read_expression(licence)
    return expression.text if expression else None


def _hub_licence(licence: str) -> str | None:
    return UNKNOWN if licence == UNKNOWN else HUB_LICENCES.get(spdx_expression(licence) or "")


def _one_line(text: str) -> str:
    return " ".join(text.split())[:120]


def size_category(num: int) -> str:
    """The hub's name for a number of rows."""
    bounds = [10**exponent for exponent in range(3, 13)]
    names = ["1K", "10K", "100K", "1M", "10M", "100M", "1B", "10B", "100B", "1T"]
    if num < bounds[0]:
        return f"n<{names[0]}"
    for low, high, bound in zip(names, names[1:], bounds[1:], strict=False):
        if num < bound:
            return f"{low}<n<{high}"
    return f"n>{names[-1]}"


def yaml_features(features: Mapping[str, Any]) -> list[dict[str, Any]]:
    """`schemas.arrow.features_of` in the form that cards hold: a list of columns, each with its name."""
    return [{"name": name, **_yaml_feature(feature)} for name, feature in features.items()]


def _yaml_feature(feature: Mapping[str, Any]) -> dict[str, Any]:
    kind = feature.get("_type")
    if kind == "Value":
        return {"dtype": feature["dtype"]}
    if kind == "List":
        inner = _yaml_feature(feature["feature"])
        return {"list": inner["dtype"] if inner.keys() == {"dtype"} else inner.get("struct", inner)}
    if kind == "Array2D":
        return {"dtype": {"array2_d": {"shape": list(feature["shape"]), "dtype": feature["dtype"]}}}
    if kind in ("Image", "Audio"):
        options = {name: value for name, value in feature.items() if name != "_type"}
        return {"dtype": {kind.lower(): options} if options else kind.lower()}
    return {"struct": yaml_features(feature)}
