import subprocess
import sys

import pytest

GALLERY = (
    "runs metrics theory paper plots explore prediction prediction.policies training "
    "experiments experiments.ledger experiments.report course.checks course.doctor"
).split()


@pytest.mark.parametrize("module", GALLERY)
def test_a_gallery_module_opens_without_torch(module):
    name = f"anytime.{module}"
    code = f"import sys, {name}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
