"""The dataset card that is written beside exported data."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from causal_tasks.constructions import constructions
from causal_tasks.constructions.real_graphs import networks
from causal_tasks.items import Item
from causal_tasks.minimal_pairs import FAMILIES


@dataclass
class Tally:
    """What the card says about a split, counted while its items pass by.

    Args:
        longest: sentences of the longest premise.
        families: minimal pairs of each family, counted in questions.
    """

    graphs: int = 0
    questions: int = 0
    yes: int = 0
    longest: int = 0
    families: Counter = field(default_factory=Counter)

    def count(self, items: Iterable[Item]) -> Iterator[Item]:
        """The same items, each counted as it is taken."""
        for item in items:
            self.graphs += 1
            self.questions += len(item.questions)
            self.longest = max(self.longest, item.premise.count(" causes ") + item.premise.count(" share "))
            for question in item.questions:
                self.yes += question.label
                if "family" in question.strata:
                    self.families[question.strata["family"]] += 1
            yield item


def dataset_card(parts: dict[tuple[str, str, str], Tally], command: str) -> str:
    """Markdown: what each (task, protocol, split) holds, how it was made, its labels and its limits.

    Args:
        parts: (task, protocol, split) -> what was counted of it.
        command: what makes the same data again.
    """
    lines = [
        "# Causal questions in words",
        "",
        f"Made by `{command}`; the same command writes the same bytes.",
        "",
        "| task | protocol | split | what | questions | graphs | Yes % | longest premise (sentences) |",
        "|---|---|---|---|---|---|---|---|",
    ]
    what = {
        split: text for made in constructions() for splits in made.splits.values() for split, text in splits.items()
    }
    for (task, protocol, split), tally in parts.items():
        lines.append(
            f"| {task} | {protocol} | {split} | {what[split]} | {tally.questions} | {tally.graphs} "
            f"| {100 * tally.yes / tally.questions:.1f} | {tally.longest} |"
        )
    splits = {split for _, _, split in parts}
    protocols = {protocol for _, protocol, _ in parts}
    lines += ["", "## Records", "", "JSON lines of `id`, `premise`, `hypothesis`, `label` (Yes or No)."]
    if splits & {"adversarial", "symmetric"}:
        lines.append(
            "Records of minimal pairs (adversarial, symmetric) also carry `pair`, which the two that belong together share, and "
            "adversarial ones `family`."
        )
    lines += [
        "The premise states one edge a sentence; a node is whatever a sentence names; Yes to `Does A cause B?` means a "
        "directed path, Yes to `Are A and B d-separated given {X}?` means that X cuts every path that carries "
        "dependence. Names are random letters and digits unless the split says otherwise.",
        "",
        "## Labels",
        "",
    ]
    if "corrected" in protocols:
        lines.append(
            "`corrected`: unique names, acyclic graphs, labels of networkx (`has_path`, `is_d_separator`), Yes and No "
            "balanced within every stratum. Train, validation and test share no text by construction; structures up "
            "to renaming are shared in distribution."
        )
    if "released" in protocols:
        lines.append(
            "`released`: rebuilt after Deshmukh & Gupta 2026 (arXiv:2605.05438) with the faults of the release: names "
            "repeat, chains are asked in their own order, `shuffled` has no sentence separators, and a chain walked "
            "against its arrows is never blocked. Labels are wrong where these faults make them so; accuracy on "
            "these splits mostly measures answer bias."
        )
    if "adversarial" in splits:
        lines += ["", "## Families of minimal pairs", ""]
        for task, protocol, split in parts:
            if split == "adversarial":
                counts = parts[task, protocol, split].families
                told = ", ".join(f"{name} ({counts[name] // 2} pairs)" for name in FAMILIES[task])
                lines.append(f"- {task}: {told}")
    if "real_graphs" in splits:
        lines += ["", "## Published graphs", ""]
        for network in networks():
            size = f"{len(network.nodes)} nodes, {len(network.edges)} edges"
            lines.append(f"- {network.name.upper()} ({size}): {network.citation}")
    lines += [
        "",
        "## Limits",
        "",
        "Synthetic English of three sentence forms; a good score shows reasoning over stated graphs, not knowledge of "
        "causes in the world. Not for use as evidence about real causal relations.",
    ]
    return "\n".join(lines) + "\n"


def write_card(path: Path, parts: dict[tuple[str, str, str], Tally], command: str) -> None:
    path.write_text(dataset_card(parts, command), encoding="utf-8")
