"""Examples of answers for the OpenAPI document, made from their schemas and a value for each name of a field."""

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

AT = 1_764_370_000.0
PATH = "/music/Robert Miles/Children.flac"
WORKING = {
    "worker": "studio:4711",
    "file": 7,
    "job": 812,
    "path": PATH,
    "stage": "decode",
    "fraction": 0.4,
    "for_s": 1.2,
}
LEVEL = {"level": "high", "queued": 120, "retrying": 2, "running": 2, "oldest_s": 61.0, "drain_s": 95.0}
VALUES: Mapping[str, Any] = {
    "path": PATH,
    "path_b64": None,
    "at": AT,
    "more": False,
    "library": "/home/anna/.local/share/tonearm/library.db",
    "id": 7,
    "job": 812,
    "run": 3,
    "batch": 1,
    "version": 3,
    "files": 1250,
    "count": 1250,
    "total": 1250,
    "rows": 1250,
    "discovered": 1250,
    "pending": 130,
    "done": 1118,
    "failed": 2,
    "attempts": 3,
    "queue_position": 1,
    "slots": 4,
    "title": "Children",
    "artist": "Robert Miles",
    "album": "Dreamland",
    "album_artist": "Robert Miles",
    "genre": "Dream House",
    "track": 1,
    "disc": 1,
    "year": 1996,
    "codec": "flac",
    "container": "flac",
    "sample_rate_hz": 44_100,
    "channels": 2,
    "bit_depth": 16,
    "bit_rate_bps": 912_000,
    "duration_s": 451.2,
    "decoded_s": 451.2,
    "bpm": 137.0,
    "bpm_confidence": 0.92,
    "key": "F minor",
    "camelot": "4A",
    "key_confidence": 0.81,
    "loudness_lufs": -9.4,
    "energy": 0.71,
    "relation": "same",
    "tempo_change_percent": 0.0,
    "felt_at": 1.0,
    "score": 0.93,
    "distance": 0.8,
    "code": "not-audio",
    "cause": "the file is no audio",
    "reason": "This is not a music file.",
    "advice": "Check what it is.",
    "example": "/music/notes.mp3",
    "level": "high",
    "state": "running",
    "worker": "studio:4711",
    "host": "studio",
    "stage": "decode",
    "paths": ["/music"],
    "correlation_id": "c3822c299f40febb521aa1216d386e8e",
    "what": "retry failed files",
    "who": "anna",
    "action": "retry failed files",
    "about": {"codes": ["not-audio"]},
    "name": "tempo",
    "service": "Redis",
    "latency_ms": 0.8,
    "breakers": {"studio:4711": "closed"},
    "broker": None,
    "setting": "rescan_s",
    "value": 3600.0,
    "from": "default",
    "environment": "TONEARM_RESCAN_S",
    "description": "Seconds between two scans.",
    "states": {"done": 1118, "partial": 0, "quarantined": 2, "waiting": 130},
    "queue": [LEVEL],
    "running": [WORKING],
    "rates": [{"window_s": 60, "files_per_s": 1.3, "failed_per_s": 0.0, "times_real_time": 310.0}],
    "rest": None,
    "proposed_path": "/music/4A 137 Robert Miles - Children.flac",
    "confidence": 0.9,
    "costs": [],
    "conflicts": [],
    "status": "pending",
    "data": {"tracks": {"items": [{"title": "Children", "bpm": 137.0}]}},
    "tags": {"title": "Children", "artist": "Robert Miles"},
    "beats": [0.112, 0.55, 0.988],
    "locked": ["bpm"],
    "measured": {"bpm": 68.5},
    "stale": {},
}
"""Values by the names of fields."""
OF_MODELS: Mapping[str, Mapping[str, Any]] = {
    "Track": {"state": "done"},
    "ActivityModel": {"history": {"span_s": 30, "files": [0, 12, 39, 41]}},
    "TrackDetail": {"state": "done", "history": [{"at": AT, "what": "done"}]},
    "SimilarTrack": {"state": "done"},
    "RunModel": {"finished_at": None},
    "JobModel": {"code": None, "reason": None, "advice": None, "attempts": 1},
    "FailureModel": {"state": "quarantined"},
    "GroupModel": {"files": 2, "quarantined": 2},
    "GroupsModel": {"files": 2},
    "WorkerModel": {"state": "working"},
    "ServiceModel": {"reason": None},
    "ServiceStateModel": {"reason": None, "advice": None},
    "ActionModel": {"id": "9f86d081884c7d65", "reason": None, "failed": 0},
}
"""What fields of some models have instead."""


def add_examples(document: dict[str, Any]) -> None:
    """Give each answer in JSON that is no problem an example."""
    schemas = document["components"]["schemas"]
    for path in document["paths"].values():
        for route in path.values():
            for status, answer in route["responses"].items():
                content = answer.get("content", {}).get("application/json")
                if content and status.startswith("2"):
                    made = example_of(content["schema"], schemas)
                    if "what" in made:  # an action, named after its route
                        made["what"] = route["summary"].lower()
                    content["example"] = made


def example_of(schema: Schema, schemas: Mapping[str, Schema], name: str = "") -> Any:
    """A value of a schema. name: of the field that has it. An object has what is required, and what has a value."""
    title = ""
    if "$ref" in schema:
        title = schema["$ref"].rpartition("/")[2]
        schema = schemas[title]
    if "properties" in schema:
        return _object(schema, schemas, title)
    if schema.get("type") == "array" and name not in VALUES:
        items = schema.get("items", {})
        return [example_of(items, schemas)] if "$ref" in items else []
    if "enum" in schema and VALUES.get(name) not in schema["enum"]:
        return schema["enum"][0]
    if name in VALUES:
        return VALUES[name]
    if name.endswith("_at"):
        return AT
    return _plain(schema)


def _object(schema: Schema, schemas: Mapping[str, Schema], title: str) -> dict[str, Any]:
    required = schema.get("required", ())
    made = {
        name: example_of(each, schemas, name)
        for name, each in schema["properties"].items()
        if name in required or VALUES.get(name) is not None
    }
    return {**made, **OF_MODELS.get(title, {})}


def _plain(schema: Schema) -> Any:
    if "anyOf" in schema:
        return None if {"type": "null"} in schema["anyOf"] else _plain(schema["anyOf"][0])
    return {"integer": 0, "number": 0.0, "boolean": True, "string": "", "object": {}, "array": []}.get(
        schema.get("type", "")
    )
