"""The plugins that come with FashionBatch, found through entry points like anybody else's."""
