import pytest

from reference_models.memory import parse_size
from wespe_bench.errors import InputError


@pytest.mark.parametrize("text", ["", "GB", "-1GB", "2XB", "0", "1e9"])
def test_texts_that_are_not_sizes(text):
    with pytest.raises(InputError, match="such as 2GB"):
        parse_size(text)
