"""Runs an exported policy in onnxruntime and compares its decisions with recorded ones.

    python3 tests/python/onnx_policy.py <policy.onnx> <decisions.json>

The decisions are columns: `observations`, `masks`, `actions` (the most probable ones), `probabilities` and `values`.
"""

import json
import sys
from pathlib import Path

import numpy
import onnxruntime

model, decisions = sys.argv[1], json.loads(Path(sys.argv[2]).read_text())
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
inputs = {
    "observation": numpy.array(decisions["observations"], dtype=numpy.float32),
    "action_mask": numpy.array(decisions["masks"], dtype=bool),
}
logits, probabilities, values = session.run(["logits", "probabilities", "value"], inputs)

numpy.testing.assert_array_equal(numpy.argmax(logits, axis=1), decisions["actions"])
numpy.testing.assert_allclose(probabilities, decisions["probabilities"], rtol=0, atol=1e-5)
numpy.testing.assert_allclose(values[:, 0], decisions["values"], rtol=1e-4, atol=1e-5)
assert (probabilities[~inputs["action_mask"]] == 0).all(), "an illegal action has a probability"
# One row alone gives what it gives in company.
alone = session.run(["probabilities"], {name: rows[:1] for name, rows in inputs.items()})[0]
numpy.testing.assert_allclose(alone, probabilities[:1], rtol=0, atol=1e-6)

properties = session.get_modelmeta().custom_metadata_map
blocks = properties["observation_layout"].split(",")
assert blocks[-1].endswith(f"..{inputs['observation'].shape[1]}"), blocks
print(json.dumps({"decisions": len(decisions["actions"]), "properties": properties}))
