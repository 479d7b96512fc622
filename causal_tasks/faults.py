"""The faults of the release, each by one name that the config key `faults` switches.

docs/release.md says how each was found. A7, A8, A9 and A14 are findings about published numbers: there is nothing in them
to switch.
"""

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Faults:
    """Which faults are on; by default all of them.

    Args:
        unshifted_cross_entropy: (A1, loss) the cross-entropy of the semantic runs compares the five tokens of the answer
            turn with the logits at their own positions. Off: at the positions before them.
        oracle_of_the_labels: (A2, loss) the semantic term asks for the answer of the oracle that made the labels, so that
            it is answer cross-entropy on the labels, wrong ones included. Off: for what the graph entails.
        class_weighted_answer: (A3, loss) the d-separation semantic run adds answer cross-entropy weighted Yes 7.5 : No 1.0.
            Off: it does not.
        unblocked_reversed_chain: (A4, data) the d-separation oracle does not block a chain walked against its arrows.
            About 26 % of the truly d-separated training queries are labelled No, about 4 % of all labels.
        lost_separators: (A5, data) shuffling drops the full stops between sentences, so that validation reads no edge in
            any premise of `shuffled` and answers No to all but "Does P cause P?"; samples it disagrees with are
            drawn again. Only about 0.2 % Yes are left, instead of 18 %, and the text holds one run-on sentence.
        repeated_names: (A6, data) names are drawn independently, so that two nodes may share one. It is then one node:
            about 10 % of the chains of 7-15 become cyclic, `reversed` gets its only Yes labels, and a question may
            ask about a node and itself.
        ordered_queries: (A6, data) a chain is always asked from an earlier to a later node. `length` is then 100 % Yes
            and `reversed` all but 100 % No; off, either order is asked, and each has about half of both.
        merged_into_4bit: (A10, weights) a run is scored after its adapter was merged into the 4-bit base and rounded to
            4 bit again. Off: base + adapter.
        yes_anywhere_in_text: (A11, verdict) the verdict is Yes if "Yes" occurs anywhere in prompt and generated text, and
            the prompt ends in "'Yes' or 'No'". Off: the larger of the logits of Yes and No.
        foreign_training_prompt: (A12, prompt) the d-separation baseline is trained with a prompt of its own and scored
            with the benchmark's. Off: trained with the benchmark's.
        empty_adapter: (A13, weights) the adapter that is scored was saved after an in-place merge and holds nothing: the
            untuned model is scored. Off: the trained one.
    """

    unshifted_cross_entropy: bool = True
    oracle_of_the_labels: bool = True
    class_weighted_answer: bool = True
    unblocked_reversed_chain: bool = True
    lost_separators: bool = True
    repeated_names: bool = True
    ordered_queries: bool = True
    merged_into_4bit: bool = True
    yes_anywhere_in_text: bool = True
    foreign_training_prompt: bool = True
    empty_adapter: bool = True


NAMES = tuple(field.name for field in fields(Faults))
# What they change: the data of the released construction; how a run is scored; the loss or prompt of a published variant.
OF_DATA = ("unblocked_reversed_chain", "lost_separators", "repeated_names", "ordered_queries")
OF_SCORING = ("merged_into_4bit", "yes_anywhere_in_text", "empty_adapter")
OF_VARIANTS = ("unshifted_cross_entropy", "class_weighted_answer", "foreign_training_prompt")
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
    return Faults(**{name: name in names for name in NAMES})
