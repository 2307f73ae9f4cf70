"""From a folder of photos to a commented recipe: how it is laid out, what is in it, what fits it, and the text.

`draft_recipe` looks at the data through the dataset plugins, chooses, and asks only where the data can be read in more
than one way.
"""

from __future__ import annotations

from fashionbatch.drafting.asking import Ask, Question, take_the_safest
from fashionbatch.drafting.run import Draft, draft_recipe, write_draft

__all__ = ["Ask", "Draft", "Question", "draft_recipe", "take_the_safest", "write_draft"]
