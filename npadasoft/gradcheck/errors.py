"""What gradcheck raises."""


class GradcheckUsage(ValueError):
    """The question is ill-posed: names the path, what was expected and what came."""


class GradcheckFailed(AssertionError):
    """Raised by `Report.raise_if_failed` alone; `.report` is the whole report."""

    def __init__(self, report):
        super().__init__(str(report))
        self.report = report
