"""`fashionbatch try`: how well a folder of labeled photos can be told apart, by which network, within a time."""
