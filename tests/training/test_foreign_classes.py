"""A config builds losses and schedules of this project and nothing else."""

import pytest

from input_output.errors import SettingsError
from training.building import build_loss, build_schedule


@pytest.mark.parametrize(
    "target",
    ["os.system", "builtins.eval", "losses.loss.Tensor", "losses.exact_semantic.torch.hub.load", "losses.nothing.There",
     "schedulers.schedule.math.sqrt", "hydra.utils.instantiate", "results.runs.payload", "losses", ""],
)  # fmt: skip
def test_a_foreign_class_is_refused_before_it_is_built(composed, target):
    cfg = composed("scale=smoke")
    cfg.loss._target_ = cfg.schedule._target_ = target
    for build, group in ((build_loss, "loss"), (build_schedule, "schedule")):
        with pytest.raises(SettingsError, match=rf"^{group}\._target_="):
            build(cfg)


def test_also_where_it_is_nested(composed):
    cfg = composed("scale=smoke", "+loss.class_weights.yes._target_=os.getcwd")
    with pytest.raises(SettingsError, match=r"^loss\.class_weights\.yes\._target_=os\.getcwd"):
        build_loss(cfg)
