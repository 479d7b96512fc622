"""Two processes under torchrun train as one does, and one of them writes what they found."""

from sweeps import Sweep, assert_equal_within

TWO = ("-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone", "train.py")


def test_two_processes_leave_what_one_leaves(tmp_path, undisturbed):
    run = Sweep(tmp_path / "two", "experiment=transitivity_semantic", script=TWO)
    printed = run.run()
    assert printed.count("run: ") == 1, "one process writes"
    assert set(run.finished()) == {"transitivity_semantic"}
    one, two = (sweep.cell("transitivity_semantic") for sweep in (undisturbed, run))
    assert {path.relative_to(two) for path in two.rglob("*")} == {path.relative_to(one) for path in one.rglob("*")}
    assert_equal_within(1e-5, run, undisturbed)
