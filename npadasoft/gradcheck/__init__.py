from npadasoft.gradcheck.bound import bound
from npadasoft.gradcheck.check import check
from npadasoft.gradcheck.derivative import Derivative, derivative
from npadasoft.gradcheck.errors import GradcheckFailed, GradcheckUsage
from npadasoft.gradcheck.noise import Noise, noise
from npadasoft.gradcheck.report import Report, TensorReport

__all__ = ["Derivative", "GradcheckFailed", "GradcheckUsage", "Noise", "Report", "TensorReport",
           "bound", "check", "derivative", "noise"]
