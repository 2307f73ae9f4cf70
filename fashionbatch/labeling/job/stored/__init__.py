"""A job that lies in an object store, so that machines without a common disk work on it; `home` describes it."""
