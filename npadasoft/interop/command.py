"""The command `npadasoft weights`."""
from npadasoft.console import Parser, one_line
from npadasoft.interop.common import WeightFileError
from npadasoft.interop.describe import describe


@one_line("weights", WeightFileError, OSError, ImportError)
def weights(argv):
    """Print what stands in a file of weights; the exit status."""
    parser = Parser(prog="npadasoft weights", description=(
        "Say what stands in a file of weights, without loading it: names, shapes, dtypes, and "
        "which layer it would make, or why none."))
    parser.add_argument("file", metavar="FILE",
                        help="safetensors, .npz, .pt, an index of shards, and others")
    parser.add_argument("--entry", metavar="NAME", help="of a file that holds dicts: one to show")
    parser.add_argument("--all", action="store_true", help="show every name, not the first 40")
    options = parser.parse_args(argv)
    try:
        description = describe(options.file, entry=options.entry)
    except WeightFileError as error:
        raise WeightFileError(f"{options.file}: {error}") from None
    for line in description.lines(10**9 if options.all else 40):
        print(line)
    return 0
