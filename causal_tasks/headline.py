"""Which questions of the corrected suites carry the judgement (the headline), and which are shown apart.

The headline is structure that training never saw, and no sentence that joins the two nodes (`scoring.blocks.in_headline`).
"""

UNSEEN_STRUCTURE = ("length", "branching", "reversed", "shuffled")  # graphs larger than any in training
SEEN_STRUCTURE = ("in_distribution", "long_names")  # most of their questions occur in training under other names
SHORTEST_HEADLINE = 2  # hops between the two nodes asked about, arrows ignored
# Names of rows over several splits, which no split may have.
SUMMARIES = HEADLINE, SEEN, POOLED = "headline", "seen", "pooled"
