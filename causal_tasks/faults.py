"""The faults of the release, each by one name that the config key `faults` switches.

docs/release.md says how each was found, conf/faults/released.yaml what each of them does. A7, A8, A9 and A14 are findings
about published numbers: there is nothing in them to switch.
"""

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Faults:
    """Which faults of the data of the released construction are on; by default all of them.

    Args:
        unblocked_reversed_chain: (A4) the d-separation oracle does not block a chain walked against its arrows.
            About 26 % of the truly d-separated training queries are labelled No, about 4 % of all labels.
        lost_separators: (A5) shuffling drops the full stops between sentences, so that validation reads no edge in
            any premise of `shuffled` and answers No to all but "Does P cause P?"; samples it disagrees with are
            drawn again. Only about 0.2 % Yes are left, instead of 18 %, and the text holds one run-on sentence.
        repeated_names: (A6) names are drawn independently, so that two nodes may share one. It is then one node:
            about 10 % of the chains of 7-15 become cyclic, `reversed` gets its only Yes labels, and a question may
            ask about a node and itself.
        ordered_queries: (A6) a chain is always asked from an earlier to a later node. `length` is then 100 % Yes
            and `reversed` all but 100 % No; off, either order is asked, and each has about half of both.
    """

    unblocked_reversed_chain: bool = True
    lost_separators: bool = True
    repeated_names: bool = True
    ordered_queries: bool = True


OF_DATA = tuple(field.name for field in fields(Faults))
# What the others change: how a run is scored; the loss or prompt of a published variant; what the semantic term asks for.
OF_SCORING = ("merged_into_4bit", "yes_anywhere_in_text", "empty_adapter")
OF_VARIANTS = ("unshifted_cross_entropy", "class_weighted_answer", "foreign_training_prompt")
NAMES = (*OF_DATA, "oracle_of_the_labels", *OF_VARIANTS, *OF_SCORING)
ALL_FAULTS = Faults()


def read_faults(text: str) -> Faults:
    """The faults of a data set: `released` (all), `none`, or the names of those of the data that are on, comma between.

    Raises:
        ValueError: a name that is no fault of the data; the line lists those that are.
    """
    if text == "released":
        return ALL_FAULTS
    names = [] if text == "none" else text.split(",")
    if unknown := [name for name in names if name not in OF_DATA]:
        raise ValueError(
            f"faults={text}: {unknown[0]!r} is no fault of the data; allowed: released, none, or of {', '.join(OF_DATA)}"
        )
    return Faults(**{name: name in names for name in OF_DATA})
