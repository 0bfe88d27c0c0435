"""DLPack capsules read through ctypes: their description, and their memory until it is let go.

Source: the header of DLPack 0.8, `DLManagedTensor`. Versioned capsules (1.0) are made only for
callers that ask for them, which this SDK does not.
"""

from __future__ import annotations

import ctypes
import weakref
from typing import Any, Final

from ..errors import ImageError

_NAME: Final = b"dltensor"
_USED: Final = b"used_dltensor"


class _Device(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int32), ("id", ctypes.c_int32)]


class _DataType(ctypes.Structure):
    _fields_ = [("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16)]


class _Tensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("device", _Device),
        ("ndim", ctypes.c_int32),
        ("dtype", _DataType),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    ]


class _Managed(ctypes.Structure):
    _fields_ = [
        ("tensor", _Tensor),
        ("context", ctypes.c_void_p),
        # Called with the GIL: producers free Python objects.
        ("deleter", ctypes.PYFUNCTYPE(None, ctypes.c_void_p)),
    ]


def _function(name: str, result: Any, *arguments: Any) -> Any:
    return ctypes.PYFUNCTYPE(result, *arguments)((name, ctypes.pythonapi))


_capsule_is = _function("PyCapsule_IsValid", ctypes.c_int, ctypes.py_object, ctypes.c_char_p)
_capsule_name = _function("PyCapsule_GetName", ctypes.c_char_p, ctypes.py_object)
_capsule_pointer = _function(
    "PyCapsule_GetPointer", ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p
)
_capsule_rename = _function("PyCapsule_SetName", ctypes.c_int, ctypes.py_object, ctypes.c_char_p)


class Borrowed:
    """What a capsule describes. The producer keeps the memory until this object is gone."""

    def __init__(self, address: int) -> None:
        managed = _Managed.from_address(address)
        tensor = managed.tensor
        size = int(tensor.dtype.bits) * int(tensor.dtype.lanes) // 8
        self.pointer = int(tensor.data or 0) + int(tensor.byte_offset)
        self.device_type, self.device_id = int(tensor.device.type), int(tensor.device.id)
        self.dtype = (int(tensor.dtype.code), int(tensor.dtype.bits), int(tensor.dtype.lanes))
        """Code (1: unsigned), bits and lanes."""
        self.shape = tuple(tensor.shape[: tensor.ndim])
        self.strides: tuple[int, ...] | None = None
        """Bytes; None: contiguous."""
        if tensor.strides:
            self.strides = tuple(step * size for step in tensor.strides[: tensor.ndim])
        if managed.deleter:
            # Not at exit: the producer may be gone by then.
            weakref.finalize(self, managed.deleter, address).atexit = False


def is_capsule(value: object) -> bool:
    """Whether this is a capsule at all, of whatever kind."""
    return type(value).__name__ == "PyCapsule"


def borrow(capsule: object) -> Borrowed:
    """Takes a capsule over, as the protocol wants it: once, and then it is marked as used.

    Raises:
        ImageError: used before, or no DLPack capsule of the plain kind.
    """
    if not is_capsule(capsule) or not _capsule_is(capsule, _NAME):
        name = _capsule_name(capsule) if is_capsule(capsule) else None
        shown = (name or type(capsule).__name__.encode()).decode(errors="replace")
        reason = "it was used before" if name == _USED else f"it is called {shown!r}"
        raise ImageError(
            f"this is no DLPack capsule that can be read: {reason}; expected a fresh 'dltensor', "
            "or the array itself"
        )
    address = _capsule_pointer(capsule, _NAME)
    _capsule_rename(capsule, _USED)
    return Borrowed(address)
