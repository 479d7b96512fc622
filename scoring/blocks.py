"""Which rows of a margins table belong together: the blocks that are resampled, and the headline.

A block is what was drawn together. Graphs of one block of the corrected suites share their strata and balance each other's labels; the questions about one
published network share the network; a minimal pair shares all but one edit. Elsewhere a block is a graph.
"""

import pandas as pd

from causal_tasks.headline import SHORTEST_HEADLINE, UNSEEN_STRUCTURE
from causal_tasks.spec import BLOCK

# Raised whenever the same margins would give other numbers: other metrics, other blocks, other intervals. Tables compare
# only rows of one version; `python -m scoring.again` brings older ones up to date. 1: intervals over graphs, no
# headline. 2: no balanced accuracy of the learned yardstick. 3: no yardstick that reads the order of telling, joins two sentences or
# counts names, and none on minimal pairs.
SCORER_VERSION = 4
PAIR, NETWORK = "stratum/pair", "stratum/network"
_DRAWN_IN_BLOCKS = r"^(?P<suite>(?:transitivity|dseparation)-(?:corrected|families)-[^/]+-\d+)-(?P<index>\d{6})$"


def blocks(margins: pd.DataFrame) -> pd.Series:
    """Name of the block of every row of a margins table.

    Args:
        margins: the column block, or else graph and, where the suite has them, stratum/pair and stratum/network.
    """
    if "block" in margins:
        return margins["block"]
    graph = margins["graph"].astype("string")
    drawn = graph.str.extract(_DRAWN_IN_BLOCKS)
    number = pd.to_numeric(drawn["index"]) // BLOCK
    found = (drawn["suite"] + "-block" + number.astype("Int64").astype("string")).fillna(graph)
    for column in (NETWORK, PAIR):
        if column in margins:
            named = margins["task"].astype("string") + "-" + margins[column].astype("string")
            found = named.fillna(found)
    return found.astype(object)


def in_headline(table: pd.DataFrame) -> pd.Series:
    """Which rows of a margins table are headline (causal_tasks/headline.py): bool, with its index.

    A question without a distance is not: d-separation of neighbours, and the questions balanced against it.
    """
    if "stratum/distance" not in table or not (table["protocol"] == "corrected").all():
        return pd.Series(False, index=table.index)
    return table["split"].isin(UNSEEN_STRUCTURE) & (table["stratum/distance"].astype(float) >= SHORTEST_HEADLINE)
