"""PyTorch: its own forward cannot be exported to ONNX (pip install onnxscript)."""
import torch

layer = torch.nn.AdaptiveLogSoftmaxWithLoss(8, 20, [5, 10])
try:
    torch.export.export(layer, (torch.randn(3, 8), torch.tensor([0, 5, 19])))
except Exception as error:
    text = " ".join(str(error).split())[:90]
    print(f"torch.export, its first step: {type(error).__name__}: {text}")
else:
    raise AssertionError("mended")
