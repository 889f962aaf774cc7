"""Parametrized, pruned, quantized, compiled, wrapped: the layer is found, and has its weights."""
import numpy as np
import pytest

from npadasoft import AdaptiveLogSoftmaxWithLoss, interop
from npadasoft.interop import WeightFileError
from npadasoft.interop.folding import fold

torch = pytest.importorskip("torch")
prune = pytest.importorskip("torch.nn.utils.prune")
U = 2.0**-24        # of float32


def module(**options):
    torch.manual_seed(3)
    return torch.nn.AdaptiveLogSoftmaxWithLoss(8, 30, [5, 12], div_value=2.0, **options)


def each_linear(layer, change):
    """`change` applied to every linear layer's weight."""
    for part in list(layer.modules()):
        if isinstance(part, torch.nn.Linear):
            change(part)
    return layer


def old_weight_norm(part):
    with pytest.warns(FutureWarning):
        torch.nn.utils.weight_norm(part)


def weight_norm(part):
    torch.nn.utils.parametrizations.weight_norm(part)
    with torch.no_grad():
        part.parametrizations.weight.original0.mul_(1.7)


def weight_norm_of_columns(part):
    torch.nn.utils.parametrizations.weight_norm(part, dim=1)


def weight_norm_of_all(part):
    torch.nn.utils.parametrizations.weight_norm(part, dim=None)


def spectral_norm(part):
    torch.nn.utils.parametrizations.spectral_norm(part)


def old_spectral_norm(part):
    torch.nn.utils.spectral_norm(part)


def pruned(part):
    prune.l1_unstructured(part, "weight", 0.5)


def pruned_and_normed(part):
    with pytest.warns(FutureWarning):
        torch.nn.utils.weight_norm(part)
    mask = torch.ones_like(part.weight_v)
    mask[0, 0] = 0
    prune.custom_from_mask(part, "weight_v", mask)


KINDS = [old_weight_norm, weight_norm, weight_norm_of_columns, weight_norm_of_all, spectral_norm,
         old_spectral_norm, pruned, pruned_and_normed]


def weights_of(layer):
    """The weights that the module computes with, as PyTorch itself has them, in eval()."""
    layer.eval()
    layer(torch.zeros(2, 8), torch.tensor([0, 1]))          # hooks bring the weights up to date
    layer.log_prob(torch.zeros(2, 8))
    parts = {name: part for name, part in layer.named_modules()
             if isinstance(part, torch.nn.Linear)}
    return {f"{name}.weight": part.weight.detach().double().numpy() for name, part in parts.items()}


def assert_close(found, wanted):
    """A norm of n <= 30 float32 squares in any order: n u of it, twice the division and product."""
    assert found.keys() == wanted.keys()
    for name, array in wanted.items():
        limit = (8 + 30 + 4) * U * np.abs(array).max()
        assert np.abs(found[name].astype(float) - array).max() <= limit, name


@pytest.mark.parametrize("change", KINDS)
def test_parts_are_made_whole_from_a_file_and_from_the_module(tmp_path, change):
    layer = each_linear(module(), change)
    wanted = weights_of(layer)
    torch.save({"soft." + k: v for k, v in layer.state_dict().items()}, tmp_path / "w.pt")
    loaded = interop.load(tmp_path / "w.pt", prefix="soft.", div_value=2.0)
    assert_close(loaded.state_dict(), wanted)
    layer.train()
    before = {name: tensor.clone() for name, tensor in layer.state_dict().items()}
    assert_close(interop.from_torch(layer).state_dict(), wanted)
    assert all(torch.equal(tensor, before[name]) for name, tensor in layer.state_dict().items())
    assert all(part.training for part in layer.modules())


def test_a_mask_multiplies_without_rounding():
    layer = each_linear(module(), pruned)
    wanted = weights_of(layer)
    found = interop.from_torch(layer).state_dict()
    assert all(np.array_equal(found[name], wanted[name].astype("f4")) for name in wanted)


def test_a_weight_norm_is_rounded_once():
    """Against a whole computed in long double, 11 bits wider than float64."""
    generator = np.random.default_rng(0)
    g, v = generator.normal(size=(6, 1)).astype("f4"), generator.normal(size=(6, 40)).astype("f4")
    wide = v.astype(np.longdouble)
    exact = g * wide / np.sqrt((wide * wide).sum(1, keepdims=True))
    found = fold({"weight_g": g, "weight_v": v})["weight"]
    assert found.dtype == np.float32
    assert (np.abs(found - exact) <= U * np.abs(exact) * (1 + 2.0**-20)).all()


def test_a_direction_of_zeros_is_nan_as_in_pytorch():
    g, v = np.ones((2, 1), "f4"), np.array([[0, 0], [3, 4]], "f4")
    theirs = torch._weight_norm(torch.from_numpy(v), torch.from_numpy(g), 0).numpy()
    found = fold({"weight_g": g, "weight_v": v})["weight"]
    assert np.array_equal(np.isnan(found), np.isnan(theirs)) and np.isnan(found[0]).all()


def test_from_torch_takes_the_weights_of_today_and_not_those_of_the_last_call():
    """A hook makes `weight` anew at the next call; until then the attribute is the old one."""
    layer = each_linear(module(), pruned)
    weights_of(layer)
    with torch.no_grad():
        layer.head.weight_orig.fill_(2.0)
    assert not (layer.head.weight == 2).any()
    found = interop.from_torch(layer).parameters.head.weight
    assert np.array_equal(found, 2 * layer.head.weight_mask.numpy())


def test_other_parametrizations_come_from_the_module_and_are_refused_from_a_file(tmp_path):
    layer = module()
    torch.nn.utils.parametrizations.orthogonal(layer.head)
    found = interop.from_torch(layer).parameters.head.weight
    assert np.array_equal(found, layer.head.weight.detach().numpy())
    torch.save(layer.state_dict(), tmp_path / "w.pt")
    with pytest.raises(WeightFileError, match="a parametrization that is not known: remove it by"):
        interop.load(tmp_path / "w.pt")


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")     # torch.compile's own
def test_a_compiled_and_wrapped_module_has_its_weights(tmp_path):
    plain = module(head_bias=True)
    average = torch.optim.swa_utils.AveragedModel(plain)
    assert np.array_equal(interop.from_torch(average).parameters.head.weight,
                          plain.head.weight.detach().numpy())
    with pytest.raises(TypeError, match="a torch.nn.AdaptiveLogSoftmaxWithLoss, but found Linear"):
        interop.from_torch(plain.head)
    wrapped = torch.compile(torch.nn.DataParallel(plain))
    found = interop.from_torch(wrapped).state_dict()
    for key, tensor in plain.state_dict().items():
        assert np.array_equal(found[key], tensor.numpy())
    torch.save(wrapped.state_dict(), tmp_path / "w.pt")
    with pytest.raises(WeightFileError, match="there is one under prefix='_orig_mod.module.'"):
        interop.load(tmp_path / "w.pt")
    for given in "_orig_mod.module.", "auto":
        loaded = interop.load(tmp_path / "w.pt", prefix=given).state_dict()
        assert all(np.array_equal(loaded[key], array) for key, array in found.items())


@pytest.mark.filterwarnings("ignore")
def test_quantized_modules_and_their_files_are_refused_by_name(tmp_path):
    layer = torch.ao.quantization.quantize_dynamic(torch.nn.Sequential(torch.nn.Linear(4, 3)))
    with pytest.raises(ValueError, match="packs its weights in 8 bits: take the module from bef"):
        interop.from_torch(layer)
    torch.save(layer.state_dict(), tmp_path / "w.pt")
    with pytest.raises(WeightFileError, match="'0._packed_params.dtype' is of a module of torch.a"):
        interop.load(tmp_path / "w.pt")
    with pytest.raises(ValueError, match="packs its weights in 8 bits: take the module from befo"):
        fold({"head._packed_params.dtype": np.zeros(())})


class Extra(torch.nn.AdaptiveLogSoftmaxWithLoss):
    """A module that keeps something of its own in its state."""

    def get_extra_state(self):
        return self.what


@pytest.mark.parametrize("what", [None, {"a": 1}, 3, torch.ones(2)])
def test_an_extra_state_is_no_weight(tmp_path, what):
    layer = Extra(8, 30, [5, 12], div_value=2.0)
    layer.what = what
    assert "_extra_state" in layer.state_dict()
    assert interop.from_torch(layer).cutoffs == (5, 12, 30)
    for prefix in "", "soft.":
        state = {prefix + name: value for name, value in layer.state_dict().items()}
        torch.save(state, tmp_path / "w.pt")
        assert interop.load(tmp_path / "w.pt", prefix=prefix).cutoffs == (5, 12, 30)
        names = list(interop.read(tmp_path / "w.pt"))
        assert (prefix + "_extra_state" in names) == isinstance(what, torch.Tensor)


# ---------------------------------------------------------------- where the layer is

def state(prefix=""):
    asm = AdaptiveLogSoftmaxWithLoss(4, 9, [2, 5], div_value=2.0, rng=0)
    return {prefix + name: array for name, array in asm.state_dict().items()}


@pytest.mark.parametrize("names, options, message", [
    ({"module._orig_mod.": 1}, {}, r"in '.*w.npz': there is one under prefix='module._orig_mod.'$"),
    ({"a.": 1, "b.": 1}, {"prefix": "auto"}, "under prefix='a.' or prefix='b.'"),
    ({"a.": 1}, {"prefix": "b."}, "at prefix='b.': there is one under prefix='a.'"),
    ({}, {"prefix": "auto"}, "Missing key"),
    ({}, {"prefix": "b."}, "no name begins with 'b.'; they are 'other0', .* and 994 more"),
])
def test_the_error_says_under_which_prefix_the_layer_is(tmp_path, names, options, message):
    arrays = {f"other{i}": np.ones(1) for i in range(1000)} if not names else {"x": np.ones(1)}
    for prefix in names:
        arrays |= state(prefix)
    interop.write(tmp_path / "w.npz", arrays)
    with pytest.raises(WeightFileError, match=message) as caught:
        interop.load(tmp_path / "w.npz", **options)
    assert len(str(caught.value)) < 900


def test_auto_takes_the_only_prefix_even_none(tmp_path):
    for prefix in "", "model.", "ema.module.":
        interop.write(tmp_path / "w.npz", state(prefix) | ({"x": np.ones(1)} if prefix else {}))
        assert interop.load(tmp_path / "w.npz", prefix="auto").cutoffs == (2, 5, 9)


def test_the_error_names_the_dict_of_a_checkpoint_that_has_the_layer(tmp_path):
    tensors = {name: torch.from_numpy(array) for name, array in state("module.").items()}
    torch.save({"state": tensors, "epoch": 3}, tmp_path / "c.pt")
    with pytest.raises(WeightFileError, match="one at entry='state', prefix='module.'$"):
        interop.load(tmp_path / "c.pt")
    loaded = interop.load(tmp_path / "c.pt", entry="state", prefix="auto")
    assert loaded.cutoffs == (2, 5, 9)


@pytest.mark.parametrize("arrays, message", [
    ({"w_g": np.ones((2, 1)), "w_v": np.ones((3, 4))}, "direction of shape .3, 4. and sizes of"),
    ({"w_orig": np.ones(2), "w_mask": np.ones(3)}, "has the shape .2,. and a mask of .3,."),
    ({"w_orig": np.ones((2, 3)), "w_u": np.ones(3), "w_v": np.ones(2)}, "not that of a linear"),
    ({"w_g": np.ones((2, 1)), "w_v": np.ones((2, 4)), "w": np.ones(2)}, "'w' stands beside its"),
    ({"parametrizations.w.original": np.ones(2)}, "part of a parametrization that is not known"),
])
def test_parts_that_make_no_whole_are_refused(arrays, message):
    with pytest.raises(ValueError, match=message):
        fold(arrays)


def test_names_that_end_like_parts_and_have_no_companions_stay_as_they_are():
    arrays = {"a_g": np.ones(2), "b_orig": np.ones(2), "c_mask": np.ones(2), "d_v": np.ones(2)}
    assert fold(arrays) == arrays
