"""What can go wrong, each with its exit code. A message says what was found, what is expected and what to type next.

0  done                                  1  the gate says FAIL
2  it could not be done, nothing changed 3  the gate says INCONCLUSIVE
4  the proof failed, the old release serves
5  another deploy or rollback is at work, or has taken over
6  deploys are held since a rollback     7  the new release failed while it was watched, the old one serves
8  the doctor found something to mend   9  what is asked is no longer what was learnt from
10 an update from the template is on its branch, and the tests fail there
"""


class PipelineError(Exception):
    """It could not be done; nothing was changed."""

    exit_code = 2


class DataRefused(PipelineError):
    """The training data does not meet the expectations: a FAIL before anything is fitted."""

    exit_code = 1


class ModelRefused(PipelineError):
    """The model or its release is not fit to serve: a FAIL outside the comparison."""

    exit_code = 1


class OwnerError(PipelineError):
    """The code in model/ failed; nothing was changed."""

    def __init__(self, where: str, found: str, doing: str, expected: str, fix: str) -> None:
        """Say where it failed, with what, while what was done, what is expected and what to do."""
        self.where, self.found, self.doing, self.expected, self.fix = where, found, doing, expected, fix
        super().__init__(f"{where}: {found}. While: {doing}. Expected: {expected}. Next: {fix}.")


class SuiteRefused(PipelineError):
    """One of the expectations cannot be built, or not be evaluated: nothing is judged by the others alone."""


class ServiceFailed(PipelineError):
    """A service failed on what it was sent; who runs it adds what its log says."""


class NotServing(PipelineError):
    """A release ended, or took too long, instead of becoming ready."""


class ProofError(PipelineError):
    """What runs is not what was asked for; what ran before serves again."""

    exit_code = 4


class Busy(PipelineError):
    """Another deploy or rollback holds the environment."""

    exit_code = 5


class Moved(Busy):
    """Another deploy or rollback has switched since this one looked."""


class Held(PipelineError):
    """Deploys are held since a rollback, until a person resumes them."""

    exit_code = 6


class BakeError(PipelineError):
    """The new release failed while it was watched, or could not be watched; what ran before serves again."""

    exit_code = 7


class Drifted(PipelineError):
    """What is asked is no longer distributed as what was learnt from."""

    exit_code = 9


class UpdateFails(PipelineError):
    """What the template changed is on a branch of its own, and the tests fail there."""

    exit_code = 10
