"""FashionBatch's contract suite over everything that this package registers."""

from fashionbatch.testing import parametrize_with_checks


@parametrize_with_checks("fashionbatch-example")
def test_contract(check):
    check()
