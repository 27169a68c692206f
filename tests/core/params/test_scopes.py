"""The global names that are found in source code are those that Python's compiler finds."""

from __future__ import annotations

import ast
import inspect
import types

import pytest

from psweep_core.params.sources import global_names
from psweep_core.params.tree_form import form_of


def functions_of(module):
    for node in ast.parse(inspect.getsource(module)).body:
        methods = node.body if isinstance(node, ast.ClassDef) else [node]
        yield from (each for each in methods if isinstance(each, ast.FunctionDef))


class Bare(ast.NodeTransformer):
    """Leave out what is not run when a function is called."""

    def visit_arg(self, node):
        node.annotation = None
        return node

    def visit_AnnAssign(self, node):
        node.annotation = ast.copy_location(ast.Constant(None), node.annotation)
        return self.generic_visit(node)

    def visit_FunctionDef(self, node):
        node.returns = None
        return self.generic_visit(node)

    visit_AsyncFunctionDef = visit_FunctionDef


def names_of(node):
    node = Bare().visit(node)
    node.decorator_list = []
    args = node.args
    args.defaults = [ast.copy_location(ast.Constant(1), default) for default in args.defaults]
    args.kw_defaults = [
        each and ast.copy_location(ast.Constant(1), each) for each in args.kw_defaults
    ]
    code = compile(ast.Module([node], []), "file", "exec")
    inner = next(const for const in code.co_consts if isinstance(const, types.CodeType))
    # __debug__ is a constant, and Python adds some names to the body of a class.
    theirs = {name for name in global_names(inner) if name[:2] != "__"}
    return theirs, {name for name in form_of(node).names if name[:2] != "__"}


@pytest.mark.parametrize(
    "module",
    ["argparse", "ast", "functools", "inspect", "statistics", "textwrap"]
    + ["test.test_named_expressions", "test.test_scope"],
)
def test_global_names_are_those_of_the_compiler(module):
    compared = 0
    for node in functions_of(pytest.importorskip(module)):  # some Pythons come without their tests
        theirs, ours = names_of(node)
        assert ours == theirs, (node.name, node.lineno)
        compared += 1
    assert compared > 10
