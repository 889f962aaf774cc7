"""A whole run of a port in this process, as `conform` makes it: put, explained, named."""
from npadasoft.conformance.judge.causes import causes
from npadasoft.conformance.judge.outline import remarkable
from npadasoft.conformance.judge.session import Session
from npadasoft.conformance.mistakes import name_run


def run(port, cases, dtypes=("float64",)):
    """(results, causes)."""
    session = Session(port, cases)
    results = session.run(dtypes)
    session.explain(dtypes)
    name_run(results)
    return results, causes(remarkable(results))
