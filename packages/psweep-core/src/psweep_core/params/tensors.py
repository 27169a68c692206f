"""Tensors of PyTorch, taken apart into what makes up their value.

They pickle with the addresses of their memory, which differ from one copy to the next.
"""

from __future__ import annotations

import sys
from typing import Any

from .state import own_state

__all__ = ["tensor_parts"]


def tensor_parts(obj: Any, kind: type) -> tuple[Any, ...] | None:
    """Return a word and the values that an object of PyTorch consists of, or None."""
    torch: Any = sys.modules.get("torch")
    if getattr(torch, "UntypedStorage", None) is None:  # not imported yet, or only partly
        return None
    if isinstance(obj, torch.Tensor):
        return _strided_parts(obj, kind, torch) if _is_strided(obj, kind, torch) else None
    if isinstance(obj, torch.TypedStorage):
        return "torch storage", obj.dtype, obj.untyped()
    if isinstance(obj, torch.UntypedStorage):
        memory = torch.empty(0, dtype=torch.uint8).set_(obj.cpu())
        return "torch storage", str(obj.device), memory.numpy().tobytes()
    if kind is torch.Generator:
        return "torch generator", str(obj.device), obj.get_state()
    if kind in (torch.memory_format, torch.qscheme):  # their names tell no module
        return "torch", kind.__name__, str(obj)
    return None


def _is_strided(obj: Any, kind: type, torch: Any) -> bool:
    """Return whether a tensor is an array in memory. Others pickle as tensors that are."""
    dispatch: Any = kind
    return (
        obj.layout is torch.strided
        and not (obj.is_quantized or obj.is_nested or obj.device.type == "meta")
        # a class of its own, which may hold anything
        and dispatch.__torch_dispatch__ is torch.Tensor.__torch_dispatch__
    )


def _strided_parts(obj: Any, kind: type, torch: Any) -> tuple[Any, ...]:
    with torch._C.DisableTorchFunctionSubclass():
        device = str(obj.device)
        plain = obj.detach().as_subclass(torch.Tensor).cpu().resolve_conj().resolve_neg()
        dtype = plain.dtype
        try:
            values = plain.numpy()
        except TypeError:  # a type that NumPy does not have
            if dtype.is_complex:
                values = plain.to(torch.complex64).numpy()
            elif dtype is torch.bfloat16:
                values = plain.float().numpy()
            else:
                memory = plain.contiguous().reshape(-1).view(torch.uint8)
                values = memory.numpy().tobytes()
        shape = list(plain.shape)
        return "tensor", kind, dtype, shape, device, obj.requires_grad, values, own_state(obj) or {}
