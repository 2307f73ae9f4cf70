"""The kit for plugin authors: contract checks that every component of a distribution must pass.

In the tests of a plugin package:

    from fashionbatch.testing import parametrize_with_checks

    @parametrize_with_checks("shoes-for-fashionbatch")
    def test_contract(check):
        check()

A component whose parameters have no defaults needs an example, by `kind/name`:

    @parametrize_with_checks("shoes-for-fashionbatch", examples={"dataset/shoes": {"path": str(FOLDER)}})

The built-in components are held to the same checks.
"""

from fashionbatch.testing.contract import Check, checks_for, parametrize_with_checks

__all__ = ["Check", "checks_for", "parametrize_with_checks"]
