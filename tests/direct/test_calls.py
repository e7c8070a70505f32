"""What calls make of arguments that are not tensors, and what they know of shapes."""

from __future__ import annotations

from typing import Any

import pytest

from converter.direct import calls
from converter.direct.architecture import layer_of
from converter.direct.call import Call
from converter.direct.calls import promotion, slicing
from converter.direct.calls.operands import alike, contents, integers, sizes, tensor
from converter.direct.compiler import Compiler
from converter.direct.graph import Tensor
from converter.direct.layers.operations import node_of
from converter.direct.meanings import Meaning
from converter.direct.protos import Shape, Type
from converter.direct.registry import entry
from converter.errors import NotDirect
from converter.source.model import Writer


@pytest.fixture
def call() -> Call:
    compiler = Compiler(Meaning(Writer("tf.keras", "2.15.0", "tensorflow"), "keras2"))
    return Call(
        compiler, layer_of({"class_name": "TFOpLambda", "config": {"name": "f"}}), {}, (), {}
    )


def given(call: Call, shape: Shape, dtype: str = "float32") -> Tensor:
    """A tensor from outside."""
    attrs = {"dtype": Type(dtype), "shape": shape}
    return call.graph.one("Placeholder", [], dtype, shape, attrs)


def one(call: Call, function: str, *args: Any, **kwargs: Any) -> Tensor:
    """The one result of a function."""
    made = calls.invoke(call, function, args, kwargs)
    assert isinstance(made, Tensor)
    return made


class TestOperands:
    def test_a_number_takes_the_dtype_of_the_tensor_beside_it(self, call: Call) -> None:
        x = given(call, (None, 3), "float64")
        assert [t.dtype for t in alike(call, 1, x, [1.0, 2, 3])] == ["float64"] * 3

    def test_a_fraction_is_no_whole_number(self, call: Call) -> None:
        with pytest.raises(TypeError, match="int32"):
            alike(call, given(call, (None,), "int32"), 0.5)

    def test_tensors_of_two_dtypes_do_not_meet(self, call: Call) -> None:
        with pytest.raises(TypeError, match="together"):
            alike(call, given(call, (None,), "int32"), given(call, (None,)))

    def test_a_list_with_tensors_is_stacked(self, call: Call) -> None:
        size = one(call, "shape", given(call, (None, 3)))
        first = one(call, "__operators__.getitem", size, slice_spec=0)
        assert contents(tensor(call, [first, 7])) == (None, 7)

    @pytest.mark.parametrize("wrong", ["text", None, {"a": 1}, ["x"]])
    def test_what_is_no_number_is_refused(self, call: Call, wrong: Any) -> None:
        with pytest.raises(TypeError):
            tensor(call, wrong)


class TestContents:
    def test_a_shape_is_known_as_far_as_it_is(self, call: Call) -> None:
        size = one(call, "shape", given(call, (None, 4, 6)))
        assert contents(size) == (None, 4, 6)
        rest = one(
            call, "__operators__.getitem", size, slice_spec={"start": 1, "stop": None, "step": None}
        )
        assert contents(rest) == (4, 6)
        assert contents(one(call, "math.reduce_prod", rest)) == (24,)
        assert contents(one(call, "math.multiply", rest, 2)) == (8, 12)
        assert contents(one(call, "concat", [rest, [5]], axis=0)) == (4, 6, 5)

    def test_a_reshape_by_a_shape_knows_its_last_dimension(self, call: Call) -> None:
        x = given(call, (None, 4, 6))
        size = one(call, "shape", x)
        batch = one(call, "__operators__.getitem", size, slice_spec=0)
        assert one(call, "reshape", x, [batch, 24]).shape == (None, 24)
        assert one(call, "reshape", given(call, (None, 24)), size).shape == (None, 4, 6)

    def test_what_is_known_at_run_time_only_is_no_axis(self, call: Call) -> None:
        with pytest.raises(ValueError, match="run time"):
            integers(given(call, (2,), "int32"))
        assert sizes(one(call, "shape", given(call, (3, 4)))) == [3, 4]


class TestSlices:
    @pytest.mark.parametrize(
        ("spec", "shape"),
        [
            ([{"start": None, "stop": None, "step": None}, 0], (None, 6)),
            ([{"class_name": "__ellipsis__"}, -1], (None, 4)),
            ([{"start": None, "stop": None, "step": None}, None], (None, 1, 4, 6)),
            (
                [{"class_name": "__slice__", "config": {"start": 1, "stop": 9, "step": 2}}],
                (None, 4, 6),
            ),
            ([{"class_name": "ellipsis"}, {"start": None, "stop": None, "step": -2}], (None, 4, 3)),
        ],
    )
    def test_the_shape_is_that_of_python(self, call: Call, spec: Any, shape: Shape) -> None:
        made = slicing.getitem(call, given(call, (None, 4, 6)), slicing.spec_of(spec))
        assert made.shape == shape

    @pytest.mark.parametrize(
        "spec", [[0, 0, 0, 0], [{"a": 1}], [{"class_name": "__ellipsis__"}] * 2]
    )
    def test_what_does_not_fit_is_refused(self, call: Call, spec: Any) -> None:
        with pytest.raises(ValueError, match="sliced"):
            slicing.getitem(call, given(call, (None, 4, 6)), slicing.spec_of(spec))

    def test_a_place_outside_is_refused(self, call: Call) -> None:
        with pytest.raises(ValueError, match="no place 4"):
            slicing.getitem(call, given(call, (None, 4)), [Ellipsis, 4])


class TestEinsum:
    @pytest.mark.parametrize(
        ("equation", "shape"),
        [
            ("bij,bkj->bik", (None, 4, 5)),
            ("bij,bkj->kbi", (5, None, 4)),
            ("...ij,...kj->...ki", (None, 5, 4)),
            ("bij,bkj", (4, 5)),
        ],
    )
    def test_the_result_has_the_labels_dimensions(
        self, call: Call, equation: str, shape: Shape
    ) -> None:
        x, y = given(call, (None, 4, 6)), given(call, (None, 5, 6))
        assert one(call, "einsum", equation, x, y).shape == shape

    @pytest.mark.parametrize(
        "equation", ["bii,bkj->bk", "bij->bi", "bijk,bkj->bi", "bij,bkj->bb", "...j,bkj->bk"]
    )
    def test_what_is_no_product_is_refused(self, call: Call, equation: str) -> None:
        x, y = given(call, (None, 4, 6)), given(call, (None, 5, 6))
        with pytest.raises(ValueError, match="einsum"):
            one(call, "einsum", equation, x, y)


class TestPromotion:
    def test_floats_win_over_whole_numbers(self, call: Call) -> None:
        whole, small = given(call, (2,), "int32"), given(call, (2,), "float16")
        assert promotion.common(whole, small) == "float16"
        assert promotion.common(whole, 1) == "int32"
        assert promotion.common(whole, 1.5) == "float32"
        assert promotion.common(whole, 1, floating=True) == "float32"
        assert promotion.common(small, 1.5) == "float16"
        assert promotion.common(small, 1.5, strong=True) == "float32"
        assert promotion.common(small, given(call, (2,), "bfloat16")) == "float32"
        assert promotion.common(given(call, (2,), "uint8"), given(call, (2,), "int8")) == "int16"
        assert promotion.common(given(call, (2,), "bool"), 1) == "int32"


class TestNames:
    def test_a_function_that_is_not_listed_is_refused_by_its_name(self, call: Call) -> None:
        with pytest.raises(NotDirect, match="io\\.read_file"):
            calls.invoke(call, "io.read_file", ["/etc/passwd"], {})

    def test_old_names_of_arguments_are_known(self, call: Call) -> None:
        x = given(call, (None, 1, 6))
        old = {"axis": None, "squeeze_dims": [1], "name": None}
        assert one(call, "compat.v1.squeeze", x, **old).shape == (None, 6)

    def test_an_argument_that_is_not_known_is_an_error(self, call: Call) -> None:
        with pytest.raises(TypeError):
            one(call, "math.add", given(call, (2,)), y=1, wrong=2)

    def test_an_operation_of_keras_3_is_told_from_the_layer_of_its_name(self) -> None:
        tensors: dict[str, Any] = {"args": [], "kwargs": {}}
        raw = {"class_name": "Add", "name": "add", "inbound_nodes": [tensors]}
        plus = layer_of({**raw, "config": {"name": "add"}})
        layer = layer_of({**raw, "config": {"name": "add", "trainable": True}})
        assert entry(plus).build is not entry(layer).build


class TestNodeDefs:
    def test_a_node_in_text_is_read(self, call: Call) -> None:
        node = node_of(
            call, "\n\x03add\x12\x03Add\x1a\x07input_1\x1a\x05add/y*\x07\n\x01T\x12\x020\x01"
        )
        assert (node.op, node.attr["T"].type) == ("Add", 1)

    @pytest.mark.parametrize("wrong", ["\x03\x03", {"op": 3}, {"unknown": 1}, None, 7])
    def test_what_is_no_node_is_refused(self, call: Call, wrong: Any) -> None:
        with pytest.raises(NotDirect):
            node_of(call, wrong)
