"""How two tracks mix, in words."""

from tonearm.graph.harmony import Change, Relation

_FELT = {0.5: " ×½", 1.0: "", 2.0: " ×2"}


def relation_in_words(relation: Relation, camelot: str) -> str:
    """The relation of two keys; ``camelot`` is the code of the second one."""
    mode = "major" if camelot.endswith("B") else "minor"
    return {
        Relation.SAME: "same key",
        Relation.RELATIVE: f"relative {mode}",
        Relation.FIFTH_UP: "a fifth up",
        Relation.FIFTH_DOWN: "a fifth down",
        Relation.PARALLEL: f"parallel {mode}",
        Relation.LIFT: "a whole tone up",
    }[relation]


def change_in_words(change: Change) -> str:
    """``+1.6 %``, or ``−0.4 % ×2`` for a track that is felt at double its tempo."""
    percent = round(change.percent, 1)
    sign = "+" if percent > 0 else "−" if percent < 0 else ""
    return f"{sign}{abs(percent):.1f} %{_FELT[change.level]}"
