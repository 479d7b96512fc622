"""Pack items into tensors: every row is a graph, its premise once, its questions as branches.

A branch sees the premise and itself, never its siblings, and its positions go on from the premise's
end; so its margin is that of the question asked on its own. With one question the row is an
ordinary sequence. What all rows of a batch begin with (system turn, instruction) is computed once, where that saves
enough; in training they then share its dropout, too.

A batch can be read in one pass, under a tree-shaped mask, or in two: the premises, then every question as a row
of its own on the keys and values of its premise. The second does without attention between siblings, which is the
faster of them once rows are wide (models/answerer.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from models.prompts import EncodedItem, common_prefix_length

# A common prefix is read in a pass of its own, which fewer saved tokens do not repay (on a CPU, benchmarks/README.md).
FEWEST_SAVED = 64
# The answer and the token that closes its turn.
_AFTER_HEADER = 2


@dataclass
class PackedBatch:
    """B rows of at most T tokens after a common prefix of P tokens; at most K questions a row.

    prefix:    LongTensor [P], tokens all rows begin with (P may be 0).
    tokens:    LongTensor [B, T], padded.
    positions: LongTensor [B, T], depth in the token tree, counted from the prefix's start.
    branch:    LongTensor [B, T], 0 = premise, k+1 = question k, -1 = padding.
    parents:   LongTensor [B, T], column whose output predicts this token; -1 = none.
    answers:   LongTensor [B, K], column whose output is the answer; 0 where ``asked`` is False.
    asked:     BoolTensor [B, K], False for questions a row does not have.
    """

    prefix: Tensor
    tokens: Tensor
    positions: Tensor
    branch: Tensor
    parents: Tensor
    answers: Tensor
    asked: Tensor

    def to(self, device) -> "PackedBatch":
        return PackedBatch(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})

    def places(self, rows: Tensor, columns: Tensor) -> Tensor:
        """LongTensor [N], where ``columns`` [N] of ``rows`` [N] stand in all that is read: the prefix, then row after row.

        Column -1 is what comes before a row's first, the prefix's last token.
        """
        first = len(self.prefix)
        return torch.where(columns < 0, first - 1, first + rows * self.tokens.shape[1] + columns)

    def answer_places(self, rows: Tensor, slots: Tensor) -> Tensor:
        """LongTensor [N], the ``places`` whose output is the answer to question ``slots`` [N] of ``rows`` [N]."""
        return self.places(rows, self.answers[rows, slots])

    def visible(self, window: int | None = None) -> Tensor:
        """BoolTensor [B, 1, T, P+T]: which columns (prefix first) each token may attend to.

        window: sliding attention, a token sees only positions less than ``window`` behind its own.
        """
        rows, columns = self.tokens.shape
        order = torch.arange(columns, device=self.tokens.device)
        before = order[None, :, None] >= order[None, None, :]
        same = self.branch[:, :, None] == self.branch[:, None, :]
        within = before & (same | (self.branch[:, None, :] == 0))
        prefix = torch.ones(rows, columns, len(self.prefix), dtype=torch.bool, device=self.tokens.device)
        seen = torch.cat([prefix, within], dim=-1)
        if window is not None:
            prefix_positions = torch.arange(len(self.prefix), device=self.tokens.device).expand(rows, -1)
            behind = self.positions[:, :, None] - torch.cat([prefix_positions, self.positions], 1)[:, None, :]
            seen = seen & (behind < window)
        return seen[:, None]


def text_targets(batch: PackedBatch, target: str, header_length: int) -> tuple[Tensor, Tensor, Tensor]:
    """Rows, places (``PackedBatch.places``) and tokens, LongTensor [N] each: the output at a place is held against the token.

    batch: of answered texts. Tokens of the common prefix count once a row, as without it.
    target: which tokens, and whose output predicts them. `sequence`: every token, by the one before it (shifted), padding
        masked; `turn`: the answer turn alone (its header, the answer and the token that closes it), shifted; `released`:
        the tokens of `turn`, each read at its *own* column (audit A1).
    header_length: tokens that open the answer turn, the last of them where the answer is read.
    """
    if target == "sequence":
        rows, columns = (batch.branch >= 0).nonzero(as_tuple=True)
        parents = batch.places(rows, batch.parents[rows, columns])
        predicted = parents >= 0  # the first token of all is not
        count, common = batch.tokens.shape[0], max(len(batch.prefix) - 1, 0)
        of_prefix = torch.arange(common, device=rows.device).repeat(count)
        return (
            torch.cat([torch.arange(count, device=rows.device).repeat_interleave(common), rows[predicted]]),
            torch.cat([of_prefix, parents[predicted]]),
            torch.cat([batch.prefix[1:].repeat(count), batch.tokens[rows, columns][predicted]]),
        )
    rows, slots = batch.asked.nonzero(as_tuple=True)
    offsets = torch.arange(1 - header_length, 1 + _AFTER_HEADER, device=rows.device)
    columns = (batch.answers[rows, slots][:, None] + offsets).flatten()
    rows = rows.repeat_interleave(len(offsets))
    read = columns if target == "released" else batch.parents[rows, columns]
    return rows, batch.places(rows, read), batch.tokens[rows, columns]


@dataclass
class Rows:
    """N single texts (no tree), each going on from what was read before it.

    tokens, positions: LongTensor [N, S], padded on the right. valid: BoolTensor [N, S], False for padding.
    """

    tokens: Tensor
    positions: Tensor
    valid: Tensor


def premises(batch: PackedBatch) -> Rows:
    """The premises of a batch [B], without the common prefix."""
    return _columns_of(batch, torch.arange(len(batch.tokens), device=batch.tokens.device), batch.branch == 0)


def branches(batch: PackedBatch, rows: Tensor, slots: Tensor) -> Rows:
    """Question ``slots[n]`` of graph ``rows[n]``, each [N], without its premise."""
    return _columns_of(batch, rows, batch.branch[rows] == slots[:, None] + 1)


def _columns_of(batch: PackedBatch, rows: Tensor, wanted: Tensor) -> Rows:
    """The ``wanted`` columns [N, T] of ``rows`` [N] in their order, moved to the left."""
    lengths = wanted.sum(1)
    columns = (~wanted).long().argsort(dim=1, stable=True)[:, : int(lengths.max())]
    valid = torch.arange(columns.shape[1], device=columns.device) < lengths[:, None]
    return Rows(batch.tokens[rows].gather(1, columns), batch.positions[rows].gather(1, columns), valid)


def visible_to(rows: Rows, before: Tensor, before_valid: Tensor, window: int | None = None) -> Tensor:
    """BoolTensor [N, 1, S, R+S]: which columns each token may attend to, those read before it first.

    before, before_valid: [N, R], positions of what was read before, and whether it is no padding.
    window: as in PackedBatch.visible.
    """
    position = rows.positions[:, :, None]
    keys = torch.cat([before, rows.positions], 1)[:, None]
    seen = torch.cat([before_valid, rows.valid], 1)[:, None] & (keys <= position)
    if window is not None:
        seen = seen & (position - keys < window)
    return seen[:, None]


def pack(
    items: Sequence[EncodedItem], pad: int, endings: int = 0, kept: int = 0, fewest_saved: float = FEWEST_SAVED
) -> PackedBatch:
    """Lay encoded items out as one batch, padded on the right.

    endings: how many tokens of each branch come after the prompt (answer and turn ending); 0 when
        the branches end with the prompt.
    kept: tokens at the end of every premise that stay in its row (``text_targets`` wants the header of the answer turn).
    fewest_saved: what all rows begin with is taken out if that saves so many tokens; infinite: never.
    """
    shared = common_prefix_length([item.shared for item in items])
    shared = max(min(shared, min(len(item.shared) for item in items) - kept), 0)
    if shared * (len(items) - 1) < fewest_saved:
        shared = 0
    width = max(item.length for item in items) - shared
    most = max(len(item.branches) for item in items)
    tokens, positions, branch, parents = [], [], [], []
    answers = torch.zeros(len(items), most, dtype=torch.long)
    asked = torch.zeros(len(items), most, dtype=torch.bool)
    for row, item in enumerate(items):
        premise = len(item.shared) - shared
        row_tokens = list(item.shared[shared:])
        row_positions = list(range(shared, len(item.shared)))
        row_branch = [0] * premise
        row_parents = [i - 1 for i in range(premise)]
        for k, tail in enumerate(item.branches):
            start = len(row_tokens)
            row_parents += [premise - 1]
            row_parents += range(start, start + len(tail) - 1)
            row_tokens += tail
            row_positions += range(len(item.shared), len(item.shared) + len(tail))
            row_branch += [k + 1] * len(tail)
            answers[row, k] = start + len(tail) - endings - 1
            asked[row, k] = True
        for target, values, filler in (
            (tokens, row_tokens, pad),
            (positions, row_positions, 0),
            (branch, row_branch, -1),
            (parents, row_parents, -1),
        ):
            target.append(values + [filler] * (width - len(values)))
    return PackedBatch(
        prefix=torch.tensor(items[0].shared[:shared], dtype=torch.long),
        tokens=torch.tensor(tokens),
        positions=torch.tensor(positions),
        branch=torch.tensor(branch),
        parents=torch.tensor(parents),
        answers=answers,
        asked=asked,
    )
