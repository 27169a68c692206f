"""Functions and classes that cannot be imported, taken apart into what they do."""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import functools
import inspect
import sys
import types
from typing import Any

from .naming import MARK, builtin_type_name, mark
from .sources import CODE_MARK, code_digest, global_names

__all__ = ["global_parts", "wrapper_parts"]

# of a module or class: says where it is, not what it does
_NO_GLOBALS = frozenset(
    {"__name__", "__file__", "__doc__", "__spec__", "__loader__", "__package__", "__builtins__"}
)
# in the namespace of a class: follows from the rest, or is there in some versions of Python only
_DERIVED = frozenset(
    {
        "__module__", "__qualname__", "__doc__", "__dict__", "__weakref__", "__annotations__",
        "__annotate__", "__annotate_func__", "__annotations_cache__", "__conditional_annotations__",
        "__static_attributes__", "__firstlineno__", "__type_params__", "__parameters__",
        "__orig_bases__", "__abstractmethods__", "_abc_impl", "__classdictcell__", "__slotnames__",
        "__dataclass_fields__", "__dataclass_params__", MARK, CODE_MARK,
    }
)  # fmt: skip
# what @dataclass writes
_DATACLASS_METHODS = frozenset(
    {
        "__init__", "__repr__", "__eq__", "__lt__", "__le__", "__gt__", "__ge__", "__hash__",
        "__setattr__", "__delattr__", "__replace__", "__getstate__", "__setstate__",
    }
)  # fmt: skip
_DATACLASS_NAMES = frozenset(
    {
        "__class__", "__qualname__", "NotImplemented", "hash", "type", "object", "super", "setattr",
        "__setattr__", "__delattr__", "FrozenInstanceError", "cls", "fields", "__post_init__",
        "BUILTINS", "__dataclass_builtins_object__", "repr", "_HAS_DEFAULT_FACTORY",
    }
)  # fmt: skip
_PARAMS = ("init", "repr", "eq", "order", "unsafe_hash", "frozen")
_FIELD = ("name", "type", "init", "repr", "hash", "compare", "kw_only")


def global_parts(obj: Any) -> tuple[Any, ...]:
    """Return a word and values that say what a class or function is.

    Raises
    ------
    TypeError
        It can be neither imported nor taken apart.
    """
    name = mark(obj) or builtin_type_name(obj)
    if name is not None:
        return (f"global {name}",)
    if isinstance(obj, types.FunctionType):
        return _function_parts(obj)
    if isinstance(obj, enum.EnumMeta):
        return _enum_parts(obj)
    if isinstance(obj, type):
        if obj.__flags__ & _HEAP_TYPE == 0:
            message = f"the class {obj.__qualname__} cannot be imported"
            raise TypeError(message)
        return _class_parts(obj)
    if getattr(obj, "__self__", None) is not None and not isinstance(
        obj.__self__, types.ModuleType
    ):
        return "method", obj.__self__, obj.__name__
    place = f"{obj.__module__}:{obj.__name__}"
    if getattr(sys.modules.get(str(obj.__module__)), obj.__name__, None) is obj:
        return (f"global {place}",)  # such as torch.relu, a method of a class without a place
    message = f"{obj.__module__}.{obj.__qualname__} cannot be imported"
    raise TypeError(message)


_HEAP_TYPE = 1 << 9


def wrapper_parts(obj: Any, kind: type) -> tuple[Any, ...] | None:
    """Return the same for what wraps a function, in a class most often."""
    if isinstance(obj, property):
        return "property", kind, obj.fget, obj.fset, obj.fdel
    if isinstance(obj, classmethod | staticmethod):
        return kind.__name__, obj.__func__
    if isinstance(obj, functools.cached_property):
        return "cached_property", kind, obj.func
    if isinstance(obj, functools._lru_cache_wrapper):
        name = mark(obj)
        if name is not None:
            return (f"global {name}",)
        return "lru_cache", obj.__wrapped__, obj.cache_parameters()
    if isinstance(obj, dataclasses.Field):
        return _field_parts(obj)
    numba: Any = sys.modules.get("numba.core.dispatcher")
    if isinstance(obj, getattr(numba, "Dispatcher", ())):
        return _jit_parts(obj, kind)
    return None


def _jit_parts(obj: Any, kind: type) -> tuple[Any, ...]:
    """Return the same for a function that numba compiles. It pickles with a random number."""
    name = mark(obj)
    if name is None:
        return "numba", kind.__name__, obj.py_func, dict(obj.targetoptions)
    # numba pickles the attributes of the function alone, and copies them back.
    with contextlib.suppress(Exception):
        setattr(obj.py_func, MARK, vars(obj)[MARK])
    return (f"global {name}",)


def _function_parts(func: types.FunctionType) -> tuple[Any, ...]:
    code = func.__code__
    cells = []
    for cell in func.__closure__ or ():
        try:
            cells.append(cell.cell_contents)
        except ValueError:  # is not assigned yet
            cells.append(())
    if _is_of_python(func):
        says, used = _place(func), set()
    else:
        says, used = code_digest(func), global_names(code) - _NO_GLOBALS
    values = {name: func.__globals__[name] for name in used if name in func.__globals__}
    own = {name: value for name, value in vars(func).items() if name not in (MARK, CODE_MARK)}
    own.pop("__wrapped__", None)  # is in the closure, or is not used
    return ("function", func.__name__, says, func.__defaults__, func.__kwdefaults__,
            list(code.co_freevars), cells, values, own)  # fmt: skip


def _is_of_python(func: types.FunctionType) -> bool:
    """Return whether a function is from the standard library: its code differs with the version."""
    module = str(func.__globals__.get("__name__")).partition(".")[0]
    return module in sys.stdlib_module_names and func.__code__.co_name != "<lambda>"


def _place(func: types.FunctionType) -> str:
    code = func.__code__
    return f"{func.__globals__['__name__']}:{code.co_name}{code.co_varnames[: code.co_argcount]}"


def _class_parts(cls: type) -> tuple[Any, ...]:
    own = vars(cls)
    is_namedtuple = issubclass(cls, tuple) and "_fields" in own and "_make" in own
    namespace = {
        name: value
        for name, value in own.items()
        if name not in _DERIVED
        and not isinstance(value, types.MemberDescriptorType | types.GetSetDescriptorType)
        and not (is_namedtuple and _is_of_namedtuple(name, value, own["_fields"]))
        and not ("__dataclass_fields__" in own and _is_of_dataclass(name, value, own))
    }
    parts = ["class", cls.__name__, type(cls), list(cls.__bases__), _annotations(cls), namespace]
    if "__dataclass_fields__" in own:
        params = own["__dataclass_params__"]
        parts.append([getattr(params, name) for name in _PARAMS])
        parts.append(list(own["__dataclass_fields__"].values()))
    return tuple(parts)


def _annotations(cls: type) -> list[Any]:
    try:
        return list(inspect.get_annotations(cls).items())
    except NameError:  # Python 3.14 looks for them only now
        return []


def _is_of_namedtuple(name: str, value: Any, fields: tuple[str, ...]) -> bool:
    func = getattr(value, "__func__", value)
    if isinstance(func, types.FunctionType):
        module = str(func.__module__)
        return module in ("collections", "typing") or module.startswith("namedtuple_")
    return name in fields and type(value).__name__ == "_tuplegetter"


def _is_of_dataclass(name: str, value: Any, own: Any) -> bool:
    """Return whether @dataclass wrote a method, out of the fields."""
    if name not in _DATACLASS_METHODS:
        return False
    func = getattr(value, "__wrapped__", value)  # recursive_repr wraps __repr__
    if getattr(func, "__module__", None) == "dataclasses":
        return True
    if not isinstance(func, types.FunctionType):
        return False
    with contextlib.suppress(TypeError):
        code_digest(func)
        return False  # There is a source, so the user wrote it.
    allowed = _DATACLASS_NAMES | own["__dataclass_fields__"].keys()
    return bool(global_names(func.__code__) | {*func.__code__.co_names} <= allowed)


def _field_parts(field: Any) -> tuple[Any, ...]:
    # cloudpickle makes another object of MISSING.
    defaults = [
        [] if isinstance(value, type(dataclasses.MISSING)) else [value]
        for value in (field.default, field.default_factory)
    ]
    return ("field", *(getattr(field, name) for name in _FIELD), dict(field.metadata), *defaults,
            str(field._field_type))  # fmt: skip


def _enum_parts(cls: enum.EnumMeta) -> tuple[Any, ...]:
    members = [(name, member.value) for name, member in cls.__members__.items()]  # type: ignore[var-annotated]
    namespace = {
        name: value
        for name, value in vars(cls).items()
        if name not in cls.__members__ and name not in _DERIVED and _is_of_user(name, value)
    }
    kind = None if type(cls) is enum.EnumMeta else type(cls)  # has another name since Python 3.11
    return "enum class", cls.__name__, kind, list(cls.__bases__), members, namespace


def _is_of_user(name: str, value: Any) -> bool:
    """Return whether the namespace of an enum holds this because the user wrote it."""
    func = getattr(value, "__func__", value)
    if isinstance(func, types.FunctionType):
        return func.__module__ != "enum" and name != "_generate_next_value_"
    return not name.startswith("_")
