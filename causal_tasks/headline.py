"""Which questions of the corrected suites carry the judgement (the headline), and which are shown apart."""

UNSEEN_STRUCTURE = ("length", "branching", "reversed", "shuffled")  # graphs larger than any in training
SEEN_STRUCTURE = ("in_distribution", "long_names")  # most of their questions occur in training under other names
SHORTEST_HEADLINE = 2
# Names of rows over several splits, which no split may have.
SUMMARIES = HEADLINE, SEEN, POOLED = "headline", "seen", "pooled"


def is_headline(split: str, distance: float | None) -> bool:
    """Whether a question counts as headline: structure that training never saw, and no sentence that joins its two nodes.

    Args:
        split: of the corrected protocol.
        distance: hops between the two nodes asked about, arrows ignored: `strata["distance"]` of a labelled question,
            the column `stratum/distance` of a margins table. None or NaN where a question has none (d-separation of
            neighbours and the questions balanced against it), which is no headline.
    """
    return split in UNSEEN_STRUCTURE and distance is not None and bool(distance >= SHORTEST_HEADLINE)
