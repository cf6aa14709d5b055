"""HLO as what `jax.export.deserialize` reads: the one place that knows more of JAX than its public functions.

JAX exports functions of its own alone. A function of the same types is exported, and its module replaced.
"""

import dataclasses

import jax
import jax.numpy as jnp
from jax import export
from jax._src.interpreters import mlir
from jax._src.lib import _jax
from jax._src.lib.mlir import ir

STABLEHLO = "1.0.0"  # the version that every reader since 2024 knows
TYPES = {
    **{f"i{bits}": f"int{bits}" for bits in (8, 16, 32, 64)},
    **{f"ui{bits}": f"uint{bits}" for bits in (8, 16, 32, 64)},
    **{"i1": "bool", "f16": "float16", "bf16": "bfloat16", "f32": "float32", "f64": "float64"},
}


def exported(hlo: bytes, name: str) -> export.Exported:
    """A module of HLO as an exported function of as many arrays as it has parameters, to a list of its results.

    It runs on every platform that JAX has a compiler for: nothing in it is of one platform.

    Raises:
        ValueError: it calls what is not part of StableHLO, such as a library of one platform.
    """
    with mlir.make_ir_context():
        module = ir.Module.parse(_jax.mlir.hlo_to_stablehlo(hlo))
        _remove_copies(module.body)
        _refuse_calls(module.body)
        inputs, outputs = _types(module)
        artifact = _jax.mlir.serialize_portable_artifact(module, STABLEHLO)

    def placeholder(*arrays):
        return [jnp.zeros(each.shape, each.dtype) for each in outputs]

    placeholder.__name__ = name
    with jax.enable_x64(True):
        made = export.export(
            jax.jit(placeholder, keep_unused=True),
            platforms=["cpu"],
            disabled_checks=[export.DisabledSafetyCheck.platform()],
        )(*inputs)
    return dataclasses.replace(made, mlir_module_serialized=artifact)


def _remove_copies(block) -> None:
    """Removes copies, which TensorFlow marks in its own dialect: artifacts know none."""
    for op in list(block.operations):
        for region in op.regions:
            for inner in region.blocks:
                _remove_copies(inner)
        if op.operation.name == "mhlo.copy":
            op.operation.results[0].replace_all_uses_with(op.operation.operands[0])
            op.operation.erase()


def _refuse_calls(block) -> None:
    for op in block.operations:
        for region in op.regions:
            for inner in region.blocks:
                _refuse_calls(inner)
        if op.operation.name == "stablehlo.custom_call":
            raise ValueError(
                f"it calls {op.operation.attributes['call_target_name']}, which other platforms lack"
            )


def _types(module) -> tuple[list[jax.ShapeDtypeStruct], list[jax.ShapeDtypeStruct]]:
    """What the main function takes and gives."""
    main = next(op for op in module.body.operations if op.attributes["sym_name"].value == "main")
    kind = ir.FunctionType(main.attributes["function_type"].value)
    return [_type(each) for each in kind.inputs], [_type(each) for each in kind.results]


def _type(of_tensor) -> jax.ShapeDtypeStruct:
    ranked = ir.RankedTensorType(of_tensor)
    return jax.ShapeDtypeStruct(tuple(ranked.shape), jnp.dtype(TYPES[str(ranked.element_type)]))
